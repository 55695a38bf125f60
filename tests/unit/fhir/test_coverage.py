"""How a source codes what the study asks for: by codes that are known, by local ones, in units that are read or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.eligibility.codes import Role
from service.fhir.coverage import Tally, counted, merge, tally
from service.fhir.read import located_in
from service.fhir.references import Located
from tests.builders import bundle, complete_chart, concept, condition, observation, panel, patient, prescription
from tests.verdicts import shipped_study

LOCAL = "https://lab.hospital.example/tests"


def located(*resources: dict[str, Any]) -> list[Located]:
    """Return records of one patient."""
    return list(located_in(bundle(patient(), *resources)))


def counts(*resources: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return, by notion, how many records have a code that is known, and how many are so by their words alone."""
    return {
        notion: (one.known_codes, one.local_only) for notion, one in tally(located(*resources), shipped_study()).items()
    }


def local(text: str | None = None, display: str | None = None) -> dict[str, Any]:
    """Return a CodeableConcept of a local code."""
    coding = {"system": LOCAL, "code": "X1"} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def test_a_chart_that_is_coded_throughout_has_known_codes_alone() -> None:
    """Each of its results counts once for its notion, and nothing by words."""
    found = tally(located_in(complete_chart().bundle()), shipped_study())

    assert {notion: one.known_codes for notion, one in found.items() if one.known_codes > 1} == {}
    assert {"platelets", "mrss", "systemic_sclerosis", "ild", "blood_pressure", "mpap_rhc"} <= found.keys()
    assert sum(one.local_only for one in found.values()) == 0
    assert all(one.unreadable_units == {} for one in found.values())


@pytest.mark.parametrize(
    ("words", "notion"),
    [
        ("Plaquettes", "platelets"),
        ("PLAQUETTES (sang total)", "platelets"),
        ("Hémoglobine", "hemoglobin"),
        ("HEMOGLOBINE", "hemoglobin"),
        ("CRP ultrasensible", "crp"),
        ("Alanine aminotransferase", "alt"),
        ("Score de Rodnan modifié, total", "mrss"),
    ],
)
def test_local_codes_are_known_by_their_words(words: str, notion: str) -> None:
    """A label in either language, the id, or what a code that counts is called; accents and capitals do not matter."""
    assert counts(observation(local(text=words), "1 g/L")) == {notion: (0, 1)}
    assert counts(observation(local(display=words), "1 g/L")) == {notion: (0, 1)}
    assert counts(observation({"text": words}, "1 g/L")) == {notion: (0, 1)}


@pytest.mark.parametrize("words", ["Plaquettaire", "Thromboplaquettes", "Volume", "Saltation", ""])
def test_a_part_of_a_word_is_no_name(words: str) -> None:
    """Names are found in whole words only."""
    assert counts(observation(local(text=words), "1 g/L")) == {}


def test_a_longer_name_hides_those_inside_it() -> None:
    """Renal crisis of scleroderma is no systemic sclerosis by words, and a pressure of the lungs no blood pressure."""
    assert counts(condition({"text": "Crise rénale sclérodermique"})) == {"scleroderma_renal_crisis": (0, 1)}
    assert counts(condition({"text": "Sclérodermie systémique"})) == {"systemic_sclerosis": (0, 1)}
    assert counts(observation(local(text="Creatinine renal clearance"), "90 mL/min")) == {"egfr": (0, 1)}
    assert counts(condition({"text": "HIV infection"})) == {"hiv_condition": (0, 1)}
    assert counts(condition({"text": "Infection"})) == {"infection": (0, 1)}


def test_what_a_code_that_only_hints_is_called_is_no_name() -> None:
    """Who is underweight need not be so thin."""
    assert counts(condition({"text": "Underweight"})) == {}


def test_words_count_where_the_record_has_the_right_type() -> None:
    """A Condition that speaks of platelets is no count of them."""
    assert counts(condition({"text": "Plaquettes"})) == {}


def test_words_say_nothing_beside_a_code_of_a_system_that_is_known() -> None:
    """HbA1c by LOINC speaks of haemoglobin and is none: who uses the code system has said what it is."""
    glycated = {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}]}

    assert counts(observation(glycated, "5 %")) == {}
    assert counts(observation(local(text="Hemoglobin A1c"), "5 %")) == {"hemoglobin": (0, 1)}


def test_a_known_code_beside_a_local_one_is_known() -> None:
    """Of several codings one suffices."""
    both = {"coding": [{"system": LOCAL, "code": "PLT", "display": "Plaquettes"}, *concept("777-3")["coding"]]}

    assert counts(observation(both, "250 10*9/L")) == {"platelets": (1, 0)}


