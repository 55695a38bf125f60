"""A Bundle that says it is incomplete: what was not found may have been withheld, and absence decides nothing."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.eligibility.chart import Warning_
from service.eligibility.results import Screening
from service.eligibility.screen import screen
from tests.builders import Resource, SampleChart, complete_chart, condition, empty_chart, observation, verdict
from tests.verdicts import AS_OF, Verdict, as_json, shipped_chart, shipped_study

OUTCOME_ISSUES: list[Resource] = [
    {"severity": "error", "code": "exception"},
    {"severity": "warning", "code": "suppressed"},
    {"severity": "warning", "code": "incomplete"},
    {"severity": "warning", "code": "security"},
    {"severity": "warning", "code": "forbidden"},
    {"severity": "information", "code": "too-costly"},
]
HARMLESS: list[Resource] = [
    {"severity": "information", "code": "informational", "diagnostics": "12 resources found"},
    {"severity": "warning", "code": "not-supported", "diagnostics": "_sort is not supported"},
]


def incomplete(chart: SampleChart, issue: Resource = OUTCOME_ISSUES[1]) -> dict[str, Any]:
    """Return the chart as a searchset whose server says something about its answer."""
    whole = chart.bundle()
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return whole | {
        "type": "searchset",
        "entry": [*whole["entry"], {"resource": outcome, "search": {"mode": "outcome"}}],
    }


@pytest.mark.parametrize("issue", OUTCOME_ISSUES)
def test_what_a_server_says_when_records_are_missing(issue: Resource) -> None:
    """An error, or one of the codes for withheld records, of any severity."""
    given = verdict(incomplete(complete_chart().drop("platelets"), issue))

    assert (given.reasons("E11"), given.open("E11")) == (["records-incomplete"], "missing-data")
    assert given.warnings == ["records-incomplete"]


@pytest.mark.parametrize("issue", HARMLESS)
def test_what_a_server_says_beside_a_complete_answer(issue: Resource) -> None:
    """A remark about the search is no sign of withheld records."""
    given = verdict(incomplete(complete_chart().drop("platelets"), issue))

    assert (given.reasons("E11"), given.warnings) == (["no-record"], [])


def test_a_newer_value_may_be_withheld() -> None:
    """Not found and too old become incomplete, of every notion; other reasons and truths stay."""
    chart = complete_chart().drop("lvef").dated("platelets", "2026-05-26").value("neutrophils", "4")
    given = verdict(incomplete(chart))

    assert given.leaf("E3", "lvef").reason == "records-incomplete"
    assert given.leaf("E11", "platelets").reason == "records-incomplete"
    assert given.leaf("E11", "neutrophils").reason == "unit-not-comparable"
    assert given.leaf("E11", "hemoglobin").truth.value == "false"


def test_no_leaf_says_no_record_or_too_old() -> None:
    """Every such leaf of that chart says that records are incomplete instead."""
    before, after = verdict(empty_chart()), verdict(incomplete(empty_chart()))
    ids = [result.criterion.id for result in after.screening.criteria]

    assert {reason for id_ in ids for reason in after.reasons(id_)}.isdisjoint({"no-record", "too-old"})
    for id_ in ids:
        for was, is_ in zip(before.leaves(id_), after.leaves(id_), strict=True):
            if was.reason == "no-record":
                assert is_.reason == "records-incomplete", f"{id_} {was.notion}"


@pytest.mark.parametrize("criterion", ["I1", "I10", "E5", "E6", "E7", "E8", "E9", "E10", "E13", "E14"])
def test_incomplete_records_are_missing_data_of_anything(criterion: str) -> None:
    """A diagnosis, a declaration and a bedside value too: the hospital's server can be asked again."""
    given = verdict(incomplete(complete_chart().drop("bmi", "blood_pressure")))

    assert "records-incomplete" in given.reasons(criterion)
    assert given.open(criterion) == "missing-data"
    assert set(given.missing_reasons(criterion)) == {"records-incomplete"}


