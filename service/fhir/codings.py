"""CodeableConcepts: what their codings mean, which plain codes they hold, what they say to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from service.eligibility.codes import Meaning, Role

# Of several codings of one record the higher one speaks; a yes beside a no is for a person to read.
_RANK = {Role.MATCH: 3, Role.REVIEW: 2, Role.NEGATIVE: 1, Role.HINT: 0}

# Examinations that may yield a diagnosis; the code of any other test says only that somebody asked.
EXAMINATIONS = frozenset({"cardiac_mri", "ct_chest", "echo_procedure", "pft_procedures", "rhc_procedure"})

Meanings = tuple[Meaning, ...]
Lookup = Callable[[str | None, str | None], Meanings]


def meanings(concept: object, lookup: Lookup) -> Meanings | None:
    """What a CodeableConcept means, one meaning a concept; ``None`` when its codes cannot be read."""
    if not isinstance(concept, dict):
        return None
    codings = concept.get("coding", ())
    if not isinstance(codings, list):
        return None if codings else ()
    found: Meanings = ()
    broken = False
    for coding in codings:
        if not isinstance(coding, dict):
            broken = True
            continue
        code, system = coding.get("code"), coding.get("system")
        if isinstance(code, str) and (system is None or isinstance(system, str)):
            known = lookup(system, code)
            if known:
                found = united(found, known) if found else known
        elif code is not None:
            broken = True
    return None if broken and not found else found


def united(first: Meanings, second: Meanings) -> Meanings:
    """Two codings of one record as one: per concept the higher role, and the tags of both."""
    by_concept = {meaning.concept: meaning for meaning in first}
    for meaning in second:
        known = by_concept.get(meaning.concept)
        by_concept[meaning.concept] = meaning if known is None else _merged(known, meaning)
    return tuple(by_concept.values())


def _merged(first: Meaning, second: Meaning) -> Meaning:
    higher = max(first, second, key=lambda meaning: (_RANK[meaning.role], meaning.display))
    contradict = {first.role, second.role} == {Role.MATCH, Role.NEGATIVE}
    return higher._replace(role=Role.REVIEW if contradict else higher.role, tags=first.tags | second.tags)


def matches(found: Meanings) -> frozenset[str]:
    """The concepts that count."""
    return frozenset(meaning.concept for meaning in found if meaning.role is Role.MATCH)


def codings_of(concept: object) -> list[dict[str, Any]]:
    """The codings of a CodeableConcept, as far as they have the shape of one."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return [coding for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []


def codes(concept: object) -> list[str]:
    """The codes of a CodeableConcept in the spelling of FHIR's own code lists, whatever their system."""
    return [code.strip().lower() for coding in codings_of(concept) if isinstance(code := coding.get("code"), str)]


def words(concept: object) -> str:
    """The text of a CodeableConcept, else a display or code of it."""
    if not isinstance(concept, dict):
        return ""
    text = concept.get("text")
    if said(text):
        return text
    for coding in codings_of(concept):
        display, code = coding.get("display"), coding.get("code")
        return display if said(display) else code if said(code) else ""
    return ""


def said(word: object) -> TypeGuard[str]:
    """Whether it is a string that says something."""
    return isinstance(word, str) and bool(word.strip())
