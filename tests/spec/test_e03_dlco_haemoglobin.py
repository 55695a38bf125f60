"""E3: which haemoglobin corrects a DLCO, what is decided without one, and which DLCO test counts."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, observation, verdict
from tests.verdicts import Verdict

TEST_DAY = "2026-06-10"
BEFORE_90, BEFORE_91, AFTER_90, AFTER_91 = "2026-03-12", "2026-03-11", "2026-09-08", "2026-09-09"
CORRECTED, UNCORRECTED = "dlco-hb-corrected-percent-predicted", "98130-8"


def asked(*records: Resource, gender: str | None = "female") -> Verdict:
    """Screen with these records; the sample chart's own DLCO is left out, its haemoglobin is 145 days away."""
    return verdict(complete_chart(gender=gender).drop("dlco").add(*records))


def dlco(value: str, code: str = UNCORRECTED, when: str = TEST_DAY) -> Resource:
    """Return a DLCO in % of predicted."""
    return observation(code, value, when)


def hb(value: str, when: str, **elements: Any) -> Resource:
    """Return a haemoglobin."""
    return observation("718-7", value, when, **elements)


def leaf(got: Verdict) -> Leaf:
    """Return the leaf about DLCO."""
    return got.leaf("E3", "dlco_percent_predicted")


@pytest.mark.parametrize("day", [BEFORE_90, TEST_DAY, AFTER_90])
def test_a_haemoglobin_of_ninety_days_before_or_after_corrects(day: str) -> None:
    """22 % with Hb 7 is 30.28 %, with Hb 14 it is 21.6 %."""
    assert asked(dlco("22 %"), hb("7 g/dL", day)).truth("E3") == "false"
    assert asked(dlco("22 %"), hb("14 g/dL", day)).truth("E3") == "true"


@pytest.mark.parametrize("day", [BEFORE_91, AFTER_91])
def test_a_haemoglobin_of_ninety_one_days_does_not(day: str) -> None:
    """The factor is bounded by Hb 5 and 20 g/dL, and 22 % may be 19 or 37 %."""
    got = asked(dlco("22 %"), hb("7 g/dL", day))

    assert (got.truth("E3"), got.open("E3"), leaf(got).reason) == ("unknown", "missing-data", "no-usable-value")
    assert got.missing_reasons("E3") == ["no-usable-value"]


@pytest.mark.parametrize(
    ("gender", "value", "truth"),
    [
        ("female", "17.7 %", "true"), ("female", "17.8 %", "unknown"),  # x 1.69176 at Hb 5: 29.94, 30.11
        ("female", "34.7 %", "unknown"), ("female", "34.8 %", "false"),  # x 0.86412 at Hb 20: 29.98, 30.07
        ("male", "16.7 %", "true"), ("male", "16.8 %", "unknown"),  # x 1.79059: 29.90, 30.08
        ("male", "33.7 %", "unknown"), ("male", "33.8 %", "false"),  # x 0.88882: 29.95, 30.04
    ],
)  # fmt: skip
def test_without_a_haemoglobin_it_is_decided_where_both_ends_agree(gender: str, value: str, truth: str) -> None:
    """The bounds are Hb 5 and 20 g/dL."""
    got = asked(dlco(value), gender=gender)

    assert got.truth("E3") == truth, got.show("E3")
    assert leaf(got).reason == ("no-usable-value" if truth == "unknown" else None)


@pytest.mark.parametrize("gender", ["other", "unknown", None])
@pytest.mark.parametrize(
    ("value", "truth"),
    [("29.4 %", "true"), ("29.5 %", "unknown"), ("30.5 %", "unknown"), ("30.6 %", "false")],
)
def test_without_a_sex_it_is_decided_where_both_formulas_agree(gender: str | None, value: str, truth: str) -> None:
    """Hb 14: x 1.01765 for men, x 0.98235 for women; else a person knows the sex."""
    got = asked(dlco(value), hb("14 g/dL", TEST_DAY), gender=gender)

    assert got.truth("E3") == truth, got.show("E3")
    if truth == "unknown":
        assert (got.open("E3"), leaf(got).reason) == ("to-confirm", "needs-judgement")


def test_a_corrected_value_needs_neither_haemoglobin_nor_sex() -> None:
    """It is used as reported."""
    assert asked(dlco("29 %", CORRECTED), gender="other").truth("E3") == "true"


