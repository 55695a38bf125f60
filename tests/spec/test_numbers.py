"""Numbers as records write them: decimals, text, units that disagree, and comparators that make intervals."""

from typing import Any

import pytest

from tests.builders import Resource, SampleChart, complete_chart, observation, quantity, verdict

UCUM = "http://unitsofmeasure.org"

# value of one part, and the truth of its criterion: both sides of each threshold, and the bound itself
INTERVALS = [
    ("platelets", "E11", "50 10*9/L", "false"),
    ("platelets", "E11", "49.999 10*9/L", "true"),
    ("platelets", "E11", "< 50 10*9/L", "true"),
    ("platelets", "E11", "<= 50 10*9/L", "unknown"),
    ("platelets", "E11", "<= 49 10*9/L", "true"),
    ("platelets", "E11", "< 51 10*9/L", "unknown"),
    ("platelets", "E11", ">= 50 10*9/L", "false"),
    ("platelets", "E11", "> 50 10*9/L", "false"),
    ("platelets", "E11", "> 49 10*9/L", "unknown"),
    ("platelets", "E11", ">= 49 10*9/L", "unknown"),
    ("egfr", "E3", "> 90 mL/min/{1.73_m2}", "false"),
    ("egfr", "E3", ">= 30 mL/min/{1.73_m2}", "false"),
    ("egfr", "E3", "< 30 mL/min/{1.73_m2}", "true"),
    ("egfr", "E3", "<= 30 mL/min/{1.73_m2}", "unknown"),
    ("egfr", "E3", "< 60 mL/min/{1.73_m2}", "unknown"),
    ("mrss", "I5.b", "15 {score}", "true"),
    ("mrss", "I5.b", ">= 15 {score}", "true"),
    ("mrss", "I5.b", "> 14 {score}", "unknown"),
    ("mrss", "I5.b", "< 15 {score}", "false"),
    ("mrss", "I5.b", "<= 15 {score}", "unknown"),
    ("bmi", "E9", "16.5 kg/m2", "false"),
    ("bmi", "E9", "16.49 kg/m2", "true"),
    ("bmi", "E9", "<= 16.5 kg/m2", "unknown"),
    ("bmi", "E9", "< 16.5 kg/m2", "true"),
]
CRP = [
    ("5 mg/L", "false"), ("5.01 mg/L", "true"), ("< 5 mg/L", "false"), ("<= 5 mg/L", "false"), ("> 5 mg/L", "true"),
    (">= 5 mg/L", "unknown"), ("< 6 mg/L", "unknown"), ("> 4 mg/L", "unknown"),
    ("0.5 mg/dL", "false"), ("0.51 mg/dL", "true"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "criterion", "value", "truth"), INTERVALS)
def test_a_comparator_decides_only_where_its_whole_interval_does(
    part: str, criterion: str, value: str, truth: str
) -> None:
    """On the bound it matters whether the bound itself belongs to the interval."""
    given = verdict(complete_chart().value(part, value))

    assert given.truth(criterion) == truth
    if truth == "unknown":
        assert "value-not-decisive" in given.reasons(criterion)


@pytest.mark.parametrize(("value", "truth"), CRP)
def test_crp_above_five(value: str, truth: str) -> None:
    """Laboratories report `<5`: that is not over 5."""
    given = verdict(complete_chart().value("crp", value)).leaf("I5.a", "crp")

    assert given.truth.value == truth


def count(**elements: Any) -> SampleChart:
    """Return the sample chart with a platelet count of these elements."""
    return complete_chart().replace("platelets", observation("777-3", None, "2026-11-02", **elements))


def given_as(value: Any, unit: str = "10*9/L", code: str | None = "10*9/L", system: str = UCUM) -> SampleChart:
    """Return the sample chart with a platelet count of this value and unit."""
    written: Resource = {"value": value, "unit": unit, "system": system}
    return count(valueQuantity=written | ({"code": code} if code else {}))


@pytest.mark.parametrize("text", ["20", "20.0", "20.50"])
def test_a_decimal_inside_a_string_is_read_with_a_warning(text: str) -> None:
    """Some senders quote their numbers."""
    given = verdict(given_as(text))

    assert (given.truth("E11"), given.warnings) == ("true", ["number-in-string"])


