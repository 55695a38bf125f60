"""Whether a resource is what a search asked for: some servers ignore a parameter and give everything."""

from __future__ import annotations

import re
from typing import Any

from service.fhir.references import identifiers, reference_in, relative
from service.hospital.ports import Params, Resource

_COMMA, _BAR = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\(.)")
_LOCAL = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}\Z")
_OF_R5 = {"individual": "subject"}  # ResearchSubject


def shows(resource: Resource, params: Params) -> bool | None:
    """Whether a resource shows by itself that it meets every parameter, an ``identifier`` or a reference.

    ``None`` where it does not say, e.g. a reference by an identifier alone. Of a reference ``Type/id`` counts: behind
    a gateway the server writes another address than the one that it is asked at.
    """
    told = [_shows(resource, name, value) for name, value in params]
    return False if False in told else None if None in told else True


def _shows(resource: Resource, name: str, value: str) -> bool | None:
    if name == "identifier":
        return any(_bears(resource, wanted) for wanted in _COMMA.split(value))
    elements = _list(resource.get(name, resource.get(_OF_R5.get(name, name))))
    named = [relative(reference_in(each) or "") for each in elements]
    if value in named:
        return True
    return False if all(map(_LOCAL.match, named)) else None


def _bears(resource: Resource, token: str) -> bool:
    *system, value = (_ESCAPED.sub(r"\1", part).strip() for part in _BAR.split(token))
    return any(theirs == value and system in ([], [of]) for of, theirs in identifiers(resource))


def _list(element: Any) -> list[Any]:
    return element if isinstance(element, list) else [] if element is None else [element]
