"""E3: DLCO corrected for haemoglobin under 30 % of predicted, reported or derived from what is there."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, observation, panel, verdict
from tests.verdicts import Verdict

TEST_DAY = "2026-06-10"
CORRECTED, UNCORRECTED = "dlco-hb-corrected-percent-predicted", "98130-8"
MEASURED_CORRECTED, MEASURED, PREDICTED, HB = "19913-3", "19911-7", "19910-9", "718-7"
ML = "mL/min/mm[Hg]"
UNKNOWN_MODIFIER = [{"url": "http://x.example/changes-all", "valueBoolean": True}]
NOT_PERFORMED = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed"}]
}
TO_REPEAT = ("unknown", "missing-data")


def asked(*records: Resource, gender: str = "female") -> Verdict:
    """Screen with these records; the sample chart's own DLCO is left out, its other organs are well."""
    return verdict(complete_chart(gender=gender).drop("dlco").add(*records))


def dlco(code: str, value: str | None, when: str | None = TEST_DAY, **elements: Any) -> Resource:
    """Return a lung function result of the day of the test."""
    return observation(code, value, when, **elements)


def hb(value: str, when: str, **elements: Any) -> Resource:
    """Return a haemoglobin; the one of the sample chart is 145 days from the test, too far."""
    return observation(HB, value, when, **elements)