@pytest.mark.parametrize("text", ["<20", "20 000", "20,5", "about 20", "", "0x14", "NaN", "Infinity", "20 G/L"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    """A plain decimal is read, anything else is no usable value."""
    assert verdict(given_as(text)).reasons("E11") == ["no-usable-value"]


@pytest.mark.parametrize("text", ["<5.00", "20", "20 G/L"])
def test_number_like_text_is_not_a_number(text: str) -> None:
    """A valueString is text, shown and never computed with."""
    given = verdict(count(valueString=text))

    assert given.reasons("E11") == ["no-usable-value"]
    shown = given.leaf("E11", "platelets").value
    assert shown is not None
    assert shown.as_received == text


@pytest.mark.parametrize(
    ("unit", "code", "reason"),
    [
        ("g/L", "10*9/L", "unit-not-comparable"),
        ("10*9/L", "10*6/L", "unit-not-comparable"),
        ("10*9/L", "10*9/L", None),
        ("G/L", "10*9/L", None),
        ("10^9/L", "10*3/uL", None),
    ],
)
def test_unit_and_code_have_to_agree(unit: str, code: str, reason: str | None) -> None:
    """Two spellings of one unit agree, two units do not."""
    assert verdict(given_as(250, unit, code)).reason("E11") == reason


def test_blanks_inside_a_system_are_removed() -> None:
    """A system with stray blanks is the system that was meant."""
    blank = {"coding": [{"system": " http://loinc.org ", "code": "777-3"}]}
    chart = complete_chart().replace("platelets", observation(blank, "20 10*9/L", "2026-11-02"))

    assert verdict(chart).truth("E11") == "true"


@pytest.mark.parametrize(
    ("part", "criterion", "written", "truth"),
    [
        ("hemoglobin", "E11", "8.0 g/dL", "false"), ("hemoglobin", "E11", "79.9 g/L", "true"),
        ("hemoglobin", "E11", "80 g/L", "false"),
        ("hemoglobin", "E11", "4.96 mmol/L", "true"), ("hemoglobin", "E11", "4.97 mmol/L", "false"),
        ("platelets", "E11", "49999 /mm3", "true"), ("platelets", "E11", "50000 /uL", "false"),
        ("ast", "E4", "0.4 ukat/L", "false"),
    ],
)  # fmt: skip
def test_units_are_converted_before_they_are_compared(part: str, criterion: str, written: str, truth: str) -> None:
    """8 g/dL is 80 g/L and, by the monomer, between 4.96 and 4.97 mmol/L."""
    assert verdict(complete_chart().value(part, written)).truth(criterion) == truth


@pytest.mark.parametrize(("written", "truth"), [("47.6 nmol/L", "false"), ("47.7 nmol/L", "true")])
def test_crp_in_nanomoles(written: str, truth: str) -> None:
    """1 nmol/L of CRP is 0.105 mg/L: 5 mg/L lie between the two."""
    assert verdict(complete_chart().value("crp", written)).leaf("I5.a", "crp").truth.value == truth


def test_decimals_stay_as_written() -> None:
    """What was received is shown digit by digit; what was used has no trailing zeros."""
    shown = verdict(complete_chart().value("hemoglobin", "12.50 g/dL")).leaf("E11", "hemoglobin").value

    assert shown is not None
    assert (shown.text, shown.as_received) == ("12.5", "12.50 g/dL")


def test_a_binary_fraction_does_not_decide() -> None:
    """0.3 is not below 0.3, whatever a float makes of a sum: a threshold of 0.5 holds to the last digit."""
    for value, truth in (("0.5", "false"), ("0.49999999999999999999", "true"), ("0.50000000000000000001", "false")):
        assert verdict(complete_chart().value("lymphocytes", f"{value} 10*9/L")).truth("E11") == truth


def test_a_quantity_without_value_is_no_value() -> None:
    """A comparator or a unit alone says nothing."""
    written = {key: part for key, part in quantity("< 50 10*9/L").items() if key != "value"}

    assert verdict(count(valueQuantity=written)).reasons("E11") == ["no-usable-value"]
