"""The report of a run: everybody counted once, and what is new, lost and other since the last run."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from service.discovery.model import Ended, Facts, Selection, Uncoded
from service.discovery.report import ReportMaker
from service.fhir.coverage import Tally
from service.screening.document import Document
from tests.builders import SampleChart, complete_chart, empty_chart, observation
from tests.nights import night, report, told_of
from tests.verdicts import shipped_study

CHART = complete_chart()
LOW = observation("777-3", "49 10*9/L", "2026-11-20", id="plt-2", meta={"versionId": "1"})
UNWELL = CHART.add(LOW)
KEYS = [
    "run", "study", "as_of", "source", "engine", "seen", "selected", "screened", "by_status", "by_priority", "funnel",
    "new", "lost", "changed", "missing", "rescreen_due", "failed", "coverage", "unread", "seconds",
    "uncoded_conditions", "not_permitted", "since", "dry_run", "timings",
]  # fmt: skip


def error(patient: str, code: str) -> Ended:
    """Return the end of somebody who cannot be screened."""
    return Ended(patient, {"patient": patient, "error": {"code": code, "detail": "…"}})


class Person(dict[str, Any]):
    """A document of which can be told whether it is held."""


def made(people: list[Ended], before: Mapping[str, Document], **facts: Any) -> dict[str, Any]:
    """Return a report of people as they are kept."""
    selection = Selection(seen=None, patients=[one.patient for one in people])
    about = Facts("r", "NCT06722105", date(2026, 11, 23), "bulk", "local", selection, 1.0, **facts)
    return told_of(about, people, before)


def test_the_keys_are_those_of_the_contract_in_its_order() -> None:
    """What else there is to tell comes behind them; all of it is JSON."""
    told = report({"Patient/a": CHART, "Patient/b": UNWELL, "Patient/c": "try-later"})

    assert list(told) == KEYS
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_everybody_is_counted_once() -> None:
    """Statuses, priorities, and each criterion over all who were screened, in the protocol's order."""
    told = report({"Patient/a": CHART, "Patient/b": UNWELL, "Patient/c": CHART.drop("dlco"), "Patient/d": "try-later"})
    funnel = {each["id"]: each for each in told["funnel"]}

    assert (told["seen"], told["selected"], told["screened"]) == (1000, 4, 3)
    assert told["by_status"] == {"candidate": 1, "potential-candidate": 1, "ineligible": 1}
    assert sum(told["by_priority"].values()) == 2
    assert list(told["by_priority"]) == ["1", "2", "3", "4"]
    assert list(funnel) == [criterion.id for criterion in shipped_study().criteria]
    assert funnel["E11"] == {"id": "E11", "pass": 2, "fail": 1, "missing_data": 0, "to_confirm": 0}
    assert funnel["E3"]["missing_data"] == 1
    assert funnel["I1"]["to_confirm"] == 3
    assert {sum(row[name] for name in row if name != "id") for row in told["funnel"]} == {3}


def test_of_the_first_run_everybody_on_the_list_is_new() -> None:
    """Nobody was on it before; who is ineligible is not on it now."""
    told = report({"Patient/a": CHART, "Patient/b": UNWELL})

    assert told["new"] == [{"patient": "Patient/a", "status": "candidate", "priority": 1, "because": []}]
    assert (told["lost"], told["changed"]) == ([], [])


def test_the_same_again_is_no_news() -> None:
    """Nobody new, lost or changed where nothing changed, on another day neither."""
    people = {"Patient/a": CHART, "Patient/b": UNWELL}
    told = report(people, before=people, as_of="2026-11-24", day_before="2026-11-23")

    assert (told["new"], told["lost"], told["changed"]) == ([], [], [])


