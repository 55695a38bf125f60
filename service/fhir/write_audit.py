"""That a patient's chart was read, as a FHIR R4 AuditEvent by the pattern PatientRead of IHE BALP; never a result."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from fhir.resources.R4B.auditevent import AuditEvent

from service.eligibility.study import Study
from service.fhir.write_names import device_identifier

_HL7 = "http://terminology.hl7.org/CodeSystem"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_MACHINE_NAME, _URI = "1", "5"  # network-type


def write_audit(study: Study, patient: str, *, server: str, machine: str, now: datetime) -> dict[str, Any]:
    """Return the AuditEvent of a read of ``Patient/id`` and of the records about it from ``server`` (a base URL).

    ``machine`` is the name of the computer that read, ``now`` the time, with its offset. The profile is not
    named in ``meta``: a server that validates refuses the name of one that it has not loaded.
    """
    system, value = device_identifier(study)
    software = {"identifier": {"system": system, "value": value}}  # the server may hold no Device of ours
    event = {
        "resourceType": "AuditEvent",
        "type": {"system": f"{_HL7}/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}],
        "action": "R",
        "recorded": now.isoformat(timespec="milliseconds"),
        "outcome": "0",
        "agent": [
            _agent("110152", software, {"address": machine, "type": _MACHINE_NAME}, asks=True),
            _agent("110153", {"display": urlsplit(server).hostname}, {"address": server, "type": _URI}, asks=False),
        ],
        "source": {"observer": software, "type": [{"system": f"{_HL7}/security-source-type", "code": "4"}]},
        "entity": [_entity(patient, "2", "4"), _entity(patient, "1", "1")],
    }
    AuditEvent.model_validate(event)
    return event


def _agent(role: str, who: dict[str, Any], network: dict[str, str], *, asks: bool) -> dict[str, Any]:
    """Return who took part: data flow to the destination 110152 from the source 110153."""
    kind = {"coding": [{"system": _DICOM, "code": role}]}
    return {"type": kind, "who": who, "requestor": asks, "network": network}


def _entity(patient: str, kind: str, role: str) -> dict[str, Any]:
    """Return the Patient as what was read (System Object 2, Domain Resource 4), or as whom it is about (1, 1)."""
    return {
        "what": {"reference": patient},
        "type": {"system": f"{_HL7}/audit-entity-type", "code": kind},
        "role": {"system": f"{_HL7}/object-role", "code": role},
    }
