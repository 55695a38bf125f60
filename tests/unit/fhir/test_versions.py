"""Shapes of other FHIR versions are refused with a sentence, and whatever else the record says is not used."""

from typing import Any

import pytest

from tests.builders import Resource, concept, condition, patient, prescription, procedure, resource
from tests.readings import chart_of, warned

MMF = "L04AA06"
CODED = {"Condition", "Procedure", "AllergyIntolerance"}
MODIFIED = [{"url": "http://example.org/changes-everything", "valueBoolean": True}]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (condition("Z33", verificationStatus="confirmed"), "verificationStatus is a string"),
        (condition("Z33", dateRecorded="2019"), "DSTU2"),
        (resource("AllergyIntolerance", substance=concept(MMF)), "substance is of FHIR DSTU2"),
        (procedure("40701008", notDone=True), "notDone is of FHIR STU3"),
        (procedure("40701008", notPerformed=True), "notPerformed is of FHIR DSTU2"),
        (procedure("40701008", occurrenceDateTime="2026"), "R5"),
        (procedure("40701008", occurrencePeriod={"end": "2026"}), "R5"),
        (prescription(MMF, medicationCodeableConcept=None, medication={"concept": concept(MMF)}), "R5"),
        (resource("MedicationStatement", medicationCodeableConcept=concept(MMF), taken="n"), "taken is of FHIR STU3"),
        (resource("MedicationStatement", medicationCodeableConcept=concept(MMF), wasNotTaken=True), "DSTU2"),
        (resource("AdverseEvent", code=concept("62014003")), "code is of FHIR R5"),
        (resource("Consent", scope=concept("http://x|research"), provision=[]), "provision is a list"),
        (resource("Consent", scope=concept("http://x|research"), **{"except": []}), "except is of FHIR STU3"),
        (resource("RelatedPerson", relationship=concept("58626002")), "relationship is an object"),
    ],
)  # fmt: skip
def test_other_versions_are_refused(record: Resource, sentence: str) -> None:
    """One warning, and nothing of it counts as it stands; its type is marked where its code cannot be read either."""
    chart = chart_of(record | {"id": "r"})

    (warning,) = warned(chart, "record-unreadable")
    assert warning.startswith(f"{record['resourceType']}/r: ")
    assert sentence in warning
    coded = bool(record.get("medicationCodeableConcept")) or (record["resourceType"] in CODED and "code" in record)
    assert chart.unreadable_types == (set() if coded else {record["resourceType"]})
    assert all(entry.unreadable for entries in chart.entries.values() for entry in entries)
    assert chart.consents == []


@pytest.mark.parametrize(
    "record",
    [
        resource("Coverage", status="active"),
        resource("Consent", status="active", scope=concept("http://x|research")),
        resource("ResearchSubject", status="on-study", study={"reference": "ResearchStudy/s"}),
    ],
)
def test_an_unknown_modifier_takes_a_declaration_out(record: Resource) -> None:
    """It may say the contrary: nothing of it is used, and that is said."""
    chart = chart_of(record | {"modifierExtension": MODIFIED})

    assert chart.consents + chart.coverages + chart.participations == []
    assert chart.unreadable_types == {record["resourceType"]}


@pytest.mark.parametrize(
    "record",
    [
        procedure("40701008", modifierExtension=MODIFIED),
        prescription(MMF, modifierExtension=MODIFIED),
        resource("AdverseEvent", event=concept("62014003"), modifierExtension=MODIFIED),
    ],
)
def test_an_unknown_modifier_makes_a_statement_unreadable(record: Resource) -> None:
    """The statement is there, marked."""
    assert all(entry.unreadable for entries in chart_of(record).entries.values() for entry in entries)
    assert chart_of(record).entries


@pytest.mark.parametrize("code", ["x", {"coding": "x"}])
@pytest.mark.parametrize(
    ("kind", "element"),
    [
        ("Condition", "code"),
        ("Procedure", "code"),
        ("AllergyIntolerance", "code"),
        ("AdverseEvent", "event"),
        ("DiagnosticReport", "code"),
        ("Flag", "code"),
        ("MedicationStatement", "medicationCodeableConcept"),
    ],
)
def test_a_code_that_cannot_be_read_marks_its_type(kind: str, element: str, code: Any) -> None:
    """The record could be about anything."""
    chart = chart_of(resource(kind, status="active", **{element: code}))

    assert (chart.entries, chart.unreadable_types) == ({}, {kind})
    assert len(warned(chart, "record-unreadable")) == 1


def test_a_course_of_treatment() -> None:
    """A MedicationStatement lasts from the start to the end of its period; a completed one is past."""
    taken = resource(
        "MedicationStatement", status="completed", medicationCodeableConcept=concept(MMF),
        effectivePeriod={"start": "2024-01-01", "end": "2025-01-01"},
    )  # fmt: skip

    (found,) = chart_of(taken).entries["mycophenolate"]

    assert (found.onset and found.onset.text, found.until and found.until.text) == ("2024-01-01", "2025-01-01")
    assert found.activity.value == "past"


def test_death_in_another_shape_than_fhir_s() -> None:
    """A date of death that cannot be read is a death all the same; a word for yes or no is not."""
    assert chart_of(person=patient(deceasedDateTime="last year")).person.deceased is True
    assert chart_of(person=patient(deceasedBoolean="true")).person.deceased is None
    assert len(warned(chart_of(person=patient(deceasedBoolean="true")), "record-unreadable")) == 1
