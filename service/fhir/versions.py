"""Shapes of other FHIR versions, recognised so that they are refused with a sentence and not misread."""

from __future__ import annotations

from collections.abc import Callable

from service.fhir.references import Resource

_Sign = tuple[str, Callable[[object], bool], str]  # element, what it looks like there, the sentence


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_given(value: object) -> bool:
    return value is not None


_CODES_AS_STRINGS: tuple[_Sign, ...] = (
    ("clinicalStatus", _is_string, "clinicalStatus is a string, as in FHIR STU3 and DSTU2; R4 has a CodeableConcept"),
    ("verificationStatus", _is_string, "verificationStatus is a string, as in FHIR STU3 and DSTU2"),
)
_MEDICATION_OF_R5: _Sign = ("medication", _is_given, "medication is a CodeableReference, as in FHIR R5")

_SIGNS: dict[str, tuple[_Sign, ...]] = {
    "Condition": (*_CODES_AS_STRINGS, ("dateRecorded", _is_given, "dateRecorded is of FHIR DSTU2")),
    "AllergyIntolerance": (
        *_CODES_AS_STRINGS,
        ("substance", _is_object, "substance is of FHIR DSTU2; R4 has code"),
    ),
    "Observation": (
        ("interpretation", _is_object, "interpretation is an object, as in FHIR STU3 and DSTU2; R4 has a list"),
    ),
    "Procedure": (
        ("notDone", _is_given, "notDone is of FHIR STU3; R4 has status not-done"),
        ("notPerformed", _is_given, "notPerformed is of FHIR DSTU2; R4 has status not-done"),
        ("occurrenceDateTime", _is_given, "occurrenceDateTime is of FHIR R5; R4 has performedDateTime"),
        ("occurrencePeriod", _is_given, "occurrencePeriod is of FHIR R5; R4 has performedPeriod"),
    ),
    "MedicationRequest": (_MEDICATION_OF_R5,),
    "MedicationStatement": (
        _MEDICATION_OF_R5,
        ("taken", _is_given, "taken is of FHIR STU3; R4 has status not-taken"),
        ("wasNotTaken", _is_given, "wasNotTaken is of FHIR DSTU2; R4 has status not-taken"),
    ),
    "MedicationAdministration": (_MEDICATION_OF_R5,),
    "AdverseEvent": (("code", _is_given, "code is of FHIR R5; R4 has event"),),
    "Consent": (
        ("provision", _is_list, "provision is a list, as in FHIR R5"),
        ("except", _is_given, "except is of FHIR STU3; R4 has provision"),
    ),
    "RelatedPerson": (("relationship", _is_object, "relationship is an object, as in FHIR STU3; R4 has a list"),),
    "ResearchSubject": (
        ("subject", _is_given, "subject is of FHIR R5; R4 has individual"),
        ("subjectState", _is_given, "subjectState is of FHIR R5; R4 has status"),
        ("progress", _is_given, "progress is of FHIR R5; R4 has status"),
    ),
}


def other_version(resource: Resource) -> str | None:
    """Why a resource is not of FHIR R4; ``None`` for one that may be."""
    for element, looks_so, sentence in _SIGNS.get(str(resource.get("resourceType")), ()):
        if element in resource and looks_so(resource[element]):
            return sentence
    return None
