"""A source of charts on this machine: a Bundle, an NDJSON file, or a folder of Bundles, resource files and NDJSON.

``open_source(path).patients()`` yields every patient once, with all records that the source holds of that patient.

Memory. A first pass over the bytes finds out whether the files hold their patients in one order, as Bulk Data exports
do. If so the files are read side by side, and memory holds one patient, whatever their number (and 32 MiB during the
first pass). If not, an index of that pass says where each patient's records are: 16 bytes a record and some 250 bytes
a patient; packed files are then unpacked into a temporary folder. A Bundle is read whole.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from service.population import ndjson
from service.population.bundles import BY_INDEX, Piece, Place, pieces
from service.population.files import Unread, find_files, nothing_in
from service.population.grouping import Index, OutOfStepError, Seen, in_step
from service.population.reading import BROKEN_OFF, PatientRecords, Reading


def open_source(path: Path) -> Source:
    """Open a file or a folder. Raises ``InputError`` as ``find_files`` does."""
    return Source(*find_files(path))


class Source:
    """Files of FHIR JSON, read patient by patient."""

    def __init__(self, files: list[Path], passed_over: list[Unread]) -> None:
        """Read these files in this order; ``open_source`` finds them, and what it had to pass over."""
        self._files = files
        self._passed_over = passed_over
        self._size = sum(file.stat().st_size for file in files)
        self._reading = Reading(anyones=bool(passed_over))
        self.total = 2 * self._size  # both passes
        self.done = 0

    @property
    def problems(self) -> list[Unread]:
        """What could not be read so far, in the order of the files."""
        return self.problems_of(None)

    def problems_of(self, people: frozenset[str] | None) -> list[Unread]:
        """What of ``problems`` may concern these people, or shows its damage without being parsed (``Lost``)."""
        unread = {
            (place.file, self._line(place)): lost.why
            for place, lost in self._reading.unread.items()
            if lost.concerns(people)
        }
        return self._passed_over + [
            Unread(str(self._files[file]), line, unread[file, line])
            for file, line in sorted(unread, key=lambda key: (key[0], key[1] or 0))
        ]

    def patients(self, only: str | None = None) -> Iterator[PatientRecords]:
        """Yield each patient, or the one that ``only`` names (``123`` or ``Patient/123``).

        Raises ``InputError``: ``no-fhir`` when nothing in the source is FHIR, ``no-patient`` when it is of nobody.
        """
        if only is not None:
            yield from self._one(f"Patient/{only.removeprefix('Patient/')}")
            return
        nobody = True
        for records in self._in_step() if self._is_in_step() else self._by_index():
            nobody = False
            yield records
        self.done = self.total
        self._check_fhir()
        if nobody:
            raise nothing_in("The source holds no patient.", "no-patient", self.problems)

    def _one(self, name: str) -> Iterator[PatientRecords]:
        self.total = self._size
        found = [piece for piece in self._read(range(len(self._files)), first=True) if piece.owner == name]
        self._check_fhir()
        if any(piece.certain for piece in found):
            yield self._reading.records(name, found)

    def _is_in_step(self) -> bool:
        seen = Seen()
        try:
            return not any(seen.add(owner) for owner, _ in in_step(*self._streams(first=True)))
        except OutOfStepError:
            return False

    def _in_step(self) -> Iterator[PatientRecords]:
        for owner, found in in_step(*self._streams(first=False)):
            if any(piece.certain for piece in found):
                yield self._reading.records(owner, found)

    def _by_index(self) -> Iterator[PatientRecords]:
        self.done, index = 0, Index()
        leader, followers = self._streams(first=True)
        for stream in (leader, *followers):
            for piece in stream:
                index.add(piece)
        with ExitStack() as stack:
            plain = self._files
            if any(map(ndjson.is_packed, plain)):
                folder = Path(stack.enter_context(TemporaryDirectory()))
                plain = [ndjson.unpack(file, folder) if ndjson.is_packed(file) else file for file in plain]
            open_at = lru_cache(maxsize=1)(partial(self._open_at, plain))  # the next patient may be in the same Bundle
            for owner, places in index:
                found = [piece for place in places for piece in open_at(*place) if piece.owner == owner]
                yield self._reading.records(owner, found)

    def _streams(self, *, first: bool) -> tuple[Iterator[Piece], list[Iterator[Piece]]]:
        """The stream that gives the order (the Patients', where there are such files), and the others.

        The files of one type are one stream, in the order of their numbers.
        """
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for number, file in enumerate(self._files):
            groups[_type_in_name(file)].append(number)
        leader = groups.pop(next((name for name in groups if "patient" in name), min(groups)))
        return self._read(leader, first=first), [self._read(files, first=first) for files in groups.values()]

    def _read(self, numbers: Iterable[int], *, first: bool) -> Iterator[Piece]:
        """Yield the pieces that are somebody's; the first time, note what else there is."""
        for number in numbers:
            try:
                for place, data in self._texts(number):
                    for piece in self._reading.pieces(data, place):
                        if piece.owner:
                            yield piece
                        elif first:
                            self._reading.nobodys(piece)
            except ndjson.READ_ERRORS:
                self._reading.refuse(Place(number, None, 0), BROKEN_OFF, anyones=True)

    def _texts(self, number: int) -> Iterator[tuple[Place, bytes | None]]:
        path = self._files[number]
        if ndjson.kind_of(path) != "ndjson":
            yield Place(number, None, 0), ndjson.read_document(path)
            self._progress(path.stat().st_size)
            return
        for line in ndjson.read_lines(path, self._progress):
            yield Place(number, line.number, line.offset), line.data

    def _open_at(self, plain: list[Path], number: int, offset: int) -> list[Piece]:
        by_line = ndjson.kind_of(self._files[number]) == "ndjson"
        data = ndjson.read_line_at(plain[number], offset) if by_line else ndjson.read_document(plain[number])
        self._progress(len(data))
        return pieces(data, Place(number, BY_INDEX if by_line else None, offset))

    def _line(self, place: Place) -> int | None:
        return ndjson.line_number(self._files[place.file], place.offset) if place.line == BY_INDEX else place.line

    def _progress(self, read: int) -> None:
        self.done += read

    def _check_fhir(self) -> None:
        if not self._reading.fhir:
            raise nothing_in("There is no FHIR JSON in the source.", "no-fhir", self.problems)


def _type_in_name(path: Path) -> str:
    """``condition`` of ``1.Condition.ndjson`` and of ``Condition.000.ndjson.gz``; all documents are of one type."""
    if ndjson.kind_of(path) != "ndjson":
        return ""
    return re.sub(r"[^a-z]", "", path.name.lower().partition(".ndjson")[0])
