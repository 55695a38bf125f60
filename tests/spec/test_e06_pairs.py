"""E6, how a pair of pressures is made, shown and weighed: of one record or of one time, with what is known of it."""

import pytest

from tests.builders import Resource, complete_chart, observation, panel, verdict
from tests.verdicts import Verdict

SYSTOLIC, DIASTOLIC, PANEL = "8480-6", "8462-4", "85354-9"
WITHOUT = complete_chart().drop("blood_pressure")
NINE = "2026-11-02T09:00:00+01:00"


def pressure(systolic: str, diastolic: str, when: str | None = "2026-11-02", **elements: object) -> Resource:
    """Return a blood pressure of one Observation; bare numbers are mmHg."""
    values = {SYSTOLIC: systolic, DIASTOLIC: diastolic}
    return panel(PANEL, {code: v if " " in v else f"{v} mm[Hg]" for code, v in values.items()}, when, **elements)


def asked(*records: Resource) -> Verdict:
    """Screen with these blood pressures alone."""
    return verdict(WITHOUT.add(*records))


def test_a_pair_is_shown_as_used_and_as_received() -> None:
    """In the unit in which it is compared and in the record's own words, with its day and its record."""
    (leaf,) = asked(pressure("13.9 cm[Hg]", "8.95 cm[Hg]", id="bp")).leaves("E6")

    assert leaf.value == ("139/89.5", "mm[Hg]", "13.9 cm[Hg] / 8.95 cm[Hg]")
    assert (leaf.effective, leaf.sources) == ("2026-11-02", ("Observation/bp",))


def test_a_pair_that_is_too_old_is_shown() -> None:
    """With its value, its day and its record, so that a person sees what there was."""
    (leaf,) = asked(pressure("120", "75", "2026-05-26", id="bp"), pressure("110", "70", "2026-04", id="before")).leaves(
        "E6"
    )

    assert leaf.value is not None
    assert (leaf.value.text, leaf.reason, leaf.effective) == ("120/75", "too-old", "2026-05-26")
    assert leaf.sources == ("Observation/bp",)


def test_an_undated_pair_beside_one_that_is_too_old_leaves_the_date_open() -> None:
    """It may be the newer one, so that its date is what is asked for."""
    (leaf,) = asked(pressure("120", "75", "2026-05-26"), pressure("125", "80", None, id="undated")).leaves("E6")

    assert (leaf.reason, leaf.sources) == ("date-not-decisive", ("Observation/undated",))


def test_an_undated_pair_behind_many_that_are_too_old_leaves_the_date_open_too() -> None:
    """How many old ones there are says nothing of its day."""
    old = [pressure("120", "75", when) for when in ("2026-05-26", "2025-05-26", "2024-05-26")]
    (leaf,) = asked(*old, pressure("125", "80", None, id="undated")).leaves("E6")

    assert (leaf.reason, leaf.sources) == ("date-not-decisive", ("Observation/undated",))


def test_every_unknown_unit_behind_the_newest_pair_is_warned_of() -> None:
    """However old its record is: whoever keeps the codes sees it."""
    unknown = [pressure("12 furlongs", "8 furlongs", when, id=when) for when in ("2026-01-05", "2025-01-05")]
    got = asked(pressure("120", "75"), *unknown)

    assert {(one.code, one.source) for one in got.screening.warnings} == {
        ("unit-unknown", "Observation/2026-01-05"),
        ("unit-unknown", "Observation/2025-01-05"),
    }


def test_nothing_on_record_is_no_record() -> None:
    """Neither a value nor a note beside it."""
    (leaf,) = asked().leaves("E6")

    assert (leaf.reason, leaf.value, leaf.sources, leaf.notes) == ("no-record", None, (), ())


def test_an_observation_of_nothing_known_could_be_a_pressure() -> None:
    """A record of the type that cannot be read at all: no usable value, and the note says so."""
    got = asked({"resourceType": "Observation", "status": "final", "code": "8480-6"})

    assert (got.reason("E6"), got.notes("E6")) == ("no-usable-value", {"record-unreadable"})


def test_a_pair_that_cannot_be_used_is_named() -> None:
    """The record is the source; one that is broken is said to be unreadable, one without units is not."""
    broken = panel(PANEL, {SYSTOLIC: "120 mm[Hg]", DIASTOLIC: "75 mm[Hg]"}, id="bp")
    broken["component"][0]["valueQuantity"]["value"] = "about 120"
    (unreadable,) = asked(broken).leaves("E6")
    (unitless,) = asked(panel(PANEL, {SYSTOLIC: "120", DIASTOLIC: "75"}, id="bp")).leaves("E6")

    assert (unreadable.reason, unreadable.notes) == ("no-usable-value", ("record-unreadable",))
    assert (unitless.reason, unitless.notes) == ("unit-not-comparable", ())
    assert unreadable.sources == unitless.sources == ("Observation/bp",)


