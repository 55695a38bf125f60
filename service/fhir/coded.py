"""Which concepts the codes of a record mean, wherever in it they stand: to find people, not to judge them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from service.eligibility.codes import Lexicon, Role


def concepts_in(resource: Any, lexicon: Lexicon, roles: Collection[Role]) -> set[str]:
    """Return the concepts that some code of a record means in one of the roles."""
    return {
        meaning.concept
        for system, code in codings_in(resource)
        if isinstance(system, str)
        for meaning in lexicon.meanings(system, code)
        if meaning.role in roles
    }


def codings_in(value: Any) -> Iterator[tuple[Any, str]]:
    """Yield (system, code) wherever one stands."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(code := part.get("code"), str) and code:
                yield part.get("system"), code
            waiting.extend(each for each in part.values() if isinstance(each, dict | list))
        elif isinstance(part, list):
            waiting.extend(each for each in part if isinstance(each, dict | list))
