"""E6: the newest blood pressure under 140/90 passes; anything else is for a person, from 160 or 100 flagged."""

import pytest

from tests.builders import Resource, SampleChart, complete_chart, condition, observation, panel, verdict
from tests.verdicts import Verdict

SYSTOLIC, DIASTOLIC, PANEL = "8480-6", "8462-4", "85354-9"
WITHOUT = complete_chart().drop("blood_pressure")


def pressure(systolic: str, diastolic: str, when: str | None = "2026-11-02", **elements: object) -> Resource:
    """Return a blood pressure of one Observation; bare numbers are mmHg."""
    values = {SYSTOLIC: systolic, DIASTOLIC: diastolic}
    return panel(PANEL, {code: v if " " in v else f"{v} mm[Hg]" for code, v in values.items()}, when, **elements)


def asked(*records: Resource, chart: SampleChart = WITHOUT) -> Verdict:
    """Screen with these records; by default no other blood pressure is there."""
    return verdict(chart.add(*records))


@pytest.mark.parametrize(
    ("systolic", "diastolic"),
    [
        ("139", "89"), ("139.9", "89.9"), ("90", "50"), ("18.6 kPa", "11.9 kPa"), ("13.9 cm[Hg]", "8.9 cm[Hg]"),
        ("40", "20"),
    ],
)  # fmt: skip
def test_under_140_and_under_90_passes(systolic: str, diastolic: str) -> None:
    """In mmHg, kilopascal or, as in France, centimetres."""
    got = asked(pressure(systolic, diastolic))

    assert (got.truth("E6"), got.outcome("E6")) == ("false", "pass"), got.show("E6")


@pytest.mark.parametrize(
    ("systolic", "diastolic", "flagged"),
    [
        ("140", "89", False), ("139", "90", False), ("159", "99", False), ("159.9", "60", False),
        ("160", "80", True), ("120", "100", True), ("160", "100", True), ("210", "120", True),
        ("14 cm[Hg]", "8 cm[Hg]", False), ("16 cm[Hg]", "8 cm[Hg]", True),
        ("18.7 kPa", "10 kPa", False), ("21.4 kPa", "10 kPa", True),
    ],
)  # fmt: skip
def test_140_or_90_is_judged_and_160_or_100_is_flagged(systolic: str, diastolic: str, flagged: bool) -> None:
    """Uncontrolled is a person's word; a high pair is shown first."""
    got = asked(pressure(systolic, diastolic))

    assert (got.truth("E6"), got.open("E6"), got.reason("E6")) == ("unknown", "to-confirm", "needs-judgement")
    assert ("flagged" in got.notes("E6")) is flagged


def test_the_newest_pair_decides() -> None:
    """An older high pair is over, an older normal one does not help."""
    older = "2026-09-02"

    assert asked(pressure("170", "105", older), pressure("120", "75")).truth("E6") == "false"
    assert "flagged" in asked(pressure("120", "75", older), pressure("170", "105")).notes("E6")


def test_the_window_is_180_days() -> None:
    """Exactly the window is still inside; a day over is to confirm, at the bedside."""
    assert asked(pressure("120", "75", "2026-05-27")).truth("E6") == "false"
    old = asked(pressure("120", "75", "2026-05-26"))
    assert (old.truth("E6"), old.open("E6"), old.reason("E6")) == ("unknown", "to-confirm", "too-old")


def test_a_newer_lone_high_value_is_judged_and_flagged() -> None:
    """A systolic from 160 or a diastolic from 100 without its pair, newer than the newest pair."""
    for lone in (observation(SYSTOLIC, "160 mm[Hg]", "2026-11-10"), observation(DIASTOLIC, "100 mm[Hg]", "2026-11-10")):
        got = asked(pressure("120", "75"), lone)

        assert (got.truth("E6"), got.open("E6"), got.reason("E6")) == ("unknown", "to-confirm", "needs-judgement")
        assert "flagged" in got.notes("E6")


@pytest.mark.parametrize(
    "lone",
    [
        observation(SYSTOLIC, "159 mm[Hg]", "2026-11-10"),
        observation(DIASTOLIC, "99 mm[Hg]", "2026-11-10"),
        observation(SYSTOLIC, "180 mm[Hg]", "2026-11-01"),
        observation(DIASTOLIC, "110 mm[Hg]", "2026-11-01"),
        observation(SYSTOLIC, "180 mm[Hg]", "2026-11-10", status="preliminary"),
        observation(SYSTOLIC, "180 mm[Hg]", "2026-11-10", status="entered-in-error"),
        observation(SYSTOLIC, "301 mm[Hg]", "2026-11-10"),
        observation(DIASTOLIC, "201 mm[Hg]", "2026-11-10"),
        observation(SYSTOLIC, "180", "2026-11-10"),
    ],
    ids=["159", "99", "older 180", "older 110", "preliminary", "in error", "301", "201", "no unit"],
)
def test_no_other_lone_value_stands_against_the_pair(lone: Resource) -> None:
    """Lower, older, not final, impossible or without a unit: the pair decides."""
    assert asked(pressure("120", "75"), lone).truth("E6") == "false"


