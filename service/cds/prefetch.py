"""What a CDS client brought along of what it was asked for, and what is lacking.

https://cds-hooks.hl7.org/2.0/#prefetch-template
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from service.fhir.read import located_in
from service.fhir.references import NAMING, NEEDED, Located, addresses, references_in, without_version

PATIENT = "Patient"
PATIENT_ID = "{{context.patientId}}"


class Prefetched(NamedTuple):
    """The records that came, and by resource type what is not whole."""

    records: list[Located]
    lacking: frozenset[str]  # not brought, or not all of it
    unexplained: frozenset[str]  # all of it, but it names studies or medications that did not come


def templates(searches: Mapping[str, str]) -> dict[str, str]:
    """Return the prefetch templates: the Patient, and by resource type the queries of ``searches``.

    They restrict nothing by ``_count``: a client that cut the answer accordingly would not say so.
    """
    read = {PATIENT: f"{PATIENT}/{PATIENT_ID}"}
    return read | {kind: f"{kind}?{query}" for kind, query in searches.items()}


def read_prefetch(asked: Mapping[str, str], given: Mapping[str, Any], patient: str, server: str | None) -> Prefetched:
    """Tell what ``given`` holds about ``Patient/id`` of what was ``asked``; keys are resource types.

    ``null`` counts as lacking: some clients send it for what has failed, others for what there is none of.
    """
    whole = {kind for kind in asked if _is_whole(kind, given.get(kind), patient)}
    records = [located for kind in asked if kind in whole for located in located_in(given[kind])]
    return Prefetched(records, frozenset(asked.keys() - whole), _unexplained(records, server))


def _is_whole(kind: str, value: Any, patient: str) -> bool:
    if not isinstance(value, dict):
        return False
    if kind == PATIENT:
        return value.get("resourceType") == PATIENT and f"{PATIENT}/{value.get('id')}" == patient
    if value.get("resourceType") != "Bundle":  # an OperationOutcome, for one
        return False
    links, entries, total = value.get("link", []), value.get("entry", []), value.get("total")
    if not isinstance(links, list) or not isinstance(entries, list):
        return False
    if any(not isinstance(link, dict) or link.get("relation") == "next" for link in links):
        return False
    held = [
        entry["resource"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
    ]
    if len(held) < len(entries):
        return False
    return not isinstance(total, int) or sum(resource.get("resourceType") == kind for resource in held) >= total


def _unexplained(records: list[Located], server: str | None) -> frozenset[str]:
    there = {address for located in records for address in addresses(*located, server)}
    return frozenset(
        str(resource["resourceType"])
        for resource, _ in records
        if resource["resourceType"] in NAMING
        and any(_names_needed(each) and without_version(each) not in there for each in references_in(resource))
    )


def _names_needed(reference: str) -> bool:
    return any(part in NEEDED for part in without_version(reference).split("/")[-2:-1])
