"""Which record counts, and which value when there are several."""

from typing import Any

import pytest

from tests.builders import (
    Resource,
    SampleChart,
    complete_chart,
    concept,
    condition,
    observation,
    quantity,
    resource,
    verdict,
)

NOON = "2026-11-10T12:00:00+01:00"
LOW, HIGH = "20 10*9/L", "250 10*9/L"


def counted(*platelets: Resource) -> SampleChart:
    """Return the sample chart with these platelet counts instead of its own."""
    return complete_chart().drop("platelets").add(*platelets)


def count(value: str | None, when: str | None, **elements: Any) -> Resource:
    """Return a platelet count."""
    return observation("777-3", value, when, **elements)


def low_and_high(low: str | None, high: str | None) -> SampleChart:
    """Return the sample chart with a low count of one moment and a high one of another."""
    return counted(count(LOW, low), count(HIGH, high))


# --- newest by effective time ---------------------------------------------------------------------

NEWER: list[tuple[str, str, str]] = [
    ("the later day", "2026-11-10", "2026-11-09"),
    ("the later instant of one day", "2026-11-10T12:00:01Z", "2026-11-10T12:00:00Z"),
    ("the later instant, whatever the offset", "2026-11-10T09:00:00-05:00", "2026-11-10T14:30:00+01:00"),
    ("the later instant, of an earlier day as written", "2026-11-09T23:30:00-05:00", "2026-11-10T05:00:00+02:00"),
    ("a later day without time", "2026-11-11", "2026-11-10T23:00:00Z"),
    ("a later time than the day of the other", "2026-11-11T00:10:00+01:00", "2026-11-10"),
    ("a month that is later than the other day", "2026-11", "2026-10-31"),
]
EQUAL: list[tuple[str, str, str]] = [
    ("one instant in two offsets", "2026-11-10T12:00:00+01:00", "2026-11-10T11:00:00Z"),
    ("one day", "2026-11-10", "2026-11-10"),
    ("a day and a time of it", "2026-11-10", "2026-11-10T08:00:00+01:00"),
    ("a month and a day of it", "2026-11", "2026-11-10"),
    ("a month and a time in it", "2026-10", "2026-10-10T08:00:00+01:00"),
    ("two times the same month", "2026-10", "2026-10"),
]


@pytest.mark.parametrize(("newer", "older"), [pytest.param(*pair, id=name) for name, *pair in NEWER])
def test_the_newest_value_counts(newer: str, older: str) -> None:
    """By instant where both have one, else by the day as written; it decides whatever it says."""
    assert verdict(low_and_high(newer, older)).truth("E11") == "true"
    assert verdict(low_and_high(older, newer)).truth("E11") == "false"


@pytest.mark.parametrize(("one", "other"), [pytest.param(*pair, id=name) for name, *pair in EQUAL])
def test_equally_new_values_disagree(one: str, other: str) -> None:
    """Two equals that lead to different truths need a person, and both are shown."""
    for chart in (low_and_high(one, other), low_and_high(other, one)):
        given = verdict(chart)
        assert given.reasons("E11") == ["records-disagree"]
        assert len(given.leaf("E11", "platelets").sources) == 2


def test_equally_new_values_that_agree_decide() -> None:
    """Two counts of one moment, both low: the same truth."""
    assert verdict(counted(count(LOW, NOON), count("30 10*9/L", NOON))).truth("E11") == "true"


@pytest.mark.parametrize(("better", "worse"), [("corrected", "amended"), ("corrected", "final"), ("amended", "final")])
def test_among_equals_the_status_decides(better: str, worse: str) -> None:
    """Corrected goes over amended over final, but only at one moment."""
    low, high = count(LOW, NOON, status=better), count(HIGH, NOON, status=worse)
    later = count(HIGH, "2026-11-11", status=worse)

    assert verdict(counted(low, high)).truth("E11") == "true"
    assert verdict(counted(low, later)).truth("E11") == "false"


