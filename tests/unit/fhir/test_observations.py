"""What an Observation says: answers, interpretations, methods, coded findings, and what makes it unusable."""

from decimal import Decimal
from typing import Any

import pytest

from service.eligibility.chart import Certainty
from tests.builders import concept, observation, panel, quantity
from tests.readings import chart_of, entry, reading, warned

V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0136"
HBSAG = "5195-3"


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"valueBoolean": True}, True),
        ({"valueBoolean": False}, False),
        ({"valueCodeableConcept": concept("10828004")}, True),
        ({"valueCodeableConcept": concept("260385009")}, False),
        ({"valueCodeableConcept": concept(f"{V2}|Y")}, True),
        ({"valueCodeableConcept": concept(f"{V3}|NEG")}, False),
        ({"valueCodeableConcept": concept("10828004", "260385009")}, None),
        ({"valueCodeableConcept": concept("419984006")}, None),
        ({"valueCodeableConcept": concept(text="Positif")}, None),
    ],
)
def test_coded_answers(value: dict[str, Any], answer: bool | None) -> None:
    """Yes and no by a boolean or a code; a yes beside a no, and text, are no answer."""
    result = reading(chart_of(observation(HBSAG, None, **value)), "hepatitis_b")

    assert (result.answer, result.unusable) == (answer, answer is None)


@pytest.mark.parametrize(("code", "answer"), [("LA15173-0", True), ("LA26683-5", False), ("LA4489-6", None)])
def test_answers_of_the_notion_itself(code: str, answer: bool | None) -> None:
    """LOINC answer codes of a pregnancy status are codes of that notion."""
    status = observation("82810-3", None, valueCodeableConcept=concept(f"http://loinc.org|{code}"))

    assert reading(chart_of(status), "pregnancy_status").answer is answer
    assert "pregnancy_status" not in chart_of(status).entries


@pytest.mark.parametrize(
    ("code", "flags", "usable"),
    [
        ("POS", {"POS", "positive"}, True),
        ("ND", {"ND", "negative"}, True),
        ("H", {"H", "serology-positive"}, True),
        ("N", {"N", "serology-negative"}, True),
        ("R", {"R"}, False),
    ],
)
def test_interpretations(code: str, flags: set[str], usable: bool) -> None:
    """A general yes or no; high and normal speak of antibodies only; R means resistant."""
    result = reading(chart_of(observation(HBSAG, None, flag=code)), "hepatitis_b")

    assert (result.flags, result.unusable) == (flags, not usable)


def test_a_number_outside_all_measurement_is_unreadable() -> None:
    """1E+999999999 would never be printed to its end."""
    huge = {"value": Decimal("1E+999999999"), "unit": "g/dL"}

    chart = chart_of(observation("718-7", None, id="hb", valueQuantity=huge))

    assert reading(chart, "hemoglobin").unreadable
    assert warned(chart, "record-unreadable") == [
        "Observation/hb: valueQuantity.value is not a number that a measurement can have"
    ]


@pytest.mark.parametrize(
    ("method", "tags"),
    [
        (None, set()),
        (concept("40701008"), {"echo"}),
        (concept("40403005"), {"catheter"}),
        (concept("241620005"), {"other-method"}),
        (concept(text="Magnetic resonance"), {"other-method"}),
    ],
)
def test_methods(method: dict[str, Any] | None, tags: set[str]) -> None:
    """Echo and catheter are told by their procedure codes; any other method is another one."""
    assert reading(chart_of(observation("10230-1", "35 %", method=method)), "lvef").tags == tags


def test_a_diagnosis_as_the_result_of_an_image_is_a_finding() -> None:
    """A coded conclusion of a chest CT is an entry of its own."""
    ct = observation("24627-2", None, valueCodeableConcept=concept("233703007"))
    pending = ct | {"status": "preliminary"}

    assert entry(chart_of(ct), "ild").certainty is Certainty.CONFIRMED
    assert entry(chart_of(ct), "ild").kind == "Observation"
    assert entry(chart_of(pending), "ild").certainty is Certainty.UNCONFIRMED


def test_the_coded_result_of_a_test_is_no_diagnosis() -> None:
    """A screening test answered with "HIV positive" is a reactive test and nothing more."""
    screening = observation("56888-1", None, valueCodeableConcept=concept("165816005"))

    assert "hiv_condition" not in chart_of(screening).entries


def test_a_method_that_answers_a_question_is_a_finding() -> None:
    """86649-1 asks for the method of contraception; the answer is what counts."""
    asked = observation("86649-1", None, valueCodeableConcept=concept("65200003"))

    assert entry(chart_of(asked), "contraception_female").tags == {"iud"}


def test_focus_on_somebody_else_makes_the_record_unusable() -> None:
    """A result about a fetus or a donor stands in the patient's record and is not hers."""
    fetus = [{"reference": "RelatedPerson/fetus"}]

    assert reading(chart_of(observation("718-7", "12 g/dL", focus=fetus)), "hemoglobin").unusable


def test_absence_beside_a_value_makes_it_unusable() -> None:
    """A value that the record itself calls absent is not used."""
    reason = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason|error")

    result = reading(chart_of(observation("718-7", "6 g/dL", dataAbsentReason=reason)), "hemoglobin")

    assert (result.unusable, result.absent) == (True, "error")


def test_a_modifier_on_a_component_concerns_that_component() -> None:
    """The other component is used."""
    pressures = panel("85354-9", {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"})
    pressures["component"][0]["modifierExtension"] = [{"url": "http://example.org/x", "valueBoolean": True}]

    assert [each.unusable for each in chart_of(pressures).readings["blood_pressure"]] == [True, False]


def test_one_broken_component_loses_no_other() -> None:
    """It is said, and could have been anything of its type."""
    parts: list[Any] = ["broken", {"code": concept("8480-6"), "valueQuantity": quantity("120 mm[Hg]")}]

    chart = chart_of(observation("85354-9", None, id="bp", component=parts))

    assert reading(chart, "blood_pressure").tags == {"systolic"}
    assert chart.unreadable_types == {"Observation"}
    assert warned(chart, "record-unreadable") == ["Observation/bp: component.code is not a readable CodeableConcept"]


@pytest.mark.parametrize(
    "code", [None, "718-7", {"coding": {"code": "718-7"}}, {"coding": ["718-7"]}, {"coding": [{"code": 718}]}]
)
def test_a_code_that_cannot_be_read_could_be_any(code: Any) -> None:
    """Whatever the record is about, an Observation could not be read."""
    chart = chart_of(observation(code, "12 g/dL", id="hb") | {"code": code})

    assert (chart.readings, chart.unreadable_types) == ({}, {"Observation"})
    assert warned(chart, "record-unreadable") == ["Observation/hb: code is not a readable CodeableConcept"]


def test_several_codings_of_one_notion_are_one_reading() -> None:
    """The higher role speaks, with the tags of both."""
    both = observation(concept("8440-0", "82341-9"), "45 mm[Hg]")

    assert reading(chart_of(both), "pasp_echo").role.value == "match"


def test_a_date_as_the_value() -> None:
    """The first non-Raynaud symptom is a date, which may be partial."""
    onset = observation("first-non-raynaud-symptom-date", None, valueDateTime="2025-04")

    when = reading(chart_of(onset), "disease_onset").date
    assert when is not None
    assert when.text == "2025-04"
