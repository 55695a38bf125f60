"""E3: glomerular filtration rate under 30 mL/min, of eGFR, measured GFR and creatinine the newest."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, observation, verdict
from tests.verdicts import Verdict

SAMPLE = "2026-11-02T08:30:00+01:00"
CKD_EPI, CYSTATIN, MDRD, COCKCROFT = "98979-8", "98980-6", "33914-3", "35591-7"
INDEXED = "mL/min/{1.73_m2}"


def asked(*records: Resource, gender: str | None = "female", birth: str | None = "1978-03-14") -> Verdict:
    """Screen with these results and no other of the kidney."""
    return verdict(complete_chart(gender=gender, birth=birth).drop("egfr").add(*records))


def gfr(code: str, value: float, when: str | None = SAMPLE, unit: str = INDEXED, **elements: Any) -> Resource:
    """Return a filtration rate."""
    return observation(code, f"{value} {unit}", when, **elements)


def creatinine(value: str, when: str = "2026-11-10", code: str = "2160-0", **elements: Any) -> Resource:
    """Return a creatinine."""
    return observation(code, value, when, **elements)


def leaf(got: Verdict) -> Leaf:
    """Return the leaf about the filtration rate, the last of E3."""
    return got.leaves("E3")[3]


@pytest.mark.parametrize(
    "code", [CKD_EPI, CYSTATIN, MDRD, COCKCROFT, "62238-1", "94677-2", "50210-4", "77147-7", "69405-9", "35592-5"]
)
def test_any_formula_counts_indexed_or_not(code: str) -> None:
    """Under 30, strictly."""
    unit = "mL/min" if code == COCKCROFT else INDEXED

    assert asked(gfr(code, 29.9, unit=unit)).truth("E3") == "true"
    assert asked(gfr(code, 30, unit=unit)).truth("E3") == "false"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "no-record"),
        (gfr(CKD_EPI, 25, "2026-05-26"), "too-old"),
        (observation(CKD_EPI, "25", SAMPLE), "unit-not-comparable"),
        (observation(CKD_EPI, "25 mg/dL", SAMPLE), "unit-not-comparable"),
        (gfr(CKD_EPI, 251), "no-usable-value"),
        (gfr(CKD_EPI, 25, status="preliminary"), "no-usable-value"),
        (gfr(CKD_EPI, 25, status="cancelled"), "no-record"),
        (gfr(CKD_EPI, 25, None), "date-not-decisive"),
        (gfr(CKD_EPI, 25, "2026-05"), "date-not-decisive"),
        (observation(CKD_EPI, f"<= 30 {INDEXED}", SAMPLE), "value-not-decisive"),
    ],
)
def test_what_cannot_be_used_has_to_be_repeated(record: Resource | None, reason: str) -> None:
    """Missing data, with its reason."""
    got = asked(*[record] if record else [])

    assert (got.truth("E3"), got.open("E3"), leaf(got).reason) == ("unknown", "missing-data", reason), got.show("E3")


def test_the_window_is_180_days_and_comparators_make_intervals() -> None:
    """Exactly the window is still inside; "> 60" is not under 30, "< 15" is."""
    assert asked(gfr(CKD_EPI, 25, "2026-05-27")).truth("E3") == "true"
    assert asked(observation(CKD_EPI, f"> 60 {INDEXED}", SAMPLE)).truth("E3") == "false"
    assert asked(observation(CKD_EPI, f"< 15 {INDEXED}", SAMPLE)).truth("E3") == "true"


ORDER = [CYSTATIN, CKD_EPI, MDRD, COCKCROFT]


@pytest.mark.parametrize(("better", "worse"), [(a, b) for i, a in enumerate(ORDER) for b in ORDER[i + 1 :]])
def test_of_one_sample_the_better_kind_counts(better: str, worse: str) -> None:
    """Creatinine-and-cystatin, CKD-EPI, MDRD, Cockcroft; before `corrected` over `final`."""
    units = {COCKCROFT: "mL/min"}

    def pair(first: float, second: float, **elements: Any) -> Verdict:
        return asked(
            gfr(better, first, unit=units.get(better, INDEXED)),
            gfr(worse, second, unit=units.get(worse, INDEXED), **elements),
        )

    assert pair(29, 35).truth("E3") == "true"
    assert pair(35, 29).truth("E3") == "false"
    assert pair(35, 29, status="corrected").truth("E3") == "false"


def test_of_different_times_the_newest_counts_whatever_its_kind() -> None:
    """Preference is only within one sample."""
    assert asked(gfr(CYSTATIN, 35), gfr(MDRD, 29, "2026-11-02T18:30:00+01:00")).truth("E3") == "true"
    assert asked(gfr(CYSTATIN, 29), gfr(MDRD, 35, "2026-11-03")).truth("E3") == "false"


@pytest.mark.parametrize(("other", "black"), [("88294-4", "88293-6"), ("48642-3", "48643-1")])
def test_a_race_split_value_counts_only_where_the_other_is_absent(other: str, black: str) -> None:
    """Of the two values of one report, the one without the coefficient."""
    assert asked(gfr(other, 29), gfr(black, 34)).truth("E3") == "true"
    assert asked(gfr(other, 34), gfr(black, 29)).truth("E3") == "false"
    assert asked(gfr(black, 29)).truth("E3") == "true"


def test_two_equals_that_differ_disagree() -> None:
    """Two results of one kind and one sample: a person has to look, data are missing."""
    got = asked(gfr(CKD_EPI, 29), gfr("62238-1", 35))

    assert (leaf(got).reason, got.open("E3")) == ("records-disagree", "missing-data")


# CKD-EPI 2021: 142 x min(Scr/k, 1)^a x max(Scr/k, 1)^-1.200 x 0.9938^age x 1.012 for women.
def published(sex: str, scr: float, age: int) -> float:
    """Return the rate by the equation as published, in floating point."""
    k, a, factor = {"female": (0.7, -0.241, 1.012), "male": (0.9, -0.302, 1.0)}[sex]
    return 142 * min(scr / k, 1) ** a * max(scr / k, 1) ** -1.200 * 0.9938**age * factor


@pytest.mark.parametrize("sex", ["female", "male"])
@pytest.mark.parametrize("scr", ["0.4", "0.7", "0.8", "0.9", "1.0", "1.5", "2.5", "6.0"])
@pytest.mark.parametrize(
    ("birth", "age"), [("2000-01-01", 26), ("1976-11-10", 50), ("1976-11-11", 49), ("1958-05-05", 68)]
)
def test_a_creatinine_becomes_a_rate_by_ckd_epi_2021(sex: str, scr: str, birth: str, age: int) -> None:
    """Age in completed years on the creatinine's day, printed with two decimals, derived."""
    got = asked(creatinine(f"{scr} mg/dL", id="scr"), gender=sex, birth=birth)

    rate = published(sex, float(scr), age)
    assert abs(float(leaf(got).value.text) - rate) < 0.006
    assert got.truth("E3") == ("true" if rate < 30 else "false")
    assert "derived" in leaf(got).notes
    assert leaf(got).sources == ("Observation/scr",)