@pytest.mark.parametrize(
    ("elements", "day"),
    [
        ({"effectivePeriod": {"start": "2026-11-01", "end": "2026-11-12"}}, "2026-11-12"),
        ({"effectivePeriod": {"start": "2026-11-12"}}, "2026-11-12"),
        ({"effectiveInstant": "2026-11-12T08:00:00Z"}, "2026-11-12"),
        ({"issued": "2026-11-12T08:00:00Z"}, "2026-11-12"),
    ],
)
def test_every_way_to_say_when(elements: Resource, day: str) -> None:
    """The end of a period or its start when open, an instant, else when it was issued."""
    dated = count(LOW, None, **elements)

    assert verdict(counted(dated, count(HIGH, "2026-11-11"))).truth("E11") == "true"
    assert verdict(counted(dated, count(HIGH, "2026-11-13"))).truth("E11") == "false"
    effective = verdict(counted(dated)).leaf("E11", "platelets").effective
    assert effective is not None
    assert effective.startswith(day)


def test_the_effective_time_goes_before_issued() -> None:
    """A late print of an old sample is an old value."""
    late = count(LOW, "2026-11-01", issued="2026-11-20T08:00:00Z")

    assert verdict(counted(late, count(HIGH, "2026-11-10"))).truth("E11") == "false"


# --- the future, no date, partial dates -----------------------------------------------------------


@pytest.mark.parametrize("when", ["2026-11-24", "2026-11-24T00:30:00+14:00", "2026-12", "2027"])
def test_records_of_the_future_are_ignored(when: str) -> None:
    """Dated after the screening date as written, a record does not exist yet."""
    assert verdict(counted(count(LOW, when), count(HIGH, "2026-11-10"))).truth("E11") == "false"
    assert verdict(counted(count(LOW, when))).reasons("E11") == ["no-record"]


@pytest.mark.parametrize(
    ("onset", "recorded", "seen"),
    [
        ("2026-11-23", None, True), ("2026-11-24", None, False), (None, "2026-11-24", False),
        ("2026-11-24", "2026-11-20", True), ("2026-11-20", "2026-11-24", True), ("2026-11-24", "2026-11-25", False),
    ],
)  # fmt: skip
def test_conditions_count_from_the_earlier_of_onset_and_record(
    onset: str | None, recorded: str | None, seen: bool
) -> None:
    """A Condition of the future is ignored."""
    given = verdict(complete_chart().add(condition("B24", onset, recordedDate=recorded)))

    assert (given.truth("E8") == "true") == seen


@pytest.mark.parametrize("when", [None, "2026-05", "2026"])
def test_a_value_that_may_be_too_old_is_shown_and_hides_none(when: str | None) -> None:
    """Without a date, or with one that straddles the window: shown, never used, and a dated value decides."""
    alone, beside = verdict(counted(count(LOW, when))), verdict(counted(count(LOW, when), count(HIGH, "2026-06-10")))

    assert alone.reasons("E11") == ["date-not-decisive"]
    shown = alone.leaf("E11", "platelets").value
    assert shown is not None
    assert shown.as_received == LOW
    assert (beside.truth("E11"), beside.notes("E11")) == ("false", set())


@pytest.mark.parametrize(
    ("when", "reason"), [("2026-06", None), ("2026-11", None), ("2026-04", "too-old"), ("2025", "too-old")]
)
def test_a_partial_date_on_one_side_of_the_window_is_as_good_as_a_full_one(when: str, reason: str | None) -> None:
    """All of its days lie inside, or all outside."""
    assert verdict(counted(count(HIGH, when))).reason("E11") == reason


def test_a_partial_date_inside_the_window_may_be_the_newest() -> None:
    """June's value is older than July's and newer than that of 31 May."""
    assert verdict(counted(count(LOW, "2026-06"), count(HIGH, "2026-07-01"))).truth("E11") == "false"
    assert verdict(counted(count(LOW, "2026-06"), count(HIGH, "2026-05-31"))).truth("E11") == "true"


# --- records that do not count --------------------------------------------------------------------


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_results_that_are_finished_count(status: str) -> None:
    """As released, as added to, as put right."""
    assert verdict(counted(count(LOW, NOON, status=status))).truth("E11") == "true"


@pytest.mark.parametrize(
    "status", ["cancelled", "entered-in-error", "entered-in-error ", "Entered-In-Error", " CANCELLED"]
)
def test_results_that_were_taken_back_do_not_exist(status: str) -> None:
    """Also with stray spaces or capitals, and without a note."""
    taken_back = count(LOW, "2026-11-20", status=status)
    given = verdict(counted(taken_back, count(HIGH, "2026-11-10")))

    assert (given.truth("E11"), given.notes("E11")) == ("false", set())
    assert verdict(counted(taken_back)).reasons("E11") == ["no-record"]


