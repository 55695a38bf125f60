"""A smaller source beside a large one: the lines of certain people, kept in a folder of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from service import __version__
from service.errors import SettingError
from service.population import ndjson
from service.population.files import Unread
from service.population.pick import Picked, Picking, written
from service.population.reading import PatientRecords
from service.population.scan import BLOCK, Sample, Unit
from service.population.sources import Source
from service.population.workers import Workers

UNIT = 32 * BLOCK  # bytes of a plain file that are one piece of work
_MARK = "selected.json"
_ROOM = 64 * 1024 * 1024  # bytes that stay free whatever is written


class Mark(msgspec.Struct):
    """What the folder holds the lines of."""

    source: str  # fingerprint of the files
    people: set[str]


def units_of(files: Sequence[Path], size: int = UNIT) -> list[Unit]:
    """Share files out: plain NDJSON by ranges of bytes, anything else as a whole."""
    found = []
    for number, path in enumerate(files):
        length = path.stat().st_size
        if ndjson.is_packed(path) or ndjson.kind_of(path) != "ndjson" or length <= size:
            found.append(Unit(number, str(path), 0, None, length))
        else:
            starts = range(0, length, size)
            found += [Unit(number, str(path), at, min(at + size, length), min(size, length - at)) for at in starts]
    return found


def fingerprint(files: Iterable[Path], *more: object) -> str:
    """Return what changes when a file does."""
    told = [(str(file), (state := file.stat()).st_size, state.st_mtime_ns) for file in files]
    return blake2b(repr((__version__, told, more)).encode()).hexdigest()


@dataclass
class Selected:
    """The folder, and the files that it is made of."""

    folder: Path
    files: list[Path]
    passed_over: list[Unread]
    sample: Sample
    unit: int = UNIT
    block: int = BLOCK

    def __post_init__(self) -> None:
        self.units = units_of(self.files, self.unit)
        self.present = set[str]()
        self.unread = list(self.passed_over)
        self._picked: list[Picked] = []

    def fill(
        self,
        wanted: frozenset[str],
        others: Collection[str],
        share: float,
        workers: Workers,
        told: Callable[[int], None],
        plain: Iterable[Unit] = (),
    ) -> None:
        """Write the lines of these people, unless they are there. Raises ``SettingError`` where there is no room.

        ``others`` are some people of the source, ``share`` what part of them all these may be, roughly; in units that
        are ``plain`` nothing concerns people without referring to them.
        """
        mark = self._mark()
        source = fingerprint(self.files, self.unit, self.sample)
        if mark is None or mark.source != source or not wanted <= mark.people:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, mode=0o700)
            self._make_room(share)
            mark = Mark(source, set(wanted))
            unfinished = self.folder / f".{_MARK}"
            unfinished.write_bytes(msgspec.json.encode(mark, order="sorted"))
            unfinished.replace(self.folder / _MARK)
        picked = {unit: Picked.read(unit, self.folder) for unit in self.units}
        missing = [unit for unit, found in picked.items() if found is None]
        told(sum(unit.weight for unit in self.units if picked[unit] is not None))
        if missing:
            people = frozenset(mark.people)
            picking = Picking(self.folder, people, tuple(others), frozenset(plain), self.sample, self.block)
            for unit, found in zip(missing, workers.map(picking, missing), strict=True):
                picked[unit] = found
                told(unit.weight)
        self._picked = [found for found in picked.values() if found is not None]
        self.present = set[str]().union(*(found.present for found in self._picked))
        self.unread = self.passed_over + self._unread()

    def charts(self) -> Iterator[PatientRecords]:
        """Yield the charts of the smaller source; what could not be written may be anybody's."""
        files: dict[Path, None] = {}
        for unit, picked in zip(self.units, self._picked, strict=True):
            if picked.whole:
                files[Path(unit.path)] = None
            elif picked.size:
                files[written(unit, self.folder)] = None
        lost = [
            Unread(unit.path, None, each.why)
            for unit, picked in zip(self.units, self._picked, strict=True)
            for each in picked.refused
            if not each.written and not picked.whole
        ]
        return Source(list(files), self.passed_over + lost).patients() if self.present else iter(())

    def _unread(self) -> list[Unread]:
        found: dict[int, list[tuple[int | None, str]]] = {}
        for unit, picked in zip(self.units, self._picked, strict=True):
            found.setdefault(unit.file, []).extend((each.offset, each.why) for each in picked.refused)
        unread = []
        for number, refused in found.items():
            path = self.files[number]
            by_line = ndjson.kind_of(path) == "ndjson"
            places = {offset for offset, _ in refused if offset is not None and by_line}
            numbers = ndjson.line_numbers(path, places) if places else {}
            unread += [Unread(str(path), numbers.get(-1 if at is None else at), why) for at, why in refused]
        return unread

    def _mark(self) -> Mark | None:
        try:
            return msgspec.json.decode((self.folder / _MARK).read_bytes(), type=Mark)
        except (OSError, msgspec.DecodeError):
            return None

    def _make_room(self, share: float) -> None:
        needed = int(2 * share * sum(unit.weight for unit in self.units)) + _ROOM
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise SettingError(
                f"CANDOR_HOME: the selected records need {needed // 2**20} MiB in {self.folder}, where "
                f"{free // 2**20} are free: free some, or set another folder."
            )