def test_absence_decides_nothing() -> None:
    """No disease in an incomplete chart is unknown, not false, and the patient is not ineligible."""
    given = verdict(incomplete(empty_chart()))

    assert (given.truth("I4"), given.reasons("I4"), given.open("I4")) == (
        "unknown",
        ["records-incomplete"],
        "missing-data",
    )
    assert given.status == "potential-candidate"
    assert not given.screening.without_disease


@pytest.mark.parametrize("failed", ["Observation", "Condition"])
def test_absence_decides_nothing_where_one_search_failed(failed: str) -> None:
    """A total or a diagnosis may be among what was not returned."""
    chart = replace(shipped_chart(as_json(empty_chart().bundle())), incomplete_types=frozenset({failed}))
    given = Verdict(screen(shipped_study(), chart, (), date.fromisoformat(AS_OF)))

    assert (given.truth("I4"), given.reasons("I4")) == ("unknown", ["records-incomplete"])
    assert not given.screening.without_disease


def test_a_birth_date_may_be_withheld() -> None:
    """Without one, the age is unknown for records that are incomplete."""
    given = verdict(incomplete(complete_chart(birth=None)))

    for criterion in ("I3", "E1"):
        assert (given.reasons(criterion), given.open(criterion)) == (["records-incomplete"], "missing-data")


def test_a_recent_total_below_nine_still_decides() -> None:
    """A value that was seen is a value."""
    chart = complete_chart().value("acr_eular", "8 {score}").dated("acr_eular", "2026-10-01")

    assert verdict(incomplete(chart)).truth("I4") == "false"


@pytest.mark.parametrize(
    ("chart", "criterion", "truth"),
    [
        (complete_chart().value("platelets", "20 10*9/L"), "E11", "true"),
        (complete_chart().add(condition("B24")), "E8", "true"),
        (complete_chart(), "I5", "true"),
        (complete_chart(), "E3", "false"),
        (complete_chart(), "I3", "true"),
        (complete_chart().add(observation("56888-1", None, "2026-11-01", coded="260385009")), "E8", "false"),
    ],
)
def test_what_was_seen_counts(chart: SampleChart, criterion: str, truth: str) -> None:
    """Records in the window decide as in a complete chart."""
    assert verdict(incomplete(chart)).truth(criterion) == truth


def test_renal_insufficiency_is_not_excluded_by_absence() -> None:
    """`none of it and eGFR >= 60` needs a complete chart for its first half: a diagnosis may be withheld."""
    given = verdict(incomplete(complete_chart()))

    assert given.leaf("I5.b.2", "renal_insufficiency").reason == "records-incomplete"


def test_of_a_state_only_what_is_not_found_or_too_old_becomes_incomplete() -> None:
    """A newer test may be withheld; one without a date stays a question of its date, one in words of its value."""
    hcg = {"old": "2026-01-01", "undated": None, "words": "2026-11-10"}
    tests = {name: observation("2118-8", None, day, flag="NEG") for name, day in hcg.items()}
    tests["words"] = observation("2118-8", None, hcg["words"], valueString="see report")
    leaves = {name: verdict(incomplete(complete_chart().add(test))).leaves("E2")[0] for name, test in tests.items()}

    assert {name: leaf.reason for name, leaf in leaves.items()} == {
        "old": "records-incomplete", "undated": "date-not-decisive", "words": "no-usable-value",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["Consent", "Flag"])
def test_an_opposition_may_be_withheld(kind: str) -> None:
    """Where what would tell of an opposition cannot be had, the result says so, and is not to be written."""
    given = without(kind)

    words = "it is not known whether this patient's data may be used for research"
    assert given.warnings == (Warning_("records-incomplete", kind, words),)
    assert given.permission_unknown


def test_other_records_tell_of_no_opposition() -> None:
    """What is missing of another type leaves the permission as it is."""
    given = without("Observation")

    assert not given.warnings
    assert not given.permission_unknown


def without(kind: str) -> Screening:
    """Screen a complete chart of which one search failed."""
    chart = replace(shipped_chart(as_json(complete_chart().bundle())), incomplete_types=frozenset({kind}))
    given = screen(shipped_study(), chart, (), date.fromisoformat(AS_OF))
    assert isinstance(given, Screening)
    return given
