"""Files read in blocks, and of each only the lines in which patterns were found: the rest is never looked at again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple, cast

import hyperscan

from service.fhir.lines import LONGEST
from service.population import ndjson

BLOCK = 1024 * 1024  # bytes; what is read at once, then looked through while the cache still holds it
_UNPACKED = 8192  # bytes at once, so that a damaged archive still yields what ``ndjson.read_lines`` gets of it
_REST = 64 * 1024


class Unit(NamedTuple):
    """A piece of work: a file or, of a plain one, the lines that begin in a range of its bytes."""

    file: int  # its number in the source
    path: str
    start: int
    end: int | None  # None: the whole file
    weight: int  # bytes on the disk


class Hit(NamedTuple):
    """A line that is to be parsed; ``data`` is None when it is too long to be read."""

    offset: int  # where it begins in the unpacked file
    data: bytes | None
    patterns: frozenset[int]  # what was found in it; empty: it is one of the sample


class Sample(NamedTuple):
    """What is read line by line, found or not: of each file the first ``size`` bytes and one such part of ``every``."""

    size: int = BLOCK  # 0: nothing is
    every: int = 512

    @property
    def whole(self) -> bool:
        """Whether everything is of the sample."""
        return bool(self.size) and self.every == 1

    def meets(self, first: int, size: int) -> bool:
        """Whether a part of the sample is among these bytes."""
        return bool(self.size) and self.next(first) < first + size

    def next(self, place: int) -> int:
        """Return the first place from this one on that is of the sample."""
        part = place // self.size
        return place if part % self.every == 0 else (part + -part % self.every) * self.size


_WHOLE = Sample(BLOCK, 1)


class Scanner:
    """Finds patterns in blocks of whole lines."""

    def __init__(self, databases: Sequence[bytes], counted: Collection[int] = ()) -> None:
        """Take compiled patterns; those of the first database that are ``counted`` are not told of."""
        loaded = [hyperscan.loadb(each, hyperscan.HS_MODE_BLOCK) for each in databases]
        self._scans: list[Callable[..., object]] = [
            partial(each.scan, scratch=hyperscan.Scratch(each)) for each in loaded
        ]
        self._counted = counted
        self.counts = Counter[int]()  # by pattern, how often

    def find(self, data: memoryview) -> list[tuple[int, int]]:
        """Return where matches end, in order, each with the number of its pattern (negative: of a later database)."""
        found: list[tuple[int, int]] = []
        for number, scan in enumerate(self._scans):
            scan(data, partial(self._note, found, number))
        found.sort()
        return found

    def _note(self, found: list[tuple[int, int]], database: int, pattern: int, *match: int) -> None:
        if pattern in self._counted and not database:
            self.counts[pattern] += 1
        else:
            found.append((match[1], -database or pattern))


def lines(unit: Unit, scanner: Scanner | None, *, sample: Sample, block: int = BLOCK) -> Iterator[Hit]:
    """Yield the lines of a unit in which something is found, all of them without a scanner, and those of the sample.

    Raises one of ``ndjson.READ_ERRORS`` where the file breaks off, after the whole lines before.
    """
    path = Path(unit.path)
    with ndjson.open_file(path) as (opened, _):
        content = cast("BufferedIOBase", opened)
        read = _packed_reader(content) if ndjson.is_packed(path) else content.readinto
        for base, buffer, size in _whole_lines(unit, content, read, block):
            if size:
                yield from _hits(base, buffer, size, scanner, sample)
            else:
                yield Hit(base, None, frozenset())


def _hits(base: int, buffer: bytearray, size: int, scanner: Scanner | None, sample: Sample) -> Iterator[Hit]:
    rows = dict(_found(buffer, size, scanner)) if scanner is not None else {}
    if scanner is None or sample.meets(base, size):
        every = _WHOLE if scanner is None else sample
        for start, end in _sampled(base, buffer, size, every):
            rows.setdefault(start, (end, set()))
        rows = dict(sorted(rows.items()))
    for start, (end, patterns) in rows.items():
        data = None if end - start > LONGEST else bytes(memoryview(buffer)[start:end])
        yield Hit(base + start, data, frozenset(patterns))


def _found(buffer: bytearray, size: int, scanner: Scanner) -> Iterator[tuple[int, tuple[int, set[int]]]]:
    """Yield where lines with a match begin, where they end, and which patterns were found."""
    with memoryview(buffer) as view:
        found = scanner.find(view[:size])
    end, patterns = 0, set[int]()
    for place, pattern in found:
        if place > end:
            start = buffer.rfind(b"\n", 0, place - 1) + 1
            end = buffer.find(b"\n", place - 1) + 1
            patterns = set()
            yield start, (end, patterns)
        patterns.add(pattern)


def _sampled(base: int, buffer: bytearray, size: int, sample: Sample) -> Iterator[tuple[int, int]]:
    """Yield where lines of the sample begin and end: those that begin in it."""
    start = 0
    while start < size:
        if (ahead := sample.next(base + start) - base) > start:
            start = buffer.find(b"\n", ahead - 1, size) + 1 or size
        else:
            end = buffer.find(b"\n", start) + 1
            yield start, end
            start = end


def _whole_lines(  # noqa: C901, PLR0912 - one loop over what a file may hold
    unit: Unit, content: BufferedIOBase, read: Callable[[memoryview], int], block: int
) -> Iterator[tuple[int, bytearray, int]]:
    """Yield runs of whole lines: the place of the first, the buffer, and how much of it they fill.

    A line that is too long to be read comes with an empty buffer.
    """
    base, filled, skipping = unit.start, 0, unit.start > 0
    if skipping:
        base -= 1  # a line that begins at the start is ours: the byte before ends the one before
        content.seek(base)
    buffer, failed = bytearray(2 * block), None
    while unit.end is None or base < unit.end:
        if len(buffer) - filled <= block:
            buffer.extend(bytes(len(buffer)))
        try:
            with memoryview(buffer) as view:
                size = read(view[filled : filled + _wanted(unit, base + filled, block)])
        except ndjson.READ_ERRORS as error:
            failed, size = error, 0
        if skipping:  # to where a line begins
            begin = buffer.find(b"\n", 0, size) + 1
            filled, skipping = size - begin if begin else 0, not begin
            buffer[:filled] = buffer[size - filled : size]
            base += size - filled
            cut = buffer.rfind(b"\n", 0, filled) + 1
        else:
            cut = buffer.rfind(b"\n", filled, filled + size) + 1
            filled += size
        if not size and filled and failed is None:  # the last line has no end, and looks broken by the blank
            buffer[filled : filled + 2] = b" \n"
            cut = filled = filled + 2
        if cut > LONGEST and (first := buffer.find(b"\n", 0, cut) + 1) > LONGEST:
            yield base, bytearray(), 0
            buffer[: filled - first] = buffer[first:filled]
            base, filled, cut = base + first, filled - first, cut - first
        if cut:
            if whole := _before_end(unit, base, buffer, cut):
                yield base, buffer, whole
            filled -= cut
            buffer[:filled] = buffer[cut : cut + filled]
            base += cut
        elif filled >= LONGEST:
            yield base, bytearray(), 0
            base, filled, skipping = base + filled, 0, True
        if not size:
            break
    if failed is not None:
        raise failed


def _wanted(unit: Unit, position: int, block: int) -> int:
    """How much to read; beyond the end only the rest of a line is needed."""
    return block if unit.end is None else min(block, max(unit.end - position, _REST))


def _before_end(unit: Unit, base: int, buffer: bytearray, cut: int) -> int:
    """How much is filled by the lines that begin before the end of the unit."""
    if unit.end is None or base + cut <= unit.end:
        return cut
    return buffer.find(b"\n", unit.end - base - 1) + 1 if base < unit.end else 0


def _packed_reader(content: BufferedIOBase) -> Callable[[memoryview], int]:
    """Read what is unpacked at once, so that nothing before a damage is lost."""

    def read(target: memoryview) -> int:
        data = content.read1(min(len(target), _UNPACKED))
        target[: len(data)] = data
        return len(data)

    return read
