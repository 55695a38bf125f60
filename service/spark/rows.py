"""What the two passes over a source have in common: rows in, rows out, and errors that hold nothing of a chart.

This runs on executors, in a Python process that takes whole batches of lines and lives for many of them.
"""

from __future__ import annotations

import pickle
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from traceback import extract_tb
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from service.fhir.lines import LONGEST
from service.population.bundles import Place
from service.population.scan import Scanner
from service.spark.texts import address_of

Batches = Iterator[pa.RecordBatch]
SAID = "said binary"  # the schema of answers that are objects of ours


class Lines:
    """Takes batches of texts apart, and counts the lines of each block of a file: of lines Spark tells no number."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        """``numbers`` gives the number of a file by its address."""
        self._numbers, self._known = numbers, dict[str, int]()
        self.counts: dict[tuple[int, int], int] = {}  # by file and start of the block

    def of(self, batch: pa.RecordBatch) -> Iterator[tuple[Place, bytes | None]]:
        """Yield the texts that are not blank; ``None`` for one that is too long. A place's line is one of the block."""
        for text, written, start, whole in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            number = self._known.get(written)
            if number is None:
                number = self._known[written] = self._numbers[address_of(written)]
            if whole:
                yield Place(number, None, start), text.strip()
                continue
            line = self.counts[number, start] = self.counts.get((number, start), 0) + 1
            if text is None:  # a row of Parquet
                continue
            if len(text) >= LONGEST:
                yield Place(number, line, start), None
            elif text := text.strip():
                yield Place(number, line, start), text


def places_found(texts: Sequence[bytes], scanner: Scanner) -> set[int]:
    """Return in which of the texts a pattern of the first database is found."""
    ends = list(accumulate(len(text) + 1 for text in texts))
    with memoryview(b"\n".join([*texts, b""])) as joined:
        return {bisect_left(ends, place) for place, pattern in scanner.find(joined) if pattern >= 0}


def said(things: Iterable[object]) -> pa.RecordBatch:
    """Return objects of ours as a batch of SAID."""
    return pa.record_batch([pa.array(map(pickle.dumps, things), pa.binary())], ["said"])


def heard(row: bytes) -> Any:
    """Return an object of ours, as our own code on an executor wrote it."""
    return pickle.loads(row)  # noqa: S301 - as trusted as the functions that Spark itself carries so


def without_content(made: Callable[[Batches], Batches]) -> Callable[[Batches], Batches]:
    """Return the function with errors that tell the place in our code alone: messages and values may be of charts."""

    def make(batches: Batches) -> Batches:
        try:
            yield from made(batches)
        except Exception as bug:  # noqa: BLE001
            place = extract_tb(bug.__traceback__)[-1]
            raise RuntimeError(f"{type(bug).__name__} at {Path(place.filename).name}:{place.lineno}") from None

    return make
