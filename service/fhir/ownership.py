"""Whose record it is: a reference counts in its relative, absolute, versioned, ``urn:uuid:`` or contained form."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from service.fhir.references import (
    Located,
    Resource,
    addresses,
    contained,
    identifiers,
    local_name,
    reference_in,
    relative,
    without_version,
)


class Whose(Enum):
    """To whom a record belongs."""

    OURS = "this patient's"
    ANOTHERS = "that of another patient of the same source"
    NOBODYS = "of nobody that this source holds"
    PERHAPS_OURS = "of this patient's id at another server, which may be the same one by another name"


class Ownership:
    """Tells the records of one patient from those of others."""

    def __init__(self, patient: Located, others: Iterable[Located], server: str | None) -> None:
        self._patient = patient[0]
        self.ours = addresses(*patient, server)
        self._name = local_name(*patient)
        self._theirs = {address for other in others for address in addresses(*other, server)} - self.ours
        self._alone = not self._theirs

    def whose(self, resource: Resource) -> Whose:
        """To whom a record belongs, by the element that names its subject in FHIR R4."""
        subject = (
            resource.get("subject")
            or resource.get("patient")
            or resource.get("individual")
            or resource.get("beneficiary")
        )
        reference = subject.get("reference") if isinstance(subject, dict) else None
        if isinstance(reference, str) and reference in self.ours:
            return Whose.OURS
        return self._seldom(resource, reference_in(subject))

    def _seldom(self, resource: Resource, reference: str | None) -> Whose:
        if reference is None:
            return Whose.NOBODYS
        if reference.startswith("#"):
            person = contained(resource, reference)
            return Whose.OURS if person is not None and self._same_person(person) else Whose.NOBODYS
        address = without_version(reference)
        if address in self.ours:
            return Whose.OURS
        if address in self._theirs:
            return Whose.ANOTHERS
        return Whose.PERHAPS_OURS if relative(address) == self._name else Whose.NOBODYS

    def _same_person(self, person: Resource) -> bool:
        """A contained Patient is ours by identifier; without one, when nobody else can be meant and nothing differs."""
        if person.get("resourceType") != "Patient":
            return False
        ours, theirs = set(identifiers(self._patient)), set(identifiers(person))
        if ours and theirs:
            return not ours.isdisjoint(theirs)
        stated = ((self._patient.get(key), person.get(key)) for key in ("birthDate", "gender"))
        return self._alone and all(one is None or other is None or one == other for one, other in stated)
