"""The second pass: the lines that may be of certain people, and those that every chart may need, are written together.

A unit's lines are written once: what stands there whole, a run that is resumed does not write again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from service.errors import NotFhirError
from service.fhir.lines import clean
from service.population import ndjson, patterns
from service.population.bundles import BY_INDEX, Piece, Place
from service.population.damage import BROKEN, GLUED
from service.population.reading import BROKEN_OFF, Reading
from service.population.scan import BLOCK, Hit, Sample, Scanner, Unit, lines
from service.population.shared import needed

_MOST_REFERENCES = 2_000  # of people; beyond that the patterns of references are slower than the others


class Refused(msgspec.Struct, frozen=True):
    """What could not be read: a line that begins at an offset, or the file as a whole."""

    offset: int | None
    why: str
    written: bool  # it stands among the lines that were written


class Picked(msgspec.Struct):
    """What became of a unit."""

    present: set[str] = set()  # of those wanted, who has a chart in it
    refused: list[Refused] = []
    size: int = 0  # bytes written
    whole: bool = False  # a document that is needed: read where it is

    @classmethod
    def read(cls, unit: Unit, folder: Path) -> Picked | None:
        """Read what became of a unit; ``None`` where it has not been picked from."""
        target = written(unit, folder)
        try:
            picked = msgspec.json.decode(_told(target).read_bytes(), type=cls)
            return picked if not picked.size or target.stat().st_size == picked.size else None
        except (OSError, msgspec.DecodeError):
            return None


def written(unit: Unit, folder: Path) -> Path:
    """Return the file for the lines of a unit: its name tells the type as that of the source does."""
    return folder / f"{unit.file:06}-{unit.start:015}.{ndjson.unpacked_name(Path(unit.path))}"


@dataclass
class Picking:
    """Picks from one unit after the other; it travels to other processes."""

    folder: Path
    wanted: frozenset[str]
    others: Iterable[str]
    plain: frozenset[Unit]  # unbroken, in which nothing concerns these people without referring to them
    sample: Sample
    block: int = BLOCK

    def __post_init__(self) -> None:
        if len(self.wanted) > patterns.MOST_PEOPLE:
            self._databases = None
            return
        found = [*patterns.of_people(self.wanted, self.others), *patterns.SHARED, *patterns.ESCAPED, *GLUED]
        in_plain = found if len(self.wanted) > _MOST_REFERENCES else patterns.of_references(self.wanted, self.others)
        self._databases = [patterns.compiled(each) for each in (found, in_plain, BROKEN)]

    @cached_property
    def _scanners(self) -> tuple[Scanner, Scanner] | None:
        """Of any unit, and of a plain one."""
        if self._databases is None:
            return None
        found, in_plain, broken = self._databases
        return Scanner([found, broken]), Scanner([in_plain])

    def __call__(self, unit: Unit) -> Picked:
        """Write the lines of a unit that are needed, and what became of it."""
        target, picked = written(unit, self.folder), Picked(set(), [])
        scanner = None if self._scanners is None else self._scanners[unit in self.plain]
        if ndjson.kind_of(Path(unit.path)) == "ndjson":
            unfinished = target.with_name(f".{target.name}")
            with unfinished.open("wb") as out:
                for line in self._needed(lines(unit, scanner, sample=self.sample, block=self.block), picked):
                    picked.size += out.write(line + b"\n")
            if picked.size:
                unfinished.replace(target)
            else:
                unfinished.unlink()
        else:
            picked.whole = bool(list(self._needed(_document(Path(unit.path)), picked)))
        unfinished = _told(target).with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(picked))
        unfinished.replace(_told(target))
        return picked

    def _needed(self, hits: Iterable[Hit], picked: Picked) -> Iterator[bytes]:
        kept, people = list[Piece](), None if self.sample.whole else self.wanted
        reading = Reading(keep=lambda piece: kept.append(piece) if needed(piece) else None)
        try:
            for hit in hits:
                kept.clear()
                if hit.data is None:
                    reading.pieces(None, Place(0, BY_INDEX, hit.offset))
                elif data := clean(hit.data, hit.offset):
                    place = Place(0, BY_INDEX, hit.offset)
                    mine = [self._of_wanted(piece, reading, picked) for piece in reading.pieces(data, place)]
                    if any(mine) or kept or place in reading.unread:
                        yield data
                picked.refused += [
                    Refused(place.offset, lost.why, hit.data is not None)
                    for place, lost in reading.unread.items()
                    if lost.concerns(people)
                ]
                reading.unread.clear()
        except ndjson.READ_ERRORS:
            picked.refused.append(Refused(None, BROKEN_OFF, False))

    def _of_wanted(self, piece: Piece, reading: Reading, picked: Picked) -> bool:
        if not piece.owner:
            reading.nobodys(piece)
        if piece.owner not in self.wanted:
            return False
        if piece.certain:
            picked.present.add(piece.owner)
        try:
            piece.records()
        except NotFhirError as error:  # what skimming passes over
            reading.refuse(piece.place, str(error), only=[piece.owner])
        return True


def _document(path: Path) -> Iterator[Hit]:
    yield Hit(0, ndjson.read_document(path), frozenset())


def _told(target: Path) -> Path:
    return target.with_name(f".{target.name}.picked")