def test_who_comes_back_is_new_with_the_value_that_did_it() -> None:
    """Somebody was ineligible for platelets that have risen since."""
    risen = UNWELL.add(observation("777-3", "180 10*9/L", "2026-11-22", id="plt-3"))
    (entry,) = report({"Patient/b": risen}, before={"Patient/b": UNWELL})["new"]

    assert (entry["status"], entry["priority"]) == ("candidate", 1)
    (cause,) = entry["because"]
    assert (cause["criterion"], cause["source"], cause["value"]["text"]) == ("E11", "Observation/plt-3", "180")


def test_who_is_lost_has_the_new_status_and_the_value_that_did_it() -> None:
    """Platelets fell under the threshold."""
    assert report({"Patient/a": UNWELL}, before={"Patient/a": CHART})["lost"] == [
        {
            "patient": "Patient/a",
            "status": "ineligible",
            "priority": None,
            "because": [
                {
                    "criterion": "E11",
                    "source": "Observation/plt-2/_history/1",
                    "value": {"text": "49", "unit": "10*9/L", "as_received": "49 10*9/L"},
                    "effective": "2026-11-20",
                    "reason": None,
                    "notion": "platelets",
                }
            ],
        }
    ]


def test_who_is_not_in_the_source_any_more_is_lost() -> None:
    """Only of those who were on the list, in the place where their reference stands."""
    before = {"Patient/a": CHART, "Patient/b": CHART, "Patient/c": UNWELL}
    told = report({"Patient/b": UNWELL}, before=before)

    assert [(each["patient"], each["status"]) for each in told["lost"]] == [
        ("Patient/a", "not-in-source"),
        ("Patient/b", "ineligible"),
    ]


def test_who_stays_on_the_list_with_another_status_is_changed() -> None:
    """From and to, and why."""
    told = report({"Patient/a": CHART.drop("dlco")}, before={"Patient/a": CHART})
    (entry,) = told["changed"]

    assert entry["from"] == {"status": "candidate", "priority": 1}
    assert entry["to"]["status"] == "potential-candidate"
    assert {(cause["criterion"], cause["reason"]) for cause in entry["because"]} >= {("E3", "no-record")}
    assert (told["new"], told["lost"]) == ([], [])


def test_another_outcome_of_a_criterion_is_a_change_too() -> None:
    """Status and priority may be the same."""
    less = CHART.drop("dlco")
    (entry,) = report({"Patient/a": less}, before={"Patient/a": less.drop("platelets")})["changed"]

    assert entry["from"] == entry["to"]
    assert [(cause["criterion"], cause["source"]) for cause in entry["because"]] == [("E11", "Observation/platelets")]


def test_who_fails_is_listed_and_neither_lost_nor_changed() -> None:
    """Nothing is known of them tonight; the next run tries again."""
    told = report({"Patient/a": "try-later", "Patient/b": "patient-unreadable"}, before={"Patient/a": CHART})

    assert told["failed"] == [
        {"patient": "Patient/a", "error": "try-later"},
        {"patient": "Patient/b", "error": "patient-unreadable"},
    ]
    assert (told["new"], told["lost"], told["changed"], told["screened"]) == ([], [], [], 0)


def test_who_fails_counts_nowhere_else_though_something_is_known_of_them() -> None:
    """What the last run kept is no screening of tonight; the day and the missing values of then are not told again."""
    early = night(CHART.drop("dlco").add(LOW | {"effectiveDateTime": "2026-11-12"}))
    for kept in (early, night(CHART.drop("platelets"))):
        told = made([Ended("Patient/a", kept, "try-later")], {"Patient/a": kept})

        assert told["failed"] == [{"patient": "Patient/a", "error": "try-later"}]
        assert (told["selected"], told["screened"]) == (1, 0)
        assert {*told["by_status"].values(), *told["by_priority"].values()} == {0}
        assert {row[outcome] for row in told["funnel"] for outcome in row if outcome != "id"} == {0}
        assert (told["missing"], told["rescreen_due"]) == ([], [])
        assert (told["new"], told["lost"], told["changed"]) == ([], [], [])


