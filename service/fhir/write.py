"""One write of a result: the transaction of ResearchStudy, Device, ResearchSubject, GuidanceResponse, Provenance."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from fhir.resources.R4B.bundle import Bundle

from service.eligibility.results import Screening
from service.fhir.write_guidance import view_of, write_guidance
from service.fhir.write_names import device_identifier, registry_number, subject_identifier, token
from service.fhir.write_provenance import write_provenance
from service.fhir.write_study import write_device, write_study

Resource = dict[str, Any]

_JSON = msgspec.json.Encoder(decimal_format="number")  # decimals leave as they came


class Known(NamedTuple):
    """What the server holds already about a patient and a study; ``None`` is made by the write."""

    study: str | None = None  # references
    device: str | None = None
    subject: Resource | None = None  # resources as read
    guidance: Resource | None = None
    person_status: str | None = None  # the subject's status, where it is a person's


def encode(resource: Resource) -> bytes:
    """Write FHIR JSON, compact."""
    return _JSON.encode(resource)


def write_transaction(screening: Screening, known: Known, now: datetime, *, as_text: bool = False) -> Resource:
    """Return the transaction that makes the server tell what the screening says.

    ``now`` needs an offset. A status that is a person's is left out of it. What exists is written over
    with ``ifMatch``, what does not is made with ``ifNoneExist``. ``as_text``: see ``write_provenance``.
    """
    view = view_of(screening, known.person_status)
    entries: list[Resource] = []
    study, device = known.study, known.device
    if study is None:
        # In any system: whoever made the study may have named the registry differently.
        study = _create(entries, write_study(screening.study), registry_number(screening.study)[1])
    if device is None:
        device = _create(entries, write_device(screening.study), token(device_identifier(screening.study)))
    targets = []
    if known.person_status is None:
        targets.append(_put_subject(entries, screening, known.subject, study))
    guidance = write_guidance(screening, view, device, now)
    if known.guidance is None:
        targets.append(_create(entries, guidance, "|".join(guidance["identifier"][0].values())))
    else:
        targets.append(_update(entries, known.guidance, guidance))
    provenance = write_provenance(
        screening,
        view,
        targets=targets,
        device=device,
        now=now,
        first=known.guidance is None,
        as_text=as_text,
    )
    entries.append({"resource": provenance, "request": {"method": "POST", "url": "Provenance"}})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    Bundle.model_validate(bundle)  # raises for anything that is not FHIR; the bytes sent are ours, decimals as written
    return bundle


def _put_subject(entries: list[Resource], screening: Screening, subject: Resource | None, study: str) -> str:
    if subject is not None:
        if subject["status"] == screening.status:
            return f"ResearchSubject/{subject['id']}"
        return _update(entries, subject, subject | {"status": screening.status.value})
    system, value = subject_identifier(screening.study, screening.patient)
    fresh = {
        "resourceType": "ResearchSubject",
        "identifier": [{"system": system, "value": value}],
        "status": screening.status.value,
        "study": {"reference": study},
        "individual": {"reference": screening.patient},
    }
    return _create(entries, fresh, f"{system}|{value}")


def _create(entries: list[Resource], resource: Resource, identifier: str) -> str:
    full_url = f"urn:uuid:00000000-0000-4000-8000-{len(entries) + 1:012}"
    kind = resource["resourceType"]
    request = {"method": "POST", "url": kind, "ifNoneExist": f"identifier={identifier}"}
    entries.append({"fullUrl": full_url, "resource": resource, "request": request})
    return full_url


def _update(entries: list[Resource], old: Resource, new: Resource) -> str:
    reference = f"{old['resourceType']}/{old['id']}"
    request = {"method": "PUT", "url": reference, "ifMatch": f'W/"{old["meta"]["versionId"]}"'}
    entries.append({"resource": new | {"id": old["id"]}, "request": request})
    return reference