def test_the_nearest_haemoglobin_corrects() -> None:
    """Whether before or after the test."""
    near_after = hb("7 g/dL", "2026-06-15"), hb("14 g/dL", "2026-05-31")
    near_before = hb("14 g/dL", "2026-06-15"), hb("7 g/dL", "2026-06-06")

    assert asked(dlco("22 %"), *near_after).truth("E3") == "false"
    assert asked(dlco("22 %"), *near_before).truth("E3") == "false"


def test_of_one_day_the_haemoglobin_nearest_in_hours_corrects() -> None:
    """An hour before goes before nine hours after, an hour after before nine hours before."""
    early, late = (dlco("22 %", when=f"2026-06-10T{hour}:00:00+02:00") for hour in ("09", "17"))
    morning, evening = "2026-06-10T08:00:00+02:00", "2026-06-10T18:00:00+02:00"
    rising = hb("7 g/dL", morning), hb("14 g/dL", evening)
    falling = hb("14 g/dL", morning), hb("7 g/dL", evening)

    assert [leaf(asked(at, *rising)).truth.value for at in (early, late)] == ["false", "true"]
    assert [leaf(asked(at, *falling)).truth.value for at in (early, late)] == ["true", "false"]


def test_of_the_day_of_a_test_without_an_hour_the_earlier_haemoglobin_corrects() -> None:
    """Both are equally near."""
    morning, evening = "2026-06-10T08:00:00+02:00", "2026-06-10T18:00:00+02:00"

    assert leaf(asked(dlco("22 %"), hb("7 g/dL", morning), hb("14 g/dL", evening))).truth.value == "false"
    assert leaf(asked(dlco("22 %"), hb("14 g/dL", morning), hb("7 g/dL", evening))).truth.value == "true"


def test_of_two_equally_near_the_earlier_corrects() -> None:
    """Ten days before goes before ten days after."""
    assert asked(dlco("22 %"), hb("7 g/dL", "2026-05-31"), hb("14 g/dL", "2026-06-20")).truth("E3") == "false"
    assert asked(dlco("22 %"), hb("14 g/dL", "2026-05-31"), hb("7 g/dL", "2026-06-20")).truth("E3") == "true"


@pytest.mark.parametrize(
    "unusable",
    [
        hb("14 g/dL", TEST_DAY, status="preliminary"),
        hb("14 g/dL", TEST_DAY, status="entered-in-error"),
        hb("14", TEST_DAY),
        hb("140 g/dL", TEST_DAY),
    ],
    ids=["preliminary", "in error", "no unit", "impossible"],
)
def test_a_haemoglobin_that_cannot_be_used_corrects_nothing(unusable: Resource) -> None:
    """The next nearest does: with Hb 7, 22 % is 30.28 %."""
    assert asked(dlco("22 %"), unusable, hb("7 g/dL", "2026-06-01")).truth("E3") == "false"


def test_the_newest_test_decides_which_way_applies() -> None:
    """A newer uncorrected test goes before an older corrected one, in either direction."""
    october = "2026-10-20"  # 13 days from the chart's own Hb 12.5: x 1.0296

    assert asked(dlco("65 %", CORRECTED), dlco("28 %", when=october)).truth("E3") == "true"
    assert asked(dlco("25 %", CORRECTED), dlco("60 %", when=october)).truth("E3") == "false"


def test_of_one_day_the_corrected_result_counts() -> None:
    """Whatever the order of their times."""
    assert asked(dlco("65 %", CORRECTED), dlco("20 %")).truth("E3") == "false"
    assert asked(dlco("25 %", CORRECTED), dlco("40 %")).truth("E3") == "true"
    morning, evening = "2026-06-10T08:00:00+02:00", "2026-06-10T18:00:00+02:00"
    assert asked(dlco("65 %", CORRECTED, morning), dlco("20 %", when=evening)).truth("E3") == "false"
    assert asked(dlco("65 %", CORRECTED, TEST_DAY), dlco("20 %", when=evening)).truth("E3") == "false"


def test_of_one_day_a_corrected_ratio_goes_before_an_uncorrected_percentage() -> None:
    """Corrected is corrected, however it was had."""
    ratio = observation("19913-3", "13 mL/min/mm[Hg]", TEST_DAY), observation("19910-9", "20 mL/min/mm[Hg]", TEST_DAY)
    got = asked(dlco("20 %"), *ratio)

    assert (got.truth("E3"), leaf(got).value.text) == ("false", "65")


def test_a_low_value_is_looked_at_again_ninety_days_later() -> None:
    """Lung function is recoverable, counted from the day of the test."""
    got = asked(dlco("25 %", CORRECTED, "2026-10-20"))

    assert (got.recoverable, got.rescreen_after) == (True, "2027-01-18")