def test_a_value_told_twice_counts_by_its_number() -> None:
    """A panel that has the systolic again, without a number, as where a first try failed."""
    twice = pressure("120", "75", id="bp")
    twice["component"].insert(0, {"code": twice["component"][0]["code"]})
    got = asked(twice)

    assert (got.truth("E6"), got.sources("E6")) == ("false", {"Observation/bp"})


def test_a_pressure_known_only_by_a_comparator_is_not_decided_by_its_end() -> None:
    """Under 150 may be under 140; under 140 is."""
    assert asked(pressure("< 140 mm[Hg]", "75")).truth("E6") == "false"
    assert asked(pressure("< 150 mm[Hg]", "75")).reason("E6") == "value-not-decisive"
    assert asked(pressure("< 150 mm[Hg]", "95")).reason("E6") == "needs-judgement"


def test_a_pair_of_a_month_is_the_equal_of_one_of_a_day_in_it() -> None:
    """It may be of the same day: where they differ, a person decides."""
    got = asked(pressure("120", "75", "2026-11-02"), pressure("150", "95", "2026-11"))

    assert got.reason("E6") == "records-disagree"


def test_a_pair_of_an_open_date_is_shown_beside_another() -> None:
    """Dates that straddle the window: the value of the later one is shown, none is used."""
    (leaf,) = asked(pressure("120", "75", "2026-05", id="may"), pressure("110", "70", "2026", id="year")).leaves("E6")

    assert (leaf.truth.value, leaf.reason) == ("unknown", "date-not-decisive")
    assert leaf.sources in {("Observation/may",), ("Observation/year",)}


def test_lone_values_of_a_month_are_flagged() -> None:
    """Inside the window whatever their day is, both high, without a pair."""
    got = asked(observation(SYSTOLIC, "175 mm[Hg]", "2026-11"), observation(DIASTOLIC, "105 mm[Hg]", "2026-10"))

    assert (got.reason("E6"), got.notes("E6")) == ("needs-judgement", {"flagged"})


def test_values_of_one_record_are_not_paired_with_those_of_another() -> None:
    """Two panels of one time are two pairs: 130/95 and 150/80 make no 130/80."""
    got = asked(pressure("130", "95", NINE), pressure("150", "80", NINE))

    assert got.reason("E6") == "needs-judgement"


@pytest.mark.parametrize("second", ["2026-11-02", "2026-11-02T09:00:00"])
def test_a_value_with_a_time_and_one_without_are_no_pair(second: str) -> None:
    """Of one day, but nobody knows whether of one time."""
    got = asked(observation(SYSTOLIC, "120 mm[Hg]", NINE), observation(DIASTOLIC, "75 mm[Hg]", second))

    assert (got.truth("E6"), got.reason("E6")) == ("unknown", "no-record")


def test_two_observations_of_one_day_are_a_pair_two_of_one_month_are_not() -> None:
    """The same day without a time is the same effective time; the same month need not be the same day."""
    day, month = (
        (observation(SYSTOLIC, "120 mm[Hg]", at), observation(DIASTOLIC, "75 mm[Hg]", at))
        for at in ("2026-11-02", "2026-11")
    )

    assert asked(*day).truth("E6") == "false"
    assert asked(*month).truth("E6") == "unknown"


def test_one_contested_value_makes_its_pair_contested() -> None:
    """Copies of a systolic that differ and cannot be ordered leave the pair to a person."""
    copies = [observation(SYSTOLIC, f"{value} mm[Hg]", NINE, id="s") for value in (120, 130)]
    steady = observation(DIASTOLIC, "75 mm[Hg]", NINE)
    both = [observation(DIASTOLIC, f"{value} mm[Hg]", NINE, id="d") for value in (75, 80)]

    assert asked(*copies, steady).reason("E6") == "records-disagree"
    assert asked(observation(SYSTOLIC, "120 mm[Hg]", NINE), *both).reason("E6") == "records-disagree"


def test_a_pair_is_as_good_as_its_weaker_value() -> None:
    """A corrected pair goes before a final one; a corrected systolic over a final diastolic does not."""
    final = pressure("150", "75", NINE)
    diastolic = observation(DIASTOLIC, "75 mm[Hg]", NINE, status="final")
    systolic = observation(SYSTOLIC, "120 mm[Hg]", NINE, status="corrected")

    assert asked(final, pressure("120", "75", NINE, status="corrected")).truth("E6") == "false"
    assert asked(final, systolic, diastolic).reason("E6") == "records-disagree"


def test_a_high_pair_is_flagged_where_its_equal_is_normal() -> None:
    """Disagreement does not hide it."""
    got = asked(pressure("120", "75", NINE, id="a"), pressure("170", "105", NINE, id="b"))

    assert (got.reason("E6"), got.notes("E6")) == ("records-disagree", {"flagged"})
    assert got.sources("E6") == {"Observation/a", "Observation/b"}
