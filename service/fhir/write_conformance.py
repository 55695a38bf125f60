"""What this service offers over FHIR R4: its CapabilityStatement and the definitions of its operations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition

from service import __version__

Resource = dict[str, Any]

_FIRST = "2026-11-25"  # the day these operations got this form


class Operation(NamedTuple):
    """An operation on ResearchStudy."""

    id: str  # as in the address, after the dollar sign
    name: str
    title: str
    description: str
    result: str  # what ``return`` holds
    on_instance: bool  # called on one study, or on the type


OPERATIONS = (
    Operation(
        "evaluate-eligibility",
        "EvaluateEligibility",
        "Evaluate eligibility",
        "Judges every criterion of one study for one patient. Truth has three values; no result says that somebody is "
        "eligible.",
        "A collection of the ResearchSubject with the status that is recommended, and the GuidanceResponse with the "
        "outcome of each criterion, its evidence and what is missing. Nothing is written to the hospital's server.",
        True,
    ),
    Operation(
        "match",
        "Match",
        "Match studies",
        "Judges one patient for every study that is loaded.",
        "A searchset of ResearchStudy, the best match first. `search.score` is the share of criteria that pass, and 0 "
        "where one fails.",
        False,
    ),
)


def write_operation(operation: Operation, base: str) -> Resource:
    """Return an OperationDefinition; ``base`` is that of our own canonical addresses."""
    parameters = [
        _parameter("subject", "The patient of the hospital, as Patient/id. Either this or `data`.", "Reference"),
        _parameter("data", "The records, a Bundle about one patient. Either this or `subject`.", "Bundle"),
        _parameter("asOf", "The day for which is judged; today if absent.", "date"),
        _parameter("return", operation.result, "Bundle", out=True),
    ]
    definition = {
        "resourceType": "OperationDefinition",
        "id": operation.id,
        "url": f"{base}/OperationDefinition/{operation.id}",
        "version": __version__,
        "name": operation.name,
        "title": operation.title,
        "status": "active",
        "kind": "operation",
        "date": _FIRST,
        "publisher": "The Candor contributors",
        "description": f"{operation.description} A Bundle is accepted in the place of Parameters, as `data`.",
        "affectsState": False,
        "code": operation.id,
        "resource": ["ResearchStudy"],
        "system": False,
        "type": not operation.on_instance,
        "instance": operation.on_instance,
        "parameter": parameters,
    }
    OperationDefinition.model_validate(definition)
    return definition


def write_operations(base: str, url: str) -> Resource:
    """Return every OperationDefinition as a searchset; ``url`` is the address of our own FHIR server."""
    found = [write_operation(operation, base) for operation in OPERATIONS]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": f"{url}/OperationDefinition"}],
        "entry": [
            {"fullUrl": f"{url}/OperationDefinition/{each['id']}", "resource": each, "search": {"mode": "match"}}
            for each in found
        ],
    }
    Bundle.model_validate(bundle)
    return bundle


def write_capabilities(base: str, url: str, now: datetime) -> Resource:
    """Return the CapabilityStatement of the service that listens at ``url``; ``base`` as in ``write_operation``."""
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "candor", "version": __version__},
        "implementation": {"description": "Pre-screening for clinical trials", "url": url},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {"type": "OperationDefinition", "interaction": [{"code": "read"}, {"code": "search-type"}]},
                    {
                        "type": "ResearchStudy",
                        "interaction": [{"code": "read"}],
                        "operation": [
                            {"name": each.id, "definition": f"{base}/OperationDefinition/{each.id}"}
                            for each in OPERATIONS
                        ],
                    },
                ],
            }
        ],
    }
    CapabilityStatement.model_validate(statement)
    return statement


def _parameter(name: str, documentation: str, kind: str, *, out: bool = False) -> Resource:
    parameter: Resource = {
        "name": name,
        "use": "out" if out else "in",
        "min": int(out),
        "max": "1",
        "documentation": documentation,
        "type": kind,
    }
    if kind == "Reference":
        parameter["targetProfile"] = ["http://hl7.org/fhir/StructureDefinition/Patient"]
    return parameter