def test_known_rates() -> None:
    """At 50 with 1 mg/dL a woman has 69 and a man 92 mL/min, as calculators say."""
    for sex, rate in (("female", 69), ("male", 92)):
        got = asked(creatinine("1.0 mg/dL"), gender=sex, birth="1976-11-10")

        assert round(float(leaf(got).value.text)) == rate


@pytest.mark.parametrize("written", ["3 mg/dL", "265.2 umol/L", "30 mg/L", "0.2652 mmol/L"])
@pytest.mark.parametrize("code", ["2160-0", "14682-9"])
def test_creatinine_is_converted_by_its_unit_not_its_code(written: str, code: str) -> None:
    """88.4 µmol/L are 1 mg/dL, whatever the code says about mass and moles."""
    got = asked(creatinine(written, code=code))

    assert leaf(got).value.text == f"{published('female', 3.0, 48):.2f}"


def test_a_creatinine_of_a_later_day_decides_over_every_rate() -> None:
    """Of the same day or earlier it does not."""
    assert asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", "2026-11-03")).truth("E3") == "true"
    assert asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", "2026-11-02T23:00:00+01:00")).truth("E3") == "false"
    assert asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", "2026-11-02")).truth("E3") == "false"
    assert asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", "2026-11-01")).truth("E3") == "false"
    assert asked(gfr(CKD_EPI, 25), creatinine("0.7 mg/dL", "2026-11-03")).truth("E3") == "false"


def test_a_creatinine_after_midnight_is_of_a_later_day() -> None:
    """Days as written, in the record's own offset."""
    got = asked(gfr(CKD_EPI, 85, "2026-11-02T23:50:00+01:00"), creatinine("3 mg/dL", "2026-11-03T00:10:00+01:00"))

    assert got.truth("E3") == "true"