def test_who_fails_is_told_with_what_failed_tonight() -> None:
    """What kept them from being screened the last time may be over; who was opposed is still named to nobody."""
    kept = {patient: error(patient, code).document for patient, code in (
        ("Patient/a", "patient-replaced"), ("Patient/b", "not-permitted"),
    )}  # fmt: skip
    told = made([Ended(patient, document, "try-later") for patient, document in kept.items()], {})

    assert told["failed"] == [{"patient": "Patient/a", "error": "try-later"}]
    assert told["not_permitted"] == 1
    assert b"Patient/b" not in msgspec.json.encode(told)


@pytest.mark.parametrize(
    "end", [Ended("Patient/a", None, "patient-not-found"), error("Patient/a", "patient-not-found")]
)
def test_who_is_gone_when_their_records_are_asked_for_is_lost(end: Ended) -> None:
    """As who was not found at all; once, and only of those on the list."""
    (lost,) = made([end], {"Patient/a": night(CHART)})["lost"]

    assert lost == {"patient": "Patient/a", "status": "not-in-source", "priority": None, "because": []}
    assert made([end], {"Patient/a": night(UNWELL)})["lost"] == []
    assert made([end], {})["lost"] == []
    assert made([end], {})["failed"] == [{"patient": "Patient/a", "error": "patient-not-found"}]


def test_who_cannot_be_screened_any_more_is_off_the_list() -> None:
    """A record that says so is an answer: the code stands in the place of a status. Who opposes is no failure."""
    told = made(
        [error("Patient/a", "not-permitted"), error("Patient/b", "patient-replaced")], {"Patient/a": night(CHART)}
    )

    assert told["lost"] == [{"patient": "Patient/a", "status": "not-permitted", "priority": None, "because": []}]
    assert told["failed"] == [{"patient": "Patient/b", "error": "patient-replaced"}]
    assert told["not_permitted"] == 1
    assert told["screened"] == 0


@pytest.mark.parametrize("code", ["patient-replaced", "patient-unreadable"])
def test_whose_record_says_why_not_is_lost_and_failed(code: str) -> None:
    """Who was listed is off the list, and somebody has to see to the record; a failing server says nothing of it."""
    listed = {"Patient/a": night(CHART)}
    told = made([error("Patient/a", code)], listed)

    assert told["lost"] == [{"patient": "Patient/a", "status": code, "priority": None, "because": []}]
    assert told["failed"] == [{"patient": "Patient/a", "error": code}]
    assert made([Ended("Patient/a", listed["Patient/a"], "try-later")], listed)["lost"] == []


def test_who_must_not_be_screened_is_counted_and_not_named() -> None:
    """Somebody who is opposed and was never on the list stands nowhere in the report."""
    told = made([error("Patient/a", "not-permitted")], {})

    assert told["not_permitted"] == 1
    assert b"Patient/a" not in msgspec.json.encode(told)


def test_who_could_not_be_screened_before_is_new() -> None:
    """Of an error nothing can be compared."""
    told = made([Ended("Patient/a", night(CHART))], {"Patient/a": error("Patient/a", "not-permitted").document or {}})

    assert [(each["patient"], each["because"]) for each in told["new"]] == [("Patient/a", [])]


def test_who_is_screened_and_not_posted_is_counted_and_failed() -> None:
    """The result stands; that the server did not take it is told beside it."""
    told = made([Ended("Patient/a", night(CHART), "not-posted")], {})

    assert told["failed"] == [{"patient": "Patient/a", "error": "not-posted"}]
    assert (told["screened"], len(told["new"])) == (1, 1)


def test_what_is_missing_most_comes_first_with_what_it_unlocks() -> None:
    """Of people on the list only, each once a notion."""
    people: dict[str, SampleChart | str] = {
        "Patient/a": CHART.drop("platelets"),
        "Patient/b": CHART.drop("platelets", "dlco"),
        "Patient/c": UNWELL.drop("dlco"),
    }
    missing = {each["notion"]: each for each in report(people)["missing"]}

    assert next(iter(missing)) == "platelets"
    assert missing["platelets"] == {"notion": "platelets", "patients": 2, "unlocks": ["E11"]}
    assert missing["dlco_percent_predicted"]["patients"] == 1
    assert "E3" in missing["dlco_percent_predicted"]["unlocks"]


