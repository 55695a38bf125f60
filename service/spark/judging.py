"""The second pass, on executors: the texts of those who are screened are brought together, and each chart is judged."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]

from service.eligibility.results import NotScreened
from service.fhir.coverage import Tally, tally
from service.population.bundles import Piece, Place
from service.population.patterns import BUNDLE, ESCAPED, MOST_PEOPLE, compiled, of_people
from service.population.reading import Reading
from service.population.scan import Scanner
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.screening.ports import Pulled
from service.spark.rows import Batches, Lines, heard, places_found, said
from service.work.orders import PostOrder

OWNER, ORDER = "owner", ("file", "start", "line")
PICKED = "owner string, file int, start long, line int, certain boolean, decoded boolean, content binary"
_TYPES = pa.schema([
    ("owner", pa.string()), ("file", pa.int32()), ("start", pa.int64()), ("line", pa.int32()),
    ("certain", pa.bool_()), ("decoded", pa.bool_()), ("content", pa.binary()),
])  # fmt: skip


class Verdict(NamedTuple):
    """What came of one patient: a result as it is kept, with what it does not tell; or why there is none."""

    patient: str
    document: bytes | None = None
    order: PostOrder | None = None
    refused: NotScreened | None = None
    error: str | None = None
    coverage: dict[str, Tally] = {}  # noqa: RUF012 - by notion; never changed


def pick(batches: Batches, numbers: Mapping[str, int], owners: frozenset[str], some: frozenset[str]) -> Batches:
    """Yield the texts of these people, by owner; of a Bundle that person's records, decoded.

    ``some`` are people of the source, who show what its ids look like.
    """
    lines, reading, scanner = Lines(numbers), Reading(keep=lambda _: None), _scanner(owners, some)
    for batch in batches:
        texts = list(lines.of(batch))
        found = places_found([data or b"" for _, data in texts], scanner) if scanner else range(len(texts))
        pieces = (piece for index in sorted(found) for piece in reading.pieces(texts[index][1], texts[index][0]))
        rows = [_row(piece) for piece in pieces if piece.owner in owners]
        if rows:
            columns = zip(_TYPES, zip(*rows, strict=True), strict=True)
            yield pa.record_batch([pa.array(values, kind.type) for kind, values in columns], schema=_TYPES)


def judge(batches: Batches, screener: Screener, reading: Reading, as_of: date) -> Batches:
    """Yield a ``Verdict`` on each person; the rows of a person come together, in the order of the source."""
    rows = (row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
    for owner, theirs in groupby(rows, key=lambda row: row[0]):
        found = [_piece(*row) for row in theirs]
        if any(piece.certain for piece in found):
            yield said([_verdict(owner, found, screener, reading, as_of)])


@lru_cache(maxsize=1)  # a process on an executor works for many parts
def _scanner(owners: frozenset[str], some: frozenset[str]) -> Scanner | None:
    """Return what finds lines that may be of these people; ``None``: they are too many."""
    if len(owners) > MOST_PEOPLE:
        return None
    return Scanner([compiled([*of_people(owners, some), BUNDLE, *ESCAPED])])


def _row(piece: Piece) -> tuple[Any, ...]:
    file, line, start = piece.place
    decoded = isinstance(piece.content, list)
    content = pickle.dumps(piece.content) if decoded else piece.content
    return piece.owner, file, start, line or 0, piece.certain, decoded, content


def _piece(owner: str, file: int, start: int, line: int, certain: bool, decoded: bool, content: bytes) -> Piece:
    return Piece(owner, "", heard(content) if decoded else content, Place(file, line or None, start), certain)


def _verdict(owner: str, found: list[Piece], screener: Screener, reading: Reading, as_of: date) -> Verdict:
    try:
        records = reading.records(owner, found)
        pulled = Pulled(records.resources, incomplete=records.incomplete)
        coverage = tally(records.resources, screener.study)
        result, person = screener.judged_records(pulled, owner, as_of)
        if isinstance(result, NotScreened):
            return Verdict(owner, refused=result, coverage=coverage)
        assert person is not None  # noqa: S101 - whoever is screened has a Patient
        order = PostOrder.about(result, person, "", listed=True)
        return Verdict(owner, encode(document(result, id="")), order, coverage=coverage)
    except Exception:  # noqa: BLE001 - one chart that breaks us stops nobody else's
        return Verdict(owner, error="patient-unreadable")