def test_a_creatinine_too_old_or_unusable_decides_nothing() -> None:
    """Window, unit, plausibility and status hold for it as for any result."""
    assert leaf(asked(creatinine("3 mg/dL", "2026-05-26"))).reason == "too-old"
    assert asked(creatinine("3 mg/dL", "2026-05-27")).truth("E3") == "true"
    assert asked(gfr(CKD_EPI, 85), creatinine("3", "2026-11-03")).truth("E3") == "false"
    assert asked(gfr(CKD_EPI, 85), creatinine("31 mg/dL", "2026-11-03")).truth("E3") == "false"
    assert asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", "2026-11-03", status="preliminary")).truth("E3") == "false"


def test_a_newer_creatinine_without_a_number_is_told() -> None:
    """The older rate is used, and the note says that a newer record says nothing."""
    newer = creatinine("3 mg/dL", "2026-11-03", valueQuantity=None, valueString="haemolysed")
    got = verdict(complete_chart().add(newer))

    assert (leaf(got).truth.value, leaf(got).notes) == ("false", ("newer-unusable",))


def test_a_rate_too_old_leaves_the_creatinine() -> None:
    """The creatinine is of a later day."""
    assert asked(gfr(CKD_EPI, 85, "2026-05-20"), creatinine("3 mg/dL")).truth("E3") == "true"


@pytest.mark.parametrize("gender", ["other", "unknown", None])
@pytest.mark.parametrize(("scr", "truth"), [("2.0", "false"), ("2.1", "unknown"), ("2.5", "unknown"), ("2.6", "true")])
def test_without_a_sex_it_is_decided_where_both_formulas_agree(gender: str | None, scr: str, truth: str) -> None:
    """At 48, 30 mL/min are 2.02 mg/dL in women and 2.56 in men; between them a person knows the sex."""
    got = asked(creatinine(f"{scr} mg/dL"), gender=gender)

    assert got.truth("E3") == truth, got.show("E3")
    if truth == "unknown":
        assert (leaf(got).reason, got.open("E3")) == ("needs-judgement", "to-confirm")


def test_a_measured_clearance_is_shown_to_confirm() -> None:
    """2164-2 is under review: its value is shown where no rate is in the window."""
    got = asked(gfr("2164-2", 25, unit="mL/min"))

    assert (got.truth("E3"), got.open("E3"), leaf(got).reason) == ("unknown", "to-confirm", "needs-judgement")
    assert leaf(got).value.text == "25"


def test_a_low_rate_is_looked_at_again_after_two_weeks() -> None:
    """GFR is a laboratory value."""
    got = asked(gfr(CKD_EPI, 25, "2026-11-20"))

    assert (got.recoverable, got.rescreen_after) == (True, "2026-12-04")


def test_a_partial_birth_date_is_an_interval_of_ages() -> None:
    """Decided where the youngest and the oldest age agree: under 30 at 3 mg/dL, not at 1.5."""
    assert asked(creatinine("3 mg/dL"), birth="1978").truth("E3") == "true"
    assert asked(creatinine("1.5 mg/dL"), birth="1978").truth("E3") == "false"
    assert asked(creatinine("1.0 mg/dL"), birth="1945").leaf("I5.b.2", "egfr").reason == "needs-judgement"


def test_a_partial_birth_date_may_leave_the_rate_open() -> None:
    """At 2.02 mg/dL a woman has 30.08 mL/min at 47 and 29.89 at 48."""
    got = asked(creatinine("2.02 mg/dL"), birth="1978")

    assert (got.truth("E3"), leaf(got).reason, leaf(got).value.text) == ("unknown", "value-not-decisive", "29.89–30.08")


def test_two_creatinines_of_one_day_that_differ_disagree() -> None:
    """Neither is better than the other."""
    got = asked(creatinine("3 mg/dL"), creatinine("0.8 mg/dL"))

    assert (leaf(got).reason, got.open("E3")) == ("records-disagree", "missing-data")


def test_without_a_birth_date_a_later_creatinine_leaves_no_rate() -> None:
    """The rate of an earlier day does not come back, and the creatinine that would decide has no age."""
    chart = complete_chart(birth=None).add(creatinine("10 mg/dL"))
    got = verdict(chart)

    assert (got.truth("E3"), got.open("E3"), leaf(got).reason) == ("unknown", "missing-data", "no-usable-value")


def test_a_newer_preliminary_creatinine_leaves_the_rate_with_a_note() -> None:
    """The finding says that it is there."""
    got = asked(gfr(CKD_EPI, 85), creatinine("3 mg/dL", status="preliminary"))

    assert (leaf(got).truth.value, leaf(got).notes) == ("false", ("newer-unusable",))
