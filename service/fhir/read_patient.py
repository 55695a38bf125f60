"""Patient -> the person of the chart; RelatedPerson, Patient.contact and Coverage -> what stands around a person."""

from __future__ import annotations

from typing import Any

from service.eligibility.chart import Activity, Coverage, Entry, Person, Warning_
from service.eligibility.codes import Role
from service.eligibility.moment import When, read_when
from service.fhir.codings import Meanings, meanings, united
from service.fhir.copies import Copy, source_of
from service.fhir.dates import read_period
from service.fhir.facts import Facts, Record
from service.fhir.references import Located, identifiers, reference_in, relative
from service.fhir.statuses import is_void, status_of
from service.fhir.versions import other_version

_GENDERS = {"male", "female", "other", "unknown"}


def read_person(patient: Located, reference: str) -> tuple[Person, list[Warning_]]:
    """Read the Patient, and what cannot be read in it."""
    resource, full_url = patient
    source = source_of(resource, full_url)
    warnings: list[Warning_] = []
    gender = resource.get("gender")
    gender = gender.strip().lower() if isinstance(gender, str) else None
    person = Person(
        reference=reference,
        birth=_date(resource, "birthDate", source, warnings),
        gender=gender if gender in _GENDERS else None,
        deceased=_deceased(resource, source, warnings),
        active=resource.get("active") is not False,
        replaced_by=_replaced_by(resource),
        source=source,
        identifiers=tuple(identifiers(resource)),
    )
    if not person.active and person.replaced_by is None:
        warnings.append(Warning_("patient-inactive", source, "the record is inactive and names no replacement"))
    return person, warnings


def _date(resource: dict[str, Any], element: str, source: str, warnings: list[Warning_]) -> When | None:
    when = read_when(resource.get(element))
    if when is None and resource.get(element) is not None:
        warnings.append(Warning_("record-unreadable", source, f"{element} is not a date of FHIR"))
    return when


def _deceased(resource: dict[str, Any], source: str, warnings: list[Warning_]) -> When | bool | None:
    """When, or whether; a date that cannot be read is a death all the same."""
    if resource.get("deceasedDateTime") is not None:
        return _date(resource, "deceasedDateTime", source, warnings) or True
    deceased = resource.get("deceasedBoolean")
    if deceased is not None and not isinstance(deceased, bool):
        warnings.append(Warning_("record-unreadable", source, "deceasedBoolean is neither true nor false"))
    return deceased if isinstance(deceased, bool) else None


def _replaced_by(resource: dict[str, Any]) -> str | None:
    links = resource.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("type") == "replaced-by":
            return relative(reference_in(link.get("other")) or "Patient")
    return None


def read_contacts(patient: Located, facts: Facts) -> None:
    """Read who stands for the patient, as far as the Patient itself says so."""
    contacts = patient[0].get("contact")
    for contact in contacts if isinstance(contacts, list) else ():
        if isinstance(contact, dict):
            record = Record(*patient, False, facts)
            period = Record({"resourceType": "Patient", **contact}, None, False, facts)
            period.source = record.source
            _add_relation(record, contact.get("relationship"), Activity.ACTIVE, read_period(period, "period"))


def read_relation(copy: Copy, facts: Facts) -> None:
    """Read who stands for the patient, by a RelatedPerson."""
    resource = copy.resource
    record = Record(*copy, facts)
    if foreign := other_version(resource):
        record.refuse(foreign)
    elif not is_void(resource):
        activity = Activity.PAST if resource.get("active") is False else Activity.ACTIVE
        _add_relation(record, resource.get("relationship"), activity, read_period(record, "period"))


def _add_relation(
    record: Record, relationships: object, activity: Activity, period: tuple[When | None, When | None]
) -> None:
    found: Meanings = ()
    for relationship in relationships if isinstance(relationships, list) else ():
        found = united(found, meanings(relationship, record.facts.lookup) or ())
    entry = Entry(
        concept="",
        role=Role.HINT,
        tags=frozenset(),
        source=record.source,
        kind=record.kind,
        activity=activity,
        activity_given="active" in record.resource,
        onset=period[0],
        until=period[1],
        contested=record.contested,
    )
    record.facts.add_entries(record, found, entry)


def read_coverage(copy: Copy, facts: Facts) -> None:
    """Read a health insurance."""
    if not is_void(copy.resource):
        record = Record(*copy, facts)
        if record.modified():
            record.refuse("modifierExtension changes the record in a way that is not known")
            return
        start, end = read_period(record, "period")
        facts.chart.coverages.append(Coverage(record.source, status_of(copy.resource), start, end, copy.contested))
