"""Prefetch: which templates are asked for, and what counts as complete."""

from __future__ import annotations

from typing import Any

import pytest

from service.cds.prefetch import PATIENT_ID, read_prefetch, templates
from service.hospital.plan import plan_for
from service.study.load import default_mappings, load_vocabulary
from tests.verdicts import shipped_study

ASKED = {"Patient": "Patient/x", "Condition": "Condition?x", "MedicationRequest": "MedicationRequest?x"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
NO_RECORDS = {"resourceType": "Bundle", "type": "searchset", "total": 0}
SERVER = "https://ehr.example/fhir"


def found(*resources: Any, **elements: Any) -> dict[str, Any]:
    """Return a searchset."""
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **elements}


def lacking(**given: Any) -> set[str]:
    """Return what lacks beside an otherwise complete prefetch."""
    whole = {"Patient": PATIENT, "Condition": found(CONDITION), "MedicationRequest": NO_RECORDS}
    return set(read_prefetch(ASKED, whole | given, "Patient/p1", SERVER).lacking)


def test_the_templates_are_the_studys_own_searches() -> None:
    """Each resource type that the study needs is searched by patient alone, which every server understands."""
    study = shipped_study()
    asked = templates(plan_for(study, load_vocabulary(default_mappings())).by_patient(PATIENT_ID))
    needed = {kind for notion in study.notions.values() for kind in notion.resources} - {"ResearchStudy", "Medication"}

    assert needed | {"Consent", "ResearchSubject"} <= asked.keys()
    assert asked["Patient"] == "Patient/{{context.patientId}}"
    assert asked["Observation"] == "Observation?patient={{context.patientId}}"
    assert asked["AdverseEvent"] == "AdverseEvent?subject=Patient/{{context.patientId}}"
    assert all(template.startswith(kind) and template.count("=") <= 1 for kind, template in asked.items())


def test_a_complete_prefetch_lacks_nothing() -> None:
    """All of it is read, an empty searchset too."""
    given = {"Patient": PATIENT, "Condition": found(CONDITION), "MedicationRequest": NO_RECORDS}
    brought = read_prefetch(ASKED, given, "Patient/p1", SERVER)

    assert (brought.lacking, brought.unexplained) == (frozenset(), frozenset())
    assert [resource["id"] for resource, _ in brought.records] == ["p1", "c1"]


INCOMPLETE = {
    "null": None,
    "an OperationOutcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    "a page": found(CONDITION, link=[{"relation": "next", "url": f"{SERVER}?page=2"}]),
    "less than the total": found(CONDITION, total=2),
    "an entry that is not shown": {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1"}]},
    "text": "Condition?x",
    "a list": [CONDITION],
    "a record alone": CONDITION,
    "entries that are none": {"resourceType": "Bundle", "entry": {}},
    "links that are none": {"resourceType": "Bundle", "link": "next"},
}


@pytest.mark.parametrize("value", INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_not_a_whole_answer_lacks(value: Any) -> None:
    """Null, an OperationOutcome, a page and whatever is no searchset are as good as nothing, and lose no other key."""
    assert lacking(Condition=value) == {"Condition"}


def test_a_missing_key_lacks() -> None:
    """A key that the client left out lacks."""
    assert set(read_prefetch(ASKED, {"Patient": PATIENT}, "Patient/p1", None).lacking) == {
        "Condition",
        "MedicationRequest",
    }


@pytest.mark.parametrize("patient", [PATIENT | {"id": "p2"}, {"resourceType": "Patient"}, found(PATIENT), None])
def test_another_patient_is_not_the_one_in_context(patient: Any) -> None:
    """The Patient is the one that the context names, by its own id."""
    assert lacking(Patient=patient) == {"Patient"}


def test_includes_do_not_count_towards_the_total() -> None:
    """A total counts what was searched for."""
    medication = {"resourceType": "Medication", "id": "m1"}

    assert lacking(Condition=found(CONDITION, medication, total=1)) == set()
    assert lacking(Condition=found(medication, total=1)) == {"Condition"}


@pytest.mark.parametrize(
    ("reference", "explained"),
    [
        ("Medication/m1", True),
        ("Medication/m1/_history/3", True),
        (f"{SERVER}/Medication/m1", True),
        ("#m1", True),
        ("Medication/m2", False),
        ("https://another.example/fhir/Medication/m1", False),
    ],
)
def test_a_medication_that_did_not_come_is_unexplained(reference: str, *, explained: bool) -> None:
    """Prescriptions that name a Medication which is not among the records cannot be understood alone."""
    prescription = {"resourceType": "MedicationRequest", "id": "r1", "medicationReference": {"reference": reference}}
    given = {
        "Patient": PATIENT,
        "Condition": found(CONDITION),
        "MedicationRequest": found(prescription, {"resourceType": "Medication", "id": "m1"}),
    }
    brought = read_prefetch(ASKED, given, "Patient/p1", SERVER)

    assert brought.lacking == frozenset()
    assert brought.unexplained == (frozenset() if explained else {"MedicationRequest"})