def test_a_lone_high_value_without_any_pair_is_flagged() -> None:
    """It is newer than a pair that is not there."""
    got = asked(observation(SYSTOLIC, "175 mm[Hg]", "2026-11-10"))

    assert (got.truth("E6"), got.open("E6")) == ("unknown", "to-confirm")
    assert "flagged" in got.notes("E6")


def test_two_observations_of_one_time_are_a_pair() -> None:
    """A pair comes from one Observation, or from two of the same effective time."""
    at = "2026-11-02T09:00:00+01:00"
    low = observation(SYSTOLIC, "120 mm[Hg]", at), observation(DIASTOLIC, "75 mm[Hg]", at)
    high = observation(SYSTOLIC, "150 mm[Hg]", at), observation(DIASTOLIC, "75 mm[Hg]", at)

    assert asked(*low).truth("E6") == "false"
    assert asked(*low).sources("E6") == {"Observation/added-19", "Observation/added-20"}
    assert (asked(*high).truth("E6"), asked(*high).reason("E6")) == ("unknown", "needs-judgement")


def test_two_observations_of_one_instant_in_two_offsets_are_a_pair() -> None:
    """Nine o'clock in Paris is eight in Greenwich."""
    got = asked(
        observation(SYSTOLIC, "120 mm[Hg]", "2026-11-02T09:00:00+01:00"),
        observation(DIASTOLIC, "75 mm[Hg]", "2026-11-02T08:00:00Z"),
    )

    assert got.truth("E6") == "false"


def test_two_observations_of_different_times_are_no_pair() -> None:
    """No usable pair: unknown, to confirm, and no alarm."""
    got = asked(
        observation(SYSTOLIC, "120 mm[Hg]", "2026-11-02T09:00:00+01:00"),
        observation(DIASTOLIC, "75 mm[Hg]", "2026-11-02T09:05:00+01:00"),
    )

    assert (got.truth("E6"), got.open("E6")) == ("unknown", "to-confirm")
    assert "flagged" not in got.notes("E6")


@pytest.mark.parametrize(
    "newer",
    [
        pressure("150", "95", "2026-11-10", status="preliminary"),
        panel(PANEL, {SYSTOLIC: "150", DIASTOLIC: "95"}, "2026-11-10"),
        pressure("1700", "95", "2026-11-10"),
    ],
    ids=["preliminary", "no units", "1700"],
)
def test_a_newer_pair_that_cannot_be_used_leaves_the_older_one(newer: Resource) -> None:
    """And the finding says that it is there."""
    got = asked(pressure("120", "75"), newer)

    assert (got.truth("E6"), got.notes("E6")) == ("false", {"newer-unusable"})


def test_a_pair_without_units_cannot_be_compared() -> None:
    """To confirm, at the bedside."""
    got = asked(panel(PANEL, {SYSTOLIC: "120", DIASTOLIC: "75"}))

    assert (got.open("E6"), got.reason("E6")) == ("to-confirm", "unit-not-comparable")


def test_a_pair_without_a_date_is_shown_and_not_used() -> None:
    """To confirm, at the bedside."""
    got = asked(pressure("120", "75", None))
    (leaf,) = got.leaves("E6")

    assert (got.open("E6"), leaf.reason) == ("to-confirm", "date-not-decisive")
    assert leaf.value is not None
    assert leaf.value.as_received == "120 mm[Hg] / 75 mm[Hg]"


def test_a_pressure_under_review_does_not_stand_against_a_pair() -> None:
    """76215-3 says nothing of how it was measured: it counts only where no pair is in the window."""
    assert asked(pressure("120", "75"), observation("76215-3", "200 mm[Hg]", "2026-11-10")).truth("E6") == "false"


@pytest.mark.parametrize(
    "record",
    [
        None,
        panel(PANEL, {SYSTOLIC: "120 mm[Hg]"}, "2026-11-02"),
        pressure("120 {score}", "75"),
        pressure("301", "75"),
        pressure("120", "19"),
        pressure("120", "75", status="preliminary"),
        pressure("120", "75", status="entered-in-error"),
        pressure("120", "75", when=None),
        pressure("120", "75", modifierExtension=[{"url": "http://example.org/not", "valueBoolean": True}]),
    ],
    ids=["none", "half", "unit", "301", "19", "preliminary", "in error", "undated", "modifier"],
)
def test_no_usable_pair_is_to_confirm(record: Resource | None) -> None:
    """Measured at the bedside in two minutes: never missing data."""
    got = asked(*[record] if record else [])

    assert (got.truth("E6"), got.open("E6"), got.status) == ("unknown", "to-confirm", "candidate")


def test_two_pairs_of_one_time_that_lead_to_different_truths_disagree() -> None:
    """Equally good records that differ: a person decides, at the bedside."""
    at = "2026-11-02T09:00:00+01:00"
    got = asked(pressure("120", "75", at), pressure("150", "75", at))

    assert (got.truth("E6"), got.open("E6"), got.reason("E6")) == ("unknown", "to-confirm", "records-disagree")


def test_a_diagnosis_of_hypertension_does_not_decide() -> None:
    """The pressure is what counts."""
    assert asked(pressure("120", "75"), condition("I10", "2019")).truth("E6") == "false"
