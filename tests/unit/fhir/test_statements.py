"""Procedures, medications, allergies, adverse events, reports, flags and relations become coded statements."""

from typing import Any

import pytest

from service.eligibility.chart import Activity, Certainty
from service.eligibility.codes import Role
from tests.builders import Resource, bundle, concept, condition, patient, prescription, procedure, resource
from tests.readings import chart_in, chart_of, entry, warned

FR = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-contact-relationship"
REASONS = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason"
MMF = "L04AA06"


@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_procedures_that_did_not_happen(status: str) -> None:
    """Not done, or a mistake: no fact."""
    assert chart_of(procedure("40701008", "2026-07-08", status=status)).entries == {}


@pytest.mark.parametrize(
    ("status", "certainty"),
    [("completed", Certainty.CONFIRMED), ("stopped", Certainty.UNCONFIRMED), ("unknown", Certainty.UNCONFIRMED)],
)
def test_only_completed_procedures_are_certain(status: str, certainty: Certainty) -> None:
    """One that was broken off, or of which nobody knows, may not have been done."""
    echo = entry(chart_of(procedure("40701008", "2026-07-08", status=status)), "echo_procedure")

    assert (echo.certainty, echo.onset and echo.onset.text) == (certainty, "2026-07-08")


def test_severity_is_told_by_its_tags() -> None:
    """Mild, moderate and severe are codes of a value set."""
    effusion = condition("373945007", severity="255604002")

    assert entry(chart_of(effusion), "pericardial_effusion").severity == {"mild"}


def test_a_yes_beside_a_no_in_one_record_is_for_a_person() -> None:
    """Pregnant and not pregnant in one code: to judge."""
    both = condition(concept("77386006", "60001007"))

    assert entry(chart_of(both), "pregnancy_status").role is Role.REVIEW


def test_other_concepts_of_a_record_are_kept_beside() -> None:
    """By its exception the evaluator takes the record out of the general concept."""
    skin = condition(concept("http://hl7.org/fhir/sid/icd-10-cm|C44.91", "363346000"))

    assert "bcc_exception" in entry(chart_of(skin), "malignant_neoplasm").also


@pytest.mark.parametrize("status", [{"text": "closed"}, concept("http://example.org|closed"), []])
def test_a_status_in_no_code_of_fhir(status: Any) -> None:
    """The record is there and cannot be read, but for an empty status, which is none."""
    chart = chart_of(condition("233703007", id="ild") | {"clinicalStatus": status})

    assert entry(chart, "ild").unreadable is bool(status)


def test_unknown_modifiers_make_a_statement_unreadable() -> None:
    """It may mean the contrary."""
    chart = chart_of(condition("233703007", modifierExtension=[{"url": "http://example.org/negated"}]))

    assert entry(chart, "ild").unreadable
    assert len(warned(chart, "record-unreadable")) == 1


def test_a_prescription_and_its_validity() -> None:
    """Authored, valid until, status as written."""
    validity = {"validityPeriod": {"start": "2026-01-01", "end": "2026-06-30"}}

    found = entry(chart_of(prescription("G03AA07", "2026-01-01", dispenseRequest=validity)), "contraception_female")

    assert (found.status, found.tags) == ("active", {"hormonal"})
    assert (found.onset and found.onset.text, found.until and found.until.text) == ("2026-01-01", "2026-06-30")


@pytest.mark.parametrize("element", [{"doNotPerform": True}, {"intent": "proposal"}, {"status": "entered-in-error"}])
def test_prescriptions_that_are_none(element: dict[str, Any]) -> None:
    """Forbidden, only proposed, or a mistake."""
    assert chart_of(prescription(MMF, "2026-01-01") | element).entries == {}


@pytest.mark.parametrize("place", ["contained", "bundle", "ingredient"])
def test_medications_by_reference(place: str) -> None:
    """A Medication contained in the prescription or beside it in the Bundle, by its code or an ingredient."""
    drug: Resource = {"resourceType": "Medication", "id": "m", "code": concept(MMF)}
    if place == "ingredient":
        drug = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemCodeableConcept": concept(MMF)}]}
    reference = "#m" if place == "contained" else "Medication/m"
    order = prescription(
        MMF, "2026-01-01", medicationCodeableConcept=None, medicationReference={"reference": reference}
    )
    records = [order | {"contained": [drug]}] if place == "contained" else [order, drug]

    assert entry(chart_of(*records), "mycophenolate").kind == "MedicationRequest"