UNUSABLE: list[tuple[str, Resource]] = [
    ("preliminary", {"status": "preliminary"}),
    ("registered", {"status": "registered"}),
    ("status unknown", {"status": "unknown"}),
    ("text", {"valueQuantity": None, "valueString": "20"}),
    ("number-like text", {"valueQuantity": None, "valueString": "<5.00"}),
    ("no unit", {"valueQuantity": {"value": 20}}),
    ("another dimension", {"valueQuantity": quantity("20 g/L")}),
    ("unit and code disagree", {"valueQuantity": quantity("20 g/L") | {"code": "10*9/L"}}),
    ("impossible", {"valueQuantity": quantity("6000 10*9/L")}),
    ("an unknown modifier", {"modifierExtension": [{"url": "https://x.example/negated", "valueBoolean": True}]}),
]  # fmt: skip


@pytest.mark.parametrize("elements", [pytest.param(elements, id=name) for name, elements in UNUSABLE])
def test_an_older_usable_value_is_used_with_a_note(elements: Resource) -> None:
    """Where the newest record cannot be used, the older one decides and the finding says so."""
    newer, older = count(LOW, "2026-11-20") | elements, count(HIGH, "2026-11-10")
    given = verdict(counted(newer, older))

    assert (given.truth("E11"), given.notes("E11")) == ("false", {"newer-unusable"})


@pytest.mark.parametrize("elements", [pytest.param(elements, id=name) for name, elements in UNUSABLE])
def test_an_older_unusable_record_says_nothing(elements: Resource) -> None:
    """What is older than the value used is not worth a note."""
    given = verdict(counted(count(LOW, "2026-11-01") | elements, count(HIGH, "2026-11-10")))

    assert (given.truth("E11"), given.notes("E11")) == ("false", set())


@pytest.mark.parametrize("elements", [pytest.param(elements, id=name) for name, elements in UNUSABLE])
def test_a_usable_value_outside_the_window_does_not_come_back(elements: Resource) -> None:
    """An older value helps only inside its window."""
    given = verdict(counted(count(LOW, "2026-11-20") | elements, count(HIGH, "2026-05-26")))

    assert given.truth("E11") == "unknown"


def test_an_allergy_to_a_drug_is_not_its_use() -> None:
    """A pill that is not tolerated is no contraception."""
    allergy = resource("AllergyIntolerance", code=concept("G03AA07"), onsetDateTime="2026-06-01", id="allergy")
    given = verdict(complete_chart().add(allergy))

    assert (given.truth("I8"), given.open("I8")) == ("unknown", "to-confirm")
    assert "AllergyIntolerance/allergy" not in given.sources("I8")


# --- Conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_refuted_diagnoses_do_not_exist(verification: str) -> None:
    """As if they were not there."""
    assert verdict(complete_chart().add(condition("B24", verification=verification))).reasons("E8") == ["no-record"]


@pytest.mark.parametrize("verification", ["confirmed", None])
def test_a_diagnosis_counts_confirmed_or_unsaid(verification: str | None) -> None:
    """Most records do not say."""
    assert verdict(complete_chart().add(condition("B24", verification=verification))).truth("E8") == "true"


ACTIVE: list[tuple[str | None, Resource, bool]] = [
    ("active", {}, True), ("recurrence", {}, True), ("relapse", {}, True), (None, {}, True),
    ("remission", {}, False), ("inactive", {}, False), ("resolved", {}, False),
    (None, {"abatementDateTime": "2026-11-23"}, False), (None, {"abatementDateTime": "2020-01-01"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("clinical", "elements", "active"), ACTIVE)
def test_what_is_active(clinical: str | None, elements: Resource, active: bool) -> None:
    """By clinicalStatus, else by an abatement on or before the screening date: shown on an infection of this month."""
    given = verdict(complete_chart().add(condition("A41.9", "2026-11-01", clinical=clinical, **elements)))

    assert (given.reasons("E7") == ["needs-judgement"]) == active
