"""How a server makes a resource once, though several writers ask for it: by a condition, else by an id, else barely.

A condition (``If-None-Exist``) is tried first: HAPI and Medplum keep it under races. An update conditional on a
search is never used: on HAPI, racing ones leave two resources.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import parse_qsl

from service.hospital.capabilities import Capabilities
from service.hospital.ports import Params, Resource


def is_conditional(entry: Resource) -> bool:
    """Whether an entry of a transaction makes a resource unless a search finds one."""
    return "ifNoneExist" in entry["request"]


def condition(entry: Resource) -> Params:
    """Return the search that must find nothing, as parameters."""
    return parse_qsl(entry["request"]["ifNoneExist"])


def heeds_condition(entry: Resource, declared: Capabilities | None) -> bool:
    """Whether the server declares that it looks before it creates; in doubt it does."""
    known = declared.types.get(entry["resource"]["resourceType"]) if declared else None
    return known is None or known.conditional_create


def made_once(entry: Resource, declared: Capabilities | None) -> Resource:
    """Return the entry as the server can do it: under an id of ours where it looks at no condition but takes ids."""
    if not is_conditional(entry) or heeds_condition(entry, declared) or declared is None:
        return entry
    kind = entry["resource"]["resourceType"]
    # A server that ignores If-None-Match, too, would write over a status that a person has just set.
    if kind == "ResearchSubject" or not declared.types[kind].update_create:
        return entry
    id_ = f"candor-{sha256(entry['request']['ifNoneExist'].encode()).hexdigest()[:40]}"
    request = {"method": "PUT", "url": f"{kind}/{id_}", "ifNoneMatch": "*"}
    return entry | {"resource": entry["resource"] | {"id": id_}, "request": request}