def test_a_medication_that_is_not_in_the_source_could_be_any() -> None:
    """It is said, and marks its type."""
    order = prescription(MMF, medicationCodeableConcept=None, medicationReference={"reference": "Medication/elsewhere"})

    chart = chart_of(order)

    assert (chart.entries, chart.unreadable_types) == ({}, {"MedicationRequest"})


def test_why_a_drug_was_stopped() -> None:
    """A reason that the value set knows is a statement of its own, beside the drug that it is about."""
    stopped = prescription(MMF, "2026-01-01", status="stopped", statusReason=concept(f"{REASONS}|sintol"))

    chart = chart_of(stopped)

    assert (entry(chart, "mycophenolate").status, entry(chart, "mycophenolate").activity) == ("stopped", Activity.PAST)
    assert entry(chart, "immunosuppressant_intolerance").also == {"mycophenolate"}


def test_allergies_by_substance() -> None:
    """The drug of the allergy or of one of its reactions."""
    allergy = resource(
        "AllergyIntolerance", clinicalStatus=concept("http://example.org|active"),
        code=concept(text="drug"), reaction=[{"substance": concept(MMF)}],
    )  # fmt: skip
    refuted = allergy | {"verificationStatus": concept("http://example.org|refuted")}

    assert entry(chart_of(allergy), "mycophenolate").kind == "AllergyIntolerance"
    assert chart_of(refuted).entries == {}


def test_adverse_events_by_suspect() -> None:
    """The suspected drug, by the prescription that the event names; a potential event did not happen."""
    event = resource(
        "AdverseEvent", actuality="actual", date="2026-03-03",
        suspectEntity=[{"instance": {"reference": "MedicationRequest/order"}}],
    )  # fmt: skip
    order = prescription(MMF, "2026-01-01", id="order")

    kinds = [each.kind for each in chart_of(event, order).entries["mycophenolate"]]

    assert kinds == ["AdverseEvent", "MedicationRequest"]
    assert len(chart_of(event | {"actuality": "potential"}, order).entries["mycophenolate"]) == 1


def test_reports_say_what_was_examined_and_concluded() -> None:
    """The examination by its code, conclusions by theirs."""
    report = resource(
        "DiagnosticReport", status="final", code=concept("24627-2"), effectiveDateTime="2026-05-05",
        conclusionCode=[concept("233703007")],
    )  # fmt: skip

    chart = chart_of(report)

    assert (entry(chart, "ct_chest").kind, entry(chart, "ild").kind) == ("DiagnosticReport", "DiagnosticReport")
    assert chart_of(report | {"status": "preliminary"}).entries == {}
    assert chart_of(report | {"status": "cancelled"}).entries == {}


def test_the_code_of_a_laboratory_report_states_no_finding() -> None:
    """That an antibody was asked for does not say that it is there."""
    assert chart_of(resource("DiagnosticReport", status="final", code=concept("27416-7"))).entries == {}


def test_imaging_studies_say_what_was_examined() -> None:
    """By procedureCode, from the day they started."""
    study = resource("ImagingStudy", status="available", procedureCode=[concept("40701008")], started="2026-07-08")

    assert entry(chart_of(study), "echo_procedure").onset is not None


def test_guardians_by_related_person_and_contact() -> None:
    """Both say who stands for the patient; a relation that is over is past."""
    guardian = [concept(f"{FR}|GRD")]
    related = resource("RelatedPerson", relationship=guardian, active=False)
    period = {"end": "2020-01-01"}

    assert entry(chart_of(related), "guardianship_tutelle").activity is Activity.PAST
    contact = entry(
        chart_of(person=patient(contact=[{"relationship": guardian, "period": period}])), "guardianship_tutelle"
    )
    assert (contact.kind, contact.source, contact.until and contact.until.text) == (
        "Patient",
        "Patient/p",
        "2020-01-01",
    )


def test_records_of_another_patient_of_the_bundle_are_not_taken() -> None:
    """They are somebody's, so nothing is said about them."""
    two = bundle(patient(), patient(id="other"), condition("233703007", subject={"reference": "Patient/other"}))

    assert (chart_in(two, "Patient/p").entries, chart_in(two, "Patient/p").warnings) == ({}, [])
    assert "ild" in chart_in(two, "Patient/other").entries
