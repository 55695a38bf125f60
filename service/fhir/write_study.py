"""The study as a FHIR R4 ResearchStudy, and this software as a Device."""

from __future__ import annotations

from typing import Any

from service import __version__
from service.eligibility.study import Study
from service.fhir.write_names import device_identifier

_PHASES = "http://terminology.hl7.org/CodeSystem/research-study-phase"


def write_study(study: Study) -> dict[str, Any]:
    """Return the ResearchStudy: every identifier, every arm, the status in R4's words."""
    record = study.record
    return {
        "resourceType": "ResearchStudy",
        "identifier": [{"system": system, "value": value} for system, value in record.identifiers.items()],
        "title": record.title,
        "status": record.fhir_status,
        "phase": {"coding": [{"system": _PHASES, "code": record.phase}]},
        "category": [{"text": record.category}],
        "condition": [{"text": record.condition}],
        "sponsor": {"display": record.sponsor},
        "arm": [
            {"name": arm.name, "type": {"text": arm.type}}
            | ({"description": arm.description} if arm.description else {})
            for arm in record.arms
        ],
    }


def write_device(study: Study) -> dict[str, Any]:
    """Return the Device that stands for this version of the software."""
    system, value = device_identifier(study)
    return {
        "resourceType": "Device",
        "identifier": [{"system": system, "value": value}],
        "status": "active",
        "deviceName": [{"name": "Candor", "type": "user-friendly-name"}],
        "version": [{"value": __version__}],
    }
