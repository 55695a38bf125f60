"""Whether a resource is what a search asked for: some servers ignore a parameter and give everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from service.hospital.ports import Params, Resource

_COMMA = re.compile(r"(?<!\\),")
_ESCAPED = re.compile(r"\\(.)")


def is_asked_for(resource: Resource, params: Params, local: Callable[[str], str | None]) -> bool:
    """Whether a resource meets every ``identifier`` and reference parameter; ``local`` gives a reference's ``Type/id``.

    A reference that is none (it names by an identifier alone) is taken on the server's word.
    """
    return all(_meets(resource, name, value, local) for name, value in params)


def _meets(resource: Resource, name: str, value: str, local: Callable[[str], str | None]) -> bool:
    if name == "identifier":
        return any(_bears(resource, _ESCAPED.sub(r"\1", wanted)) for wanted in _COMMA.split(value))
    references = [each.get("reference") for each in _list(resource.get(name)) if isinstance(each, dict)]
    named = [local(reference) for reference in references if isinstance(reference, str)]
    return value in named if named else bool(references)


def _bears(resource: Resource, token: str) -> bool:
    system, _, wanted = token.rpartition("|")
    return any(
        item.get("value") == wanted and (not system or item.get("system") == system)
        for item in _list(resource.get("identifier"))
        if isinstance(item, dict)
    )


def _list(element: Any) -> list[Any]:
    return element if isinstance(element, list) else [] if element is None else [element]
