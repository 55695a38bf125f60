"""One write of a result: the transaction of ResearchStudy, Device, ResearchSubject, GuidanceResponse, Provenance."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.fhir.whose_status import versioned
from service.fhir.write_entries import Entries, Resource
from service.fhir.write_guidance import view_of, write_guidance
from service.fhir.write_names import (
    device_identifier,
    guidance_identifier,
    registry_number,
    subject_identifier,
    token,
)
from service.fhir.write_provenance import write_provenance
from service.fhir.write_study import write_device, write_study

_JSON = msgspec.json.Encoder(decimal_format="number")  # decimals leave as they came


class Known(NamedTuple):
    """What the server holds already about a patient and a study; ``None`` is made by the write."""

    study: str | None = None  # references
    device: str | None = None
    subject: Resource | None = None  # resources as read
    guidance: Resource | None = None
    listing: Resource | None = None  # the study's screening list
    person_status: str | None = None  # the subject's status, where it is a person's
    takes_subjects: bool = True  # whether it keeps ResearchSubjects at all

    @property
    def absent(self) -> tuple[str, ...]:
        """The resource types that a write would make, but for the Provenance and the List."""
        held = {"ResearchStudy": self.study, "Device": self.device, "GuidanceResponse": self.guidance}
        subject = {"ResearchSubject": self.subject} if self.takes_subjects and self.person_status is None else {}
        return tuple(kind for kind, there in (held | subject).items() if there is None)


def encode(resource: Resource) -> bytes:
    """Write FHIR JSON, compact."""
    return _JSON.encode(resource)


def write_transaction(screening: Screening, known: Known, now: datetime, *, as_text: bool = False) -> Resource:
    """Return the transaction that makes the server tell what the screening says.

    ``now`` needs an offset. A status that is a person's is left out of it. What exists is written over
    with ``ifMatch``, what does not is made with ``ifNoneExist``. ``as_text``: see ``write_provenance``.
    """
    ours = known.subject if known.person_status is None else None
    replaces = versioned(ours) if ours is not None and ours.get("status") != screening.status else None
    view = view_of(screening, known.person_status, replaces)
    entries = Entries()
    study = put_study(entries, screening.study, known.study)
    device = put_device(entries, screening.study, known.device)
    targets = []
    if known.person_status is None and known.takes_subjects:
        targets.append(_put_subject(entries, screening, known.subject, study))
    guidance = write_guidance(screening, view, device, now)
    if known.guidance is None:
        targets.append(entries.create(guidance, token(guidance_identifier(screening.study, screening.patient))))
    else:
        targets.append(entries.update(known.guidance, guidance))
    provenance = write_provenance(
        screening,
        view,
        targets=targets,
        device=device,
        now=now,
        first=known.guidance is None,
        as_text=as_text,
    )
    entries.add(provenance)
    return entries.transaction()


def put_study(entries: Entries, study: Study, known: str | None) -> str:
    """Return the reference of the study, which is made where none is known."""
    # In any system: whoever made the study may have named the registry differently.
    return known or entries.create(write_study(study), registry_number(study)[1])


def put_device(entries: Entries, study: Study, known: str | None) -> str:
    """Return the reference of this version of the software, which is made where none is known."""
    return known or entries.create(write_device(study), token(device_identifier(study)))


def _put_subject(entries: Entries, screening: Screening, subject: Resource | None, study: str) -> str:
    if subject is not None:
        if subject.get("status") == screening.status:
            return f"ResearchSubject/{subject['id']}"
        return entries.amend(subject, {"status": screening.status.value})
    fresh = write_subject(screening, study)
    return entries.create(fresh, token(subject_identifier(screening.study, screening.patient)))


def write_subject(screening: Screening, study: str) -> Resource:
    """Return the ResearchSubject of one who has none; ``study`` is the reference of the ResearchStudy."""
    system, value = subject_identifier(screening.study, screening.patient)
    return {
        "resourceType": "ResearchSubject",
        "identifier": [{"system": system, "value": value}],
        "status": screening.status.value,
        "study": {"reference": study},
        "individual": {"reference": screening.patient},
    }
