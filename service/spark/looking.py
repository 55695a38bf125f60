"""The first pass, on executors: who is in the source, what brings them in, and what all charts have to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

from service import __version__
from service.eligibility.codes import Lexicon
from service.errors import NotFhirError
from service.fhir.references import Located
from service.population import look as local
from service.population.bundles import Piece, Place
from service.population.damage import WILD, Lost, is_seen, named_in
from service.population.patterns import compiled
from service.population.reading import Reading
from service.population.scan import Sample, Scanner
from service.population.shared import needed
from service.spark.rows import Batches, Lines, places_found, said

_ALL, _ONE_IN = 1_000, 100  # lines of a block that are in the sample: the first, and one of so many
_SOME = 100  # people of a part told by name: they show what the ids of the source look like


class Wanted(NamedTuple):
    """What is looked for."""

    lexicon: Lexicon
    concepts: frozenset[str] | None  # ``None``: everybody
    known: frozenset[str]  # Patient/id: are they in the source?
    whole_count: bool  # of Conditions without a code, not in a sample


@dataclass(slots=True)
class Look:
    """What a part of the source holds; places are in blocks, whose lines are counted."""

    version: str = __version__
    lines: dict[tuple[int, int], int] = field(default_factory=dict)  # by file and start of the block
    held: local.Look = field(default_factory=local.Look)
    present: set[str] = field(default_factory=set)  # of those who are wanted, who has a chart
    doubtful: set[str] = field(default_factory=set)  # who has records beside somebody else's: maybe no chart
    shared: list[tuple[Place, str, Located]] = field(default_factory=list)  # records that are nobody's, with their type
    unread: dict[Place, Lost] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    anyones: bool = False

    def keep(self, piece: Piece) -> None:
        """Keep what ``Shared`` keeps, for the one that gets it all."""
        if (found := needed(piece)) is not None:
            self.shared.append((piece.place, piece.kind, found))


def look(batches: Batches, numbers: Mapping[str, int], wanted: Wanted) -> Batches:
    """Yield one ``Look`` at all texts: each is skimmed, and looked into where a code or a study is found."""
    seen, lines, looking = Look(), Lines(numbers), _looking(wanted.lexicon, wanted.concepts or frozenset())
    held, reading = seen.held, Reading(keep=seen.keep)
    for batch in batches:
        texts = list(lines.of(batch))
        contents = [data or b"" for _, data in texts]
        found, wild = places_found(contents, looking.scanner), places_found(contents, _wild())
        for index, (place, data) in enumerate(texts):
            pieces = reading.pieces(data, place)
            if not pieces and data and (index in found or place.line is None or is_seen(data)):
                held.named |= named_in(data)
            for piece in pieces:
                _note(piece, wanted, seen, reading)
                if index in wild and piece.owner:
                    _try(piece, reading)
                in_sample = piece.kind == "Condition" and _in_sample(place, whole=wanted.whole_count)
                if in_sample or index in found or place.line is None:
                    looking.look_into(piece, held, in_sample=in_sample)
    held.fhir, seen.lines = reading.fhir, lines.counts
    seen.unread, seen.withheld, seen.anyones = reading.unread, reading.withheld, reading.anyones
    yield said([seen])


def _note(piece: Piece, wanted: Wanted, seen: Look, reading: Reading) -> None:
    owner, held = piece.owner, seen.held
    if not owner:
        reading.nobodys(piece)
        return
    held.people += piece.kind == "Patient"
    if not piece.certain:
        seen.doubtful.add(owner)
    elif wanted.concepts is None or owner in wanted.known:
        seen.present.add(owner)
    if piece.certain and len(held.some) < _SOME:
        held.some.add(owner)


def _try(piece: Piece, reading: Reading) -> None:
    """Tell of what skimming passes over."""
    try:
        piece.records()
    except NotFhirError as error:
        reading.refuse(piece.place, str(error), only=[piece.owner])


def _in_sample(place: Place, *, whole: bool) -> bool:
    return whole or place.line is None or place.line <= _ALL or place.line % _ONE_IN == 0


@cache
def _wild() -> Scanner:
    return Scanner([compiled([WILD])])


@lru_cache(maxsize=1)  # a process on an executor works for many parts
def _looking(lexicon: Lexicon, concepts: frozenset[str]) -> local.Looking:
    return local.Looking(lexicon, concepts, Sample())
