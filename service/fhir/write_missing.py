"""What is missing, as FHIR R4 DataRequirements: which resources, which codes, how recent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.eligibility.codes import Role
from service.eligibility.notions import Notion
from service.eligibility.results import Screening
from service.eligibility.study import Study

_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_DATED = {"Observation": "effective", "DiagnosticReport": "effective", "Procedure": "performed"}
# Where FHIR R4 has the code of what is meant; a type that is not named here is asked for whole.
_CODED = {
    **dict.fromkeys(("AllergyIntolerance", "Condition", "DiagnosticReport", "Observation", "Procedure"), "code"),
    **dict.fromkeys(("MedicationAdministration", "MedicationRequest", "MedicationStatement"), "medication"),
    "AdverseEvent": "event",
}
_NOT_ASKED_FOR = {"Patient", "ResearchStudy"}  # the one is at hand, the other is no record of a patient
_MOST_CODES = 20  # a request for people and order sets; a class of 2,000 diagnoses is named by its first codes


def data_requirements(screening: Screening) -> list[dict[str, Any]]:
    """Return one DataRequirement for each missing notion and resource type, in the order of ``missing``."""
    notions = dict.fromkeys(missing.notion for missing in screening.missing)
    return [wanted for name in notions for wanted in _of_notion(screening.study, screening.study.notions.get(name))]


def _of_notion(study: Study, notion: Notion | None) -> Iterator[dict[str, Any]]:
    if notion is None:  # a person's word, of which there are no records
        return
    codes = _codes(study, notion)
    for kind in (kind for kind in notion.resources if kind not in _NOT_ASKED_FOR):
        wanted: dict[str, Any] = {"type": kind}
        if codes and kind in _CODED:
            wanted["codeFilter"] = [{"path": _CODED[kind], "code": codes}]
        if notion.window is not None and kind in _DATED:
            count, unit = notion.window
            age = {"value": count, "unit": unit, "system": _UCUM, "code": unit}
            wanted["dateFilter"] = [{"path": _DATED[kind], "valueDuration": age}]
        yield wanted


def _codes(study: Study, notion: Notion) -> list[dict[str, str]]:
    concepts = notion.concepts or (notion.id,)
    codes = [code for concept in concepts for code in study.lexicon.codes_of(concept, {Role.MATCH})]
    loinc = [code for code in codes if code[0] == _LOINC]
    return [{"system": system, "code": code} for system, code in dict.fromkeys(loinc or codes)][:_MOST_CODES]
