"""Whose a record is, where people are looked for: one too many is screened in vain, one too few is lost."""

from __future__ import annotations

from service.fhir.references import reference_in
from service.hospital.ports import Resource
from service.subscriptions.notification import named_by, relative

_ELEMENTS = ("subject", "patient", "individual", "beneficiary")


def whose(resource: Resource) -> str | None:
    """Return ``Patient/id``, or what else the record is of (``Group/id``); ``None`` where no reference tells.

    An absolute reference is taken by its end: a server has several names. Nothing but the id is used, on our server.
    """
    if (patient := named_by(resource).patient) is not None:
        return patient
    written = (reference_in(resource.get(element)) for element in _ELEMENTS)
    return next(filter(None, (relative(each) for each in written if each is not None)), None)


def unowned(kind: str, number: int) -> str:
    """What to tell of records that count for somebody whom they do not name."""
    return f"{kind}: of {number} that count no reference tells whose they are."
