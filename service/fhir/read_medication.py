"""MedicationRequest, MedicationStatement, MedicationAdministration and AdverseEvent -> entries."""

from __future__ import annotations

from typing import Any

from service.eligibility.chart import Activity, Entry
from service.eligibility.codes import Role
from service.eligibility.moment import When, read_when
from service.fhir.codings import Meanings, matches, meanings, united, words
from service.fhir.copies import Copy
from service.fhir.dates import read_date, read_effective, read_period
from service.fhir.facts import Facts, Record
from service.fhir.references import Resource
from service.fhir.statuses import is_void, status_of
from service.fhir.versions import other_version

_NOT_ORDERED = {"proposal", "option"}  # MedicationRequest.intent: nobody has decided
_OVER = {"stopped", "cancelled", "not-taken", "ended"}
_INTOLERANCE = "immunosuppressant_intolerance"
_POTENTIAL = "potential"  # AdverseEvent.actuality: it might have happened


def read_medication(copy: Copy, facts: Facts) -> None:
    """Read which drug, since when, and why it was stopped."""
    resource = copy.resource
    foreign = other_version(resource)
    found = _drug(resource, facts)
    if found == () and not foreign:
        return
    record = Record(*copy, facts)
    if foreign:
        record.refuse_version(foreign, coded=bool(found))
    elif found is None:
        record.refuse("the medication is neither a readable CodeableConcept nor a record of this source")
    if not found:
        return
    start, end = _course(record)
    if is_void(resource) or _not_meant(resource):
        facts.identify(record, found, start)
        return
    if record.modified():
        record.break_off("modifierExtension changes the record in a way that is not known")
    entry = _entry(record, start)._replace(until=end, text=words(resource.get("medicationCodeableConcept")))
    facts.add_entries(record, found, entry)
    reasons = _intolerances(resource.get("statusReason"), facts)
    facts.add_entries(record, reasons, entry._replace(also=matches(found), text=""))


def read_adverse_event(copy: Copy, facts: Facts) -> None:
    """Read what happened, and which drugs are suspected."""
    resource = copy.resource
    foreign = other_version(resource)
    found = meanings(resource["event"], facts.lookup) if resource.get("event") else ()
    suspects = resource.get("suspectEntity")
    for suspect in suspects if isinstance(suspects, list) else ():
        instance = facts.index.resolve(resource, suspect.get("instance")) if isinstance(suspect, dict) else None
        found = united(found or (), _drug(instance, facts) or ()) if instance else found
    if found == () and not foreign:
        return
    record = Record(*copy, facts)
    if foreign or found is None:
        record.refuse(foreign or "event is not a readable CodeableConcept")
    if found and resource.get("actuality") != _POTENTIAL:
        if record.modified():
            record.break_off("modifierExtension changes the record in a way that is not known")
        when, recorded = read_date(record, "date"), read_date(record, "recordedDate")
        entry = _entry(record, when)._replace(recorded=recorded, text=words(resource.get("event")))
        facts.add_entries(record, found, entry)


def _entry(record: Record, start: When | None) -> Entry:
    status = status_of(record.resource)
    over = status in _OVER or (record.kind, status) == ("MedicationStatement", "completed")
    return Entry(
        concept="",
        role=Role.HINT,
        tags=frozenset(),
        source=record.source,
        kind=record.kind,
        activity=Activity.PAST if over else Activity.ACTIVE,
        onset=start,
        status=status,
        contested=record.contested,
        unreadable=record.unreadable,
    )


def _drug(resource: Resource, facts: Facts) -> Meanings | None:
    """What a medication, or a record of one, is: by its own code, its ingredients or the Medication it refers to."""
    if resource.get("resourceType") in ("Medication", "Substance"):
        return _product(resource, facts)
    concept = resource.get("medicationCodeableConcept")
    if concept is not None:
        return meanings(concept, facts.lookup)
    reference = resource.get("medicationReference")
    if reference is None:
        return ()
    product = facts.index.resolve(resource, reference)
    return None if product is None else _product(product, facts)


def _product(product: Resource, facts: Facts) -> Meanings | None:
    found = meanings(product["code"], facts.lookup) if product.get("code") else ()
    ingredients = product.get("ingredient")
    for ingredient in ingredients if isinstance(ingredients, list) else ():
        if isinstance(ingredient, dict) and ingredient.get("isActive") is not False:
            found = united(found or (), meanings(ingredient.get("itemCodeableConcept"), facts.lookup) or ())
    return found


def _course(record: Record) -> tuple[When | None, When | None]:
    """When it was ordered or taken, and until when the order or the treatment holds."""
    resource = record.resource
    if record.kind == "MedicationRequest":
        dispense = resource.get("dispenseRequest")
        validity = dispense.get("validityPeriod") if isinstance(dispense, dict) else None
        return read_date(record, "authoredOn"), read_when(validity.get("end")) if isinstance(validity, dict) else None
    if "effectivePeriod" in resource:
        return read_period(record, "effectivePeriod")
    return read_effective(record), None


def _not_meant(resource: Resource) -> bool:
    intent = resource.get("intent")
    return resource.get("doNotPerform") is True or (isinstance(intent, str) and intent in _NOT_ORDERED)


def _intolerances(reasons: Any, facts: Facts) -> Meanings:
    found: Meanings = ()
    for reason in reasons if isinstance(reasons, list) else [reasons]:
        found = united(found, meanings(reason, facts.lookup) or ())
    return tuple(meaning for meaning in found if meaning.concept == _INTOLERANCE)
