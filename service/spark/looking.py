"""The first pass, on executors: who is in the source, what brings them in, and what all charts have to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service import __version__
from service.eligibility.codes import Lexicon
from service.eligibility.entry import COUNTED
from service.errors import NotFhirError
from service.fhir.references import Located, contained, identifiers, reference_in, relative
from service.population.bundles import Piece, Place
from service.population.reading import Reading
from service.population.shared import needed
from service.spark.rows import Batches, Lines, said

Resource = Mapping[str, Any]


class Wanted(NamedTuple):
    """What is looked for."""

    lexicon: Lexicon
    concepts: frozenset[str] | None  # ``None``: everybody
    known: frozenset[str]  # Patient/id: are they in the source?


class Member(NamedTuple):
    """Somebody takes part in a study."""

    owner: str
    study: str  # the reference to it
    identifiers: frozenset[str]  # that stand beside the reference, or in a study inside the record


@dataclass(slots=True)
class Look:
    """What a part of the source holds; places are in blocks, whose lines are counted."""

    version: str = __version__
    lines: dict[tuple[int, int], int] = field(default_factory=dict)  # by file and start of the block
    people: int = 0  # Patients
    anybody: bool = False  # who may have a chart
    conditions: int = 0
    uncoded: int = 0
    shown: dict[str, set[str]] = field(default_factory=dict)  # by owner, the concepts that count
    members: list[Member] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)  # who has records beside somebody else's: maybe no chart
    present: set[str] = field(default_factory=set)  # of those who are wanted, who has a chart
    shared: list[tuple[Place, str, Located]] = field(default_factory=list)  # records that are nobody's, with their type
    unread: dict[Place, str] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    anyones: bool = False
    fhir: bool = False

    def keep(self, piece: Piece) -> None:
        """Keep what ``Shared`` keeps, for the one that gets it all."""
        if (found := needed(piece)) is not None:
            self.shared.append((piece.place, piece.kind, found))


def look(batches: Batches, numbers: Mapping[str, int], wanted: Wanted) -> Batches:
    """Yield one ``Look`` at all texts."""
    seen, lines = Look(), Lines(numbers)
    reading = Reading(keep=seen.keep)
    for batch in batches:
        for place, data in lines.of(batch):
            for piece in reading.pieces(data, place):
                if piece.owner:
                    _look_at(piece, wanted, seen)
                else:
                    reading.nobodys(piece)
    seen.lines, seen.unread, seen.withheld = lines.counts, reading.unread, reading.withheld
    seen.anyones, seen.fhir = reading.anyones, reading.fhir
    yield said([seen])


def _look_at(piece: Piece, wanted: Wanted, seen: Look) -> None:
    owner = piece.owner
    seen.people += piece.kind == "Patient"
    if not piece.certain:
        seen.doubtful.add(owner)
    elif wanted.concepts is None or owner in wanted.known:
        seen.present.add(owner)
    seen.anybody |= piece.certain
    try:
        records = piece.records()
    except NotFhirError:  # the second pass tells it of those who are screened
        return
    for resource, _ in records:
        kind = resource["resourceType"]
        if kind == "Patient":
            seen.people += piece.kind == "Bundle"
        elif kind == "ResearchSubject":
            seen.members.append(_member(owner, resource))
        elif kind == "Condition":
            seen.conditions += 1
            seen.uncoded += not any(_codings(resource.get("code")))
        if wanted.concepts:
            found = {concept for coding in _codings(resource) for concept in _meant(coding, wanted.lexicon)}
            if found := found & wanted.concepts:
                seen.shown.setdefault(owner, set()).update(found)


def _meant(coding: tuple[Any, str], lexicon: Lexicon) -> Iterator[str]:
    system, code = coding
    if isinstance(system, str):
        yield from (meaning.concept for meaning in lexicon.meanings(system, code) if meaning.role in COUNTED)


def _codings(value: Any) -> Iterator[tuple[Any, str]]:
    """Yield (system, code) wherever one stands."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(code := part.get("code"), str) and code:
                yield part.get("system"), code
            waiting.extend(each for each in part.values() if isinstance(each, dict | list))
        elif isinstance(part, list):
            waiting.extend(part)


def _member(owner: str, subject: Resource) -> Member:
    study = subject.get("study")
    written = reference_in(study) or ""
    inside = contained(subject, written) if written.startswith("#") else None
    beside = study if isinstance(study, dict) else {}
    found = [*identifiers(beside), *identifiers(inside or {})]
    return Member(owner, relative(written), frozenset(value for _, value in found))
