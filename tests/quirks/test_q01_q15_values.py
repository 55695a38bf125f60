"""Q1-Q15: values and units as real charts write them."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from service.eligibility.quantity import UnitProblem
from service.errors import NotFhirError
from service.fhir.decode import decode
from tests.builders import concept, observation, panel
from tests.readings import canonical, chart_of, converted, reading, warned

UCUM = "http://unitsofmeasure.org"


def valued(code: str, **value: Any) -> dict[str, Any]:
    """Return a final Observation with this value[x] and nothing else."""
    return observation(code, None, **value)


@pytest.mark.parametrize(
    ("code", "notion", "value", "unit", "expected"),
    [
        ("777-3", "platelets", 285.0, "10e9/L", Fraction(285)),
        ("777-3", "platelets", 285, "G/L", Fraction(285)),
        ("1742-6", "alt", 45.0, "UI/L", Fraction(45)),
        ("62238-1", "egfr", 74.0, "mL/min/1.73m2", Fraction(74)),
    ],
)
def test_q01_french_unit_strings(code: str, notion: str, value: float, unit: str, expected: Fraction) -> None:
    """Units as French laboratories print them, without a UCUM code, are read as what they mean."""
    chart = chart_of(valued(code, valueQuantity={"value": value, "unit": unit}))

    assert canonical(chart, notion) == expected


@pytest.mark.parametrize(
    ("code", "notion", "value", "unit", "expected"),
    [
        ("718-7", "hemoglobin", 85, "g/L", Fraction(17, 2)),
        ("2160-0", "creatinine_serum", Decimal("88.4"), "umol/L", Fraction(1)),
    ],
)
def test_q02_the_unit_decides_and_not_the_code(
    code: str, notion: str, value: Decimal, unit: str, expected: Fraction
) -> None:
    """A molar value under the mass code, or g/L under the g/dL code, is converted by its own unit."""
    assert canonical(chart_of(valued(code, valueQuantity={"value": value, "unit": unit})), notion) == expected


def test_q03_a_label_that_contradicts_the_code_is_not_followed() -> None:
    """6598-7 is a troponin, whatever its text says: it is no CRP."""
    labelled = concept("6598-7", text="Proteine C-reactive")

    chart = chart_of(observation(labelled, "45 mg/L"))

    assert "crp" not in chart.readings


def test_q04_same_analyte_in_two_codes_and_scales() -> None:
    """26499-4 counts and 758-3, which is in no value set, does not; /mm3 is converted as written."""
    chart = chart_of(observation("26499-4", "8.9 10*9/L"), observation("758-3", "57 /mm3"))

    assert canonical(chart, "neutrophils") == Fraction(89, 10)
    assert converted("/mm3", None, "cell_count") == Fraction(1, 1000)


def test_q05_number_and_text_stand_together() -> None:
    """A quantity with a text or an interpretation beside it keeps both."""
    both = valued("5195-3", valueQuantity={"value": Decimal("125.5"), "unit": "ng/L"}, valueString="Positif")

    result = reading(chart_of(both | {"interpretation": [concept(f"{V3}|POS")]}), "hepatitis_b")

    assert (result.quantity and result.quantity.value, result.text) == (Decimal("125.5"), "Positif")
    assert "positive" in result.flags
    assert not result.unusable


V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.mark.parametrize("text", [">=100UCUM http://unitsofmeasure.org,%", "1,5 g/dL"])
def test_q06_a_number_in_a_text_is_not_taken_out(text: str) -> None:
    """Comparator, number and unit in one string are shown and never used."""
    result = reading(chart_of(valued("718-7", valueString=text)), "hemoglobin")

    assert (result.quantity, result.text, result.unusable, result.unreadable) == (None, text, True, False)


def test_q07_value_string_is_no_number() -> None:
    """``valueString`` "<5.00" is text."""
    result = reading(chart_of(valued("1988-5", valueString="<5.00")), "crp")

    assert (result.quantity, result.unusable) == (None, True)


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
def test_q08_comparators_are_kept(comparator: str) -> None:
    """A censored value keeps its comparator, so that it compares as an interval."""
    censored = {"value": 5, "comparator": comparator, "unit": "mg/L"}

    quantity = reading(chart_of(valued("1988-5", valueQuantity=censored)), "crp").quantity

    assert quantity is not None
    assert (quantity.comparator, quantity.value) == (comparator, 5)


@pytest.mark.parametrize("comparator", ["<>", "=", "ad", 1])
def test_q08_comparators_that_fhir_lacks_make_the_value_unreadable(comparator: object) -> None:
    """Any other comparator changes the number in a way nobody knows: unusable, and said."""
    chart = chart_of(valued("1988-5", valueQuantity={"value": 5, "comparator": comparator, "unit": "mg/L"}, id="c"))

    result = reading(chart, "crp")
    assert (result.quantity, result.unusable, result.unreadable) == (None, True, True)
    assert warned(chart, "record-unreadable") == ["Observation/c: valueQuantity.comparator is none of FHIR R4"]


def test_q08_comparator_without_a_value() -> None:
    """A comparator alone is no value, but nothing is broken either."""
    chart = chart_of(valued("1988-5", valueQuantity={"comparator": "<"}))

    assert (reading(chart, "crp").unusable, reading(chart, "crp").unreadable) == (True, False)
    assert chart.warnings == []


def test_q09_number_in_a_string_is_read_with_a_warning() -> None:
    """A plain decimal inside a JSON string is the number it shows."""
    chart = chart_of(valued("1988-5", valueQuantity={"value": "1.8", "unit": "mg/L"}, id="c"))

    quantity = reading(chart, "crp").quantity
    assert quantity is not None
    assert str(quantity.value) == "1.8"
    assert warned(chart, "number-in-string") == ["Observation/c: valueQuantity.value is a number inside a string"]


@pytest.mark.parametrize("written", ["1,5", "+1.8", "1.8 mg/L", "1e3", "", "NaN", True, [], {}])
def test_q09_any_other_text_is_no_number(written: object) -> None:
    """What is not a plain decimal makes the record unreadable, and the warning shows no value."""
    chart = chart_of(valued("1988-5", valueQuantity={"value": written, "unit": "mg/L"}, id="c"))

    assert reading(chart, "crp").unreadable
    assert warned(chart, "record-unreadable") == ["Observation/c: valueQuantity.value is not a number"]


def test_q10_no_unit_at_all() -> None:
    """A bare number stays one: no unit is guessed; a UCUM code alone is a unit."""
    bare = reading(chart_of(valued("718-7", valueQuantity={"value": 12})), "hemoglobin").quantity
    coded = {"value": 450, "code": "U/L", "system": UCUM}

    assert bare is not None
    assert converted(bare.unit, bare.code, "hemoglobin") is UnitProblem.MISSING
    assert canonical(chart_of(valued("1742-6", valueQuantity=coded)), "alt") == 450


@pytest.mark.parametrize(
    ("code", "notion", "unit", "ucum"),
    [("718-7", "hemoglobin", "mmol/L", "g/dL"), ("777-3", "platelets", "/nanoLiters", "/pL")],
)
def test_q11_unit_and_code_that_disagree_are_both_kept(code: str, notion: str, unit: str, ucum: str) -> None:
    """Both spellings reach the comparison, which refuses them."""
    disagreeing = {"value": 25, "unit": unit, "system": UCUM, "code": ucum}

    quantity = reading(chart_of(valued(code, valueQuantity=disagreeing)), notion).quantity

    assert quantity is not None
    assert (quantity.unit, quantity.code) == (unit, ucum)


def test_q11_disagreement_is_no_unit() -> None:
    """mmol/L beside g/dL cannot be compared."""
    assert converted("mmol/L", "g/dL", "hemoglobin") is UnitProblem.DISAGREE


@pytest.mark.parametrize(
    ("unit", "code", "kind"),
    [
        ("x10*9/L", "10*9/L", "cell_count"),
        ("/nanoliter", "/nL", "cell_count"),
        ("K/uL", "K/uL", "cell_count"),
        ("gram per deciliter", "g/dL", "hemoglobin"),
        ("gm/dL", None, "hemoglobin"),
        ("unit per liter", "U/L", "enzyme"),
    ],
)
def test_q12_equivalent_spellings(unit: str, code: str | None, kind: str) -> None:
    """Spellings of the canonical unit need no conversion."""
    assert converted(unit, code, kind) == 1


def test_q12_a_unit_that_no_source_defines() -> None:
    """No unit is made of "NOT DEFINED IN SOURCE"."""
    assert converted("NOT DEFINED IN SOURCE", None, "hemoglobin") is UnitProblem.UNKNOWN


def test_q13_a_number_as_the_text_of_a_code() -> None:
    """A valueCodeableConcept of text alone ("GT 45") is shown and not used."""
    result = reading(chart_of(valued("33914-3", valueCodeableConcept={"text": "GT 45"})), "egfr")

    assert (result.quantity, result.answer, result.text, result.unusable) == (None, None, "GT 45", True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueRange": {"low": {"value": 2, "code": "/[HPF]"}, "high": {"value": 5}}}, "2 /[HPF] - 5"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 - 128"),
        ({"valuePeriod": {"start": "2026-01-01"}}, "2026-01-01"),
        ({"valueSampledData": {"origin": {"value": 0}}}, ""),
        ({"valueTime": "08:30:00"}, "08:30:00"),
    ],
)
def test_q14_values_that_are_no_single_number(value: dict[str, Any], text: str) -> None:
    """Ranges, ratios, periods and curves are shown as text and not used."""
    result = reading(chart_of(valued("1988-5", **value)), "crp")

    assert (result.quantity, result.text, result.unusable, result.unreadable) == (None, text, True, False)


def test_q14_a_translation_in_an_extension_is_not_the_value() -> None:
    """72 umol/L stays 72 umol/L although an extension holds 0.81 mg/dL."""
    url = "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation"
    translated = {"url": url, "valueQuantity": {"value": Decimal("0.81"), "unit": "mg/dL"}}
    value = {"value": 72, "unit": "umol/L", "extension": [translated]}

    quantity = reading(chart_of(valued("14682-9", valueQuantity=value)), "creatinine_serum").quantity

    assert quantity is not None
    assert (quantity.value, quantity.unit) == (72, "umol/L")


def test_q15_leading_plus_is_no_json() -> None:
    """``+1.5`` breaks the file, and the message says where without showing what."""
    with pytest.raises(NotFhirError, match=r"breaks at line 2, byte 11") as refused:
        decode(b'{"resourceType":"Observation",\n"effort": +1.5}')
    assert "1.5" not in str(refused.value)


def test_q15_decimals_stay_as_written() -> None:
    """Trailing zeros are kept: 10.50 was measured to the hundredth."""
    chart = chart_of(panel("45066-8", {"14682-9": "10.50 umol/L"}))

    quantity = reading(chart, "creatinine_serum").quantity
    assert quantity is not None
    assert str(quantity.value) == "10.50"