def test_days_to_look_again_are_told_a_week_before() -> None:
    """The platelets may have recovered two weeks after the value that failed; the earlier day goes first."""
    early = CHART.add(LOW | {"effectiveDateTime": "2026-11-12"})
    people: dict[str, SampleChart | str] = {"Patient/a": UNWELL, "Patient/b": early, "Patient/c": CHART}

    assert report(people)["rescreen_due"] == [{"patient": "Patient/b", "rescreen_after": "2026-11-26"}]
    assert report(people, as_of="2026-11-27")["rescreen_due"] == [
        {"patient": "Patient/b", "rescreen_after": "2026-11-28"},
        {"patient": "Patient/a", "rescreen_after": "2026-12-04"},
    ]


def test_coverage_has_every_notion_and_the_units_that_came_most() -> None:
    """One of which nothing was found stands there with zeros: it may be a fault of the mapping."""
    units = {f"u{number:02}": number for number in range(1, 13)}
    people = [
        Ended("Patient/a", None, "try-later", {"platelets": Tally(2, 1, units)}),
        Ended("Patient/b", None, "try-later", {"platelets": Tally(3, 0, {"u01": 20})}),
    ]
    coverage = {each["notion"]: each for each in made(people, {})["coverage"]}

    assert coverage["crp"] == {"notion": "crp", "known_codes": 0, "local_only": 0, "unreadable_units": []}
    assert (coverage["platelets"]["known_codes"], coverage["platelets"]["local_only"]) == (5, 1)
    assert [each["unit"] for each in coverage["platelets"]["unreadable_units"]] == [
        "u01", "u12", "u11", "u10", "u09", "u08", "u07", "u06", "u05", "u04",
    ]  # fmt: skip
    assert coverage["platelets"]["unreadable_units"][0] == {"unit": "u01", "n": 21}


def test_what_the_run_was_stands_in_it() -> None:
    """Since when, whether it was dry, what could not be read or names nobody, how many Conditions have no code."""
    uncoded = Uncoded(conditions=3, of=90, sampled=True)
    selection = Selection(seen=None, patients=[], unread=["a.ndjson:7"], blind=["of 1"], uncoded=uncoded)
    told = report({}, selection=selection, since=datetime(2026, 11, 22, 1, 2, tzinfo=UTC), dry_run=True)

    assert told["unread"] == ["a.ndjson:7", "of 1"]
    assert told["uncoded_conditions"] == {"conditions": 3, "of": 90, "sampled": True}
    assert (told["since"], told["dry_run"], told["seen"]) == ("2026-11-22T01:02:00+00:00", True, None)
    assert {row["pass"] for row in told["funnel"]} == {0}


@pytest.mark.parametrize("people", [{}, {"Patient/a": empty_chart()}])
def test_a_run_that_finds_nobody_is_a_report_too(people: dict[str, SampleChart]) -> None:
    """Nobody was selected, or nobody who was has the disease."""
    told = report(people)

    assert (told["new"], told["lost"], told["changed"], told["missing"]) == ([], [], [], [])
    assert told["screened"] == len(people)


def test_people_are_gone_through_once() -> None:
    """They may come from anywhere, a page at a time, and none is held after the next one came."""
    maker, held = ReportMaker(shipped_study(), date(2026, 11, 23)), list[weakref.ref[Person]]()

    def page() -> Iterator[Ended]:
        for number in range(5):
            document = Person(night(CHART, patient=f"Patient/{number}"))
            assert len([each for each in held if each() is not None]) <= 1
            held.append(weakref.ref(document))
            yield Ended(f"Patient/{number}", document)
            del document

    maker.take(page())
    assert maker.taken == 5