def test_a_local_code_that_the_site_has_mapped_is_known_whatever_it_is_called() -> None:
    """Its words do not matter then."""
    mapped = shipped_study().lexicon.with_site_codes({}, [(LOCAL, "X1", "loinc", "718-7")])
    found = tally(located(observation(local(text="Plaquettes"), "12 g/dL")), replace(shipped_study(), lexicon=mapped))

    assert found == {"hemoglobin": Tally(known_codes=1)}


def test_components_count_and_a_record_counts_once() -> None:
    """A panel is known by its components, and is one record; those with local codes are found beside known ones."""
    blood = panel("85354-9", {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"})
    count = panel("58410-2", {"718-7": "12 g/dL"})
    count["component"] += [{"code": local(text="Plaquettes"), "valueQuantity": {"value": 250}}] * 2

    twice = panel("58410-2", {"777-3": "250 10*9/L"})
    twice["component"].append({"code": local(text="Plaquettes")})

    assert counts(blood) == {"blood_pressure": (1, 0)}
    assert counts(twice) == {"platelets": (1, 0)}
    assert counts(count) == {"hemoglobin": (1, 0), "platelets": (0, 1)}


def test_a_drug_is_known_by_the_medication_that_is_referred_to() -> None:
    """Its code stands in another record."""
    drug = {"resourceType": "Medication", "id": "m", "code": concept("L04AX03")}
    named = {"resourceType": "Medication", "id": "n", "code": local(text="METHOTREXATE 10 mg cp")}
    by = {"medicationCodeableConcept": None}
    known = prescription("L04AX03", medicationReference={"reference": "Medication/m"}, **by)
    unknown = prescription("L04AX03", medicationReference={"reference": "Medication/n"}, **by)

    assert counts(drug, named, known, unknown) == {"methotrexate": (1, 1)}


def test_units_that_cannot_be_read_are_counted_as_they_are_written() -> None:
    """One that is unknown, of another dimension, or missing where a number needs one; in components too."""
    count = panel("58410-2", {"777-3": "250 Gpt/L-odd"})
    found = tally(
        located(
            observation("777-3", "250 zillion"),
            observation("777-3", "250 zillion"),
            observation("777-3", "250 mg/dL"),
            observation("777-3", "250"),
            observation("777-3", "250 10*9/L"),
            observation("mrss-total", "18"),
            count,
        ),
        shipped_study(),
    )

    assert found["platelets"].unreadable_units == {"zillion": 2, "mg/dL": 1, "": 1, "Gpt/L-odd": 1}
    assert found["mrss"].unreadable_units == {}


def test_a_value_in_another_unit_may_be_of_another_notion() -> None:
    """A measured DLCO is a percentage of the predicted one only where it says so: its own unit is no fault."""
    (uri, code), *_ = shipped_study().lexicon.codes_of("dlco_measured_uncorrected", [Role.MATCH])
    found = tally(located(observation(f"{uri}|{code}", "6 mmol/min/kPa")), shipped_study())

    assert found == {"dlco_percent_predicted": Tally(known_codes=1)}


def test_a_unit_is_cut_and_their_number_has_an_end() -> None:
    """What is no unit but a text does not fill the report, nor the memory."""
    many = [observation("777-3", None, valueQuantity={"value": 1, "unit": f"{n} {'x' * 90}"}) for n in range(600)]
    found = tally(located(*many), shipped_study())["platelets"].unreadable_units

    assert len(found) == 500
    assert max(map(len, found)) == 40


def test_broken_records_are_passed_over() -> None:
    """What has another shape than FHIR's is not counted, and stops nothing."""
    broken = [
        {"resourceType": "Observation", "id": "1", "code": "x", "component": "y", "valueQuantity": [1]},
        {"resourceType": "Observation", "id": "2", "code": {"coding": [None, {"code": 5, "display": 7}], "text": []}},
        {"resourceType": "Observation", "id": "3", "component": [None, {"code": []}]},
        {"resourceType": "AllergyIntolerance", "id": "4", "reaction": {"substance": [1]}},
        {"resourceType": ""},
    ]

    assert tally([(one, None) for one in broken], shipped_study()) == {}


def test_tallies_add_up() -> None:
    """Those of two charts together are those of both."""
    one, other = ({"crp": Tally(1, 2, {"a": 1})}, {"crp": Tally(3, 4, {"a": 1, "b": 5}), "ast": Tally(1)})
    merge(one, other)

    assert one == {"crp": Tally(4, 6, {"a": 2, "b": 5}), "ast": Tally(1)}
    assert other["crp"] == Tally(3, 4, {"a": 1, "b": 5})


def test_every_notion_that_has_codes_is_counted() -> None:
    """Age and sex have none; the order is that of the definitions."""
    notions = counted(shipped_study())

    assert "age_sex" not in notions
    assert notions[:3] == ["crp", "hemoglobin", "platelets"]
    assert {"systemic_sclerosis", "dlco_percent_predicted", "methotrexate", "health_insurance"} <= set(notions)