def leaf(got: Verdict) -> Leaf:
    """Return the leaf about DLCO; whichever way it was had, it goes by one name."""
    return got.leaf("E3", "dlco_percent_predicted")


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        ("29.9 %", "true"), ("30 %", "false"), ("30.1 %", "false"), ("< 30 %", "true"), (">= 30 %", "false"),
        ("5 %", "true"), ("200 %", "false"), ("< 29 %", "true"),
    ],
)  # fmt: skip
def test_a_corrected_percentage_is_compared_with_30(value: str, truth: str) -> None:
    """Strictly under, as printed."""
    got = asked(dlco(CORRECTED, value))

    assert got.truth("E3") == truth
    assert "derived" not in got.notes("E3")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "no-record"),
        (dlco(CORRECTED, "25 %", "2025-08-23"), "too-old"),
        (dlco(CORRECTED, "25"), "unit-not-comparable"),
        (dlco(CORRECTED, f"25 {ML}"), "unit-not-comparable"),
        (dlco(CORRECTED, "4.9 %"), "no-usable-value"),
        (dlco(CORRECTED, "200.1 %"), "no-usable-value"),
        (dlco(CORRECTED, "25 %", status="preliminary"), "no-usable-value"),
        (dlco(CORRECTED, None, valueString="25 %"), "no-usable-value"),
        (dlco(CORRECTED, None, valueString="<25.0"), "no-usable-value"),
        (dlco(CORRECTED, "25 %", modifierExtension=UNKNOWN_MODIFIER), "no-usable-value"),
        (dlco(CORRECTED, "25 %", status="entered-in-error"), "no-record"),
        (dlco(CORRECTED, "25 %", status="cancelled"), "no-record"),
        (dlco(CORRECTED, "25 %", "2026-11-24"), "no-record"),
        (dlco(CORRECTED, "25 %", None), "date-not-decisive"),
        (dlco(CORRECTED, "25 %", "2025"), "date-not-decisive"),
        (dlco(CORRECTED, "<= 30 %"), "value-not-decisive"),
        (dlco(CORRECTED, "> 25 %"), "value-not-decisive"),
        (dlco("98203-3", "20 %"), "no-record"),  # KCO
        (dlco(MEASURED_CORRECTED, f"5 {ML}"), "no-record"),  # without the predicted value
        (dlco(PREDICTED, f"5 {ML}"), "no-record"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_has_to_be_repeated(record: Resource | None, reason: str) -> None:
    """Missing data, with its reason from the closed list."""
    got = asked(*[record] if record else [])

    assert (got.truth("E3"), got.open("E3")) == TO_REPEAT, got.show("E3")
    assert leaf(got).reason == reason
    assert got.missing_reasons("E3") == [reason]


def test_the_window_is_456_days() -> None:
    """Yearly tests come at 12 to 15 months; exactly the window is still inside."""
    assert asked(dlco(CORRECTED, "25 %", "2025-08-24")).truth("E3") == "true"
    assert asked(dlco(CORRECTED, "25 %", "2026")).truth("E3") == "true"


def test_a_date_that_straddles_the_window_hides_no_dated_value() -> None:
    """The value is shown, never used."""
    assert asked(dlco(CORRECTED, "25 %", "2025"), dlco(CORRECTED, "65 %", "2025-09-01")).truth("E3") == "false"


def test_an_unusable_newer_value_leaves_the_older_one() -> None:
    """The finding says that there is a newer one."""
    for newer in (
        dlco(CORRECTED, "25 %", "2026-08-01", status="preliminary"),
        dlco(CORRECTED, "25", "2026-08-01"),
        dlco(CORRECTED, "3 %", "2026-08-01"),
    ):
        got = asked(dlco(CORRECTED, "65 %"), newer)

        assert (got.truth("E3"), "newer-unusable" in got.notes("E3")) == ("false", True)


def test_two_equally_good_results_that_differ_disagree() -> None:
    """On a measurement, missing data; corrected goes before amended before final."""
    both = dlco(CORRECTED, "25 %"), dlco(CORRECTED, "65 %")

    assert leaf(asked(*both)).reason == "records-disagree"
    assert asked(*both).open("E3") == "missing-data"
    assert asked(dlco(CORRECTED, "25 %"), dlco(CORRECTED, "28 %")).truth("E3") == "true"
    assert asked(dlco(CORRECTED, "25 %", status="amended"), dlco(CORRECTED, "65 %")).truth("E3") == "true"
    assert (
        asked(dlco(CORRECTED, "25 %", status="amended"), dlco(CORRECTED, "65 %", status="corrected")).truth("E3")
        == "false"
    )


@pytest.mark.parametrize("code", ["not-performed", "unsupported", "not-applicable"])
def test_a_test_that_could_not_be_had_is_judged(code: str) -> None:
    """Recorded as not measurable, with no usable value in its window: for a person."""
    absent = {"coding": [{**NOT_PERFORMED["coding"][0], "code": code}]}
    got = asked(dlco(CORRECTED, None, dataAbsentReason=absent))

    assert (got.truth("E3"), got.open("E3"), leaf(got).reason) == ("unknown", "to-confirm", "needs-judgement")
    assert asked(dlco(UNCORRECTED, None, dataAbsentReason=absent)).open("E3") == "to-confirm"
    undated = dlco(CORRECTED, "65 %", None)
    assert leaf(asked(dlco(CORRECTED, None, dataAbsentReason=absent), undated)).reason == "needs-judgement"


def test_another_reason_of_absence_is_missing_data() -> None:
    """`unknown` says nothing of whether it can be measured; older than the window is no record of it either."""
    unknown = {"coding": [{**NOT_PERFORMED["coding"][0], "code": "unknown"}]}

    assert leaf(asked(dlco(CORRECTED, None, dataAbsentReason=unknown))).reason == "no-usable-value"
    assert asked(dlco(CORRECTED, None, "2025-08-23", dataAbsentReason=NOT_PERFORMED)).open("E3") == "missing-data"


def test_a_usable_value_in_the_window_goes_before_a_newer_one_that_could_not_be_had() -> None:
    """Only with no usable value in the window is it for a person."""
    got = asked(dlco(CORRECTED, "65 %"), dlco(CORRECTED, None, "2026-09-01", dataAbsentReason=NOT_PERFORMED))

    assert got.truth("E3") == "false"


# Corrected / predicted x 100.
RATIOS = [
    (f"5.9 {ML}", f"20 {ML}", "true"),
    (f"6 {ML}", f"20 {ML}", "false"),
    ("1.9 mmol/min/kPa", f"20 {ML}", "true"),  # x 2.987: 28.4 %
    ("2.1 mmol/min/kPa", f"20 {ML}", "false"),
    ("1.9 mmol/min/kPa", "6.5 mmol/min/kPa", "true"),
]


@pytest.mark.parametrize(("corrected", "predicted", "truth"), RATIOS)
def test_corrected_over_predicted_counts_as_derived(corrected: str, predicted: str, truth: str) -> None:
    """With the predicted value of the same day; both records are named."""
    got = asked(dlco(MEASURED_CORRECTED, corrected, id="m"), dlco(PREDICTED, predicted, id="p"))

    assert got.truth("E3") == truth
    assert "derived" in got.notes("E3")
    assert {"Observation/m", "Observation/p"} <= set(leaf(got).sources)


def test_a_reported_percentage_goes_before_corrected_over_predicted_of_the_same_day() -> None:
    """31 % as reported, not 6 of 25, which is 24 %."""
    got = asked(dlco(CORRECTED, "31 %"), dlco(MEASURED_CORRECTED, f"6 {ML}"), dlco(PREDICTED, f"25 {ML}"))

    assert (got.truth("E3"), "derived" in got.notes("E3")) == ("false", False)


def test_the_predicted_value_of_another_day_does_not_count() -> None:
    """Nothing to compare with a percentage."""
    got = asked(dlco(MEASURED_CORRECTED, f"5 {ML}"), dlco(PREDICTED, f"20 {ML}", "2026-06-11"))

    assert leaf(got).reason == "no-record"


def test_a_percentage_on_a_measured_code_is_a_percentage() -> None:
    """On the corrected code it is corrected, on 19911-7 an uncorrected one."""
    assert asked(dlco(MEASURED_CORRECTED, "29 %")).truth("E3") == "true"
    assert asked(dlco(MEASURED, "29 %"), hb("7 g/dL", TEST_DAY)).truth("E3") == "false"


def test_components_count_like_observations() -> None:
    """Measured and predicted may be parts of one Observation."""
    got = asked(panel("GLQD001", {MEASURED_CORRECTED: f"5 {ML}", PREDICTED: f"20 {ML}"}, TEST_DAY))

    assert (got.truth("E3"), leaf(got).value.text) == ("true", "25")


# Uncorrected, with the haemoglobin nearest to the test: x (9.38 + Hb) / (1.7 Hb) for women, 10.22 for men.
COTES = [
    ("female", "7 g/dL", "21.7 %", "true"),  # x 1.3765: 29.87
    ("female", "7 g/dL", "21.8 %", "false"),  # 30.01
    ("female", "14 g/dL", "30.5 %", "true"),  # x 0.98235: 29.96
    ("female", "14 g/dL", "30.6 %", "false"),  # 30.06
    ("male", "14 g/dL", "29.4 %", "true"),  # x 1.01765: 29.92
    ("male", "14 g/dL", "29.5 %", "false"),  # 30.02
    ("male", "7 g/dL", "20.7 %", "true"),  # x 1.4471: 29.95
    ("male", "7 g/dL", "20.8 %", "false"),  # 30.10
    ("female", "70 g/L", "21.7 %", "true"),
    ("female", "4.344 mmol/L", "21.7 %", "true"),  # 7.0 g/dL
    ("female", "4.344 mmol/L", "21.8 %", "false"),
]


@pytest.mark.parametrize(("gender", "given", "value", "truth"), COTES)
def test_an_uncorrected_value_is_corrected_by_cotes(gender: str, given: str, value: str, truth: str) -> None:
    """Men and women differ by the offset; the result is derived and compared unrounded."""
    got = asked(dlco(UNCORRECTED, value), hb(given, TEST_DAY), gender=gender)

    assert got.truth("E3") == truth, got.show("E3")
    assert "derived" in got.notes("E3")


def test_the_corrected_value_names_both_records_and_is_printed_with_two_decimals() -> None:
    """28.5 % with Hb 9.0: x 18.38 / 15.3 is 34.24 %."""
    got = asked(dlco(UNCORRECTED, "28.5 %", id="d"), hb("9.0 g/dL", "2026-06-08", id="h"))

    assert leaf(got).value.text == "34.24"
    assert set(leaf(got).sources) == {"Observation/d", "Observation/h"}


def test_measured_over_predicted_is_corrected_too() -> None:
    """Uncorrected measured / predicted x 100 is an uncorrected percentage."""
    both = dlco(MEASURED, f"5 {ML}"), dlco(PREDICTED, f"20 {ML}")

    assert asked(*both, hb("7 g/dL", TEST_DAY)).truth("E3") == "false"  # 34.4
    assert asked(*both, hb("14 g/dL", TEST_DAY)).truth("E3") == "true"  # 24.6
