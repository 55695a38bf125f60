"""Bringing each patient's records together: in step, where all files have one order of patients, else by an index."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from mmap import mmap
from operator import attrgetter

from service.population.bundles import Piece

_FILTER_BITS = 28  # 32 MiB; calls one new patient in ten million seen at a million patients
_OFFSET_BITS = 40  # of a place; the upper 24 are the file's number


class OutOfStepError(Exception):
    """The streams do not hold their patients in one order."""


class Seen:
    """Patients seen, in a fixed amount of memory (a Bloom filter).

    It never calls one that was seen new; that it may call a new one seen only costs the slower way of grouping.
    """

    def __init__(self) -> None:
        """Start with nobody; memory is taken as it is touched."""
        self._bits = mmap(-1, 1 << (_FILTER_BITS - 3))

    def add(self, owner: str) -> bool:
        """Remember a patient; return whether it may have been seen before."""
        digest = int.from_bytes(blake2b(owner.encode(), digest_size=16).digest())
        known = True
        for _ in range(4):
            digest, bit = divmod(digest, 1 << _FILTER_BITS)
            known &= bool(self._bits[bit >> 3] >> (bit & 7) & 1)
            self._bits[bit >> 3] |= 1 << (bit & 7)
        return known


def in_step(leader: Iterable[Piece], followers: Iterable[Iterable[Piece]]) -> Iterator[tuple[str, list[Piece]]]:
    """Yield the pieces of one patient after the other, as the leader has them, one patient in memory at a time.

    Raises ``OutOfStepError`` after the last one when a follower has pieces left: it has patients that the leader
    lacks, or has them in another order. A patient that comes twice in the leader is for the caller (``Seen``).
    """
    cursors = [_Cursor(follower) for follower in followers]
    for owner, run in groupby(leader, key=attrgetter("owner")):
        pieces = list(run)
        for cursor in cursors:
            pieces += cursor.take(owner)
        yield owner, pieces
    if any(cursor.next is not None for cursor in cursors):
        raise OutOfStepError


class _Cursor:
    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self.next = next(self._pieces, None)

    def take(self, owner: str) -> Iterator[Piece]:
        while self.next is not None and self.next.owner == owner:
            yield self.next
            self.next = next(self._pieces, None)


class Index:
    """Where the records of each patient begin: 16 bytes a record and some 250 bytes a patient.

    Of each record the place and the record before it of the same patient are kept, so that growing moves nothing.
    """

    def __init__(self) -> None:
        self._places = array("Q")
        self._previous = array("q")
        self._last: dict[str, int] = {}
        self._uncertain: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, piece: Piece) -> None:
        """Remember where a piece is."""
        owner, place = piece.owner, piece.place.file << _OFFSET_BITS | piece.place.offset
        if not piece.certain:
            self._uncertain[owner].append(place)
            return
        self._previous.append(self._last.get(owner, -1))
        self._last[owner] = len(self._places)
        self._places.append(place)

    def __iter__(self) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        """Yield each patient, in the order of first appearance, with (file, offset) of its records in reading order."""
        for owner, last in self._last.items():
            places = set(self._uncertain.get(owner, ()))
            record = last
            while record >= 0:
                places.add(self._places[record])
                record = self._previous[record]
            yield owner, [(place >> _OFFSET_BITS, place & (1 << _OFFSET_BITS) - 1) for place in sorted(places)]
