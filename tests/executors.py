"""What the engine Spark makes of a folder: its functions in its order, without a session."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa

from service.eligibility.entry import entry_of
from service.population import ndjson
from service.population.files import find_files
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.spark.judging import Verdict, judge, pick
from service.spark.looked import Looked
from service.spark.looking import Wanted, look
from service.spark.rows import Batches, heard
from service.spark.texts import FILE, START, TEXT, WHOLE, File
from tests.sieve import Answer
from tests.verdicts import AS_OF


def executed(screener: Screener, folder: Path, known: Collection[str] = (), *, whole_count: bool = False) -> Answer:
    """Return what a run on Spark finds."""
    found, unread = verdicts(screener, folder, known, whole_count=whole_count)
    return Answer({each.patient: _document(each) for each in found}, sorted(unread))


def verdicts(
    screener: Screener, folder: Path, known: Collection[str] = (), *, whole_count: bool = False
) -> tuple[list[Verdict], list[str]]:
    """Return what comes of each who is looked for, and what could not be read."""
    paths, passed_over = find_files(folder)
    files = [File(str(path), f"file:{path}", ndjson.kind_of(path) or "", 0) for path in paths]
    numbers = {file.address: number for number, file in enumerate(files)}
    entry = entry_of(screener.study)
    assert entry is not None
    wanted = Wanted(screener.study.lexicon, entry.concepts, frozenset(known), whole_count)
    looked = Looked(_heard(look(_texts(files), numbers, wanted)), files, passed_over)
    people = frozenset(looked.chosen(screener.study) | set(known))
    rows = [row for batch in pick(_texts(files), numbers, people, frozenset(looked.some)) for row in batch.to_pylist()]
    rows.sort(key=lambda row: [row[name] for name in ("owner", "file", "start", "line")])
    batches = iter([pa.RecordBatch.from_pylist(rows)] if rows else [])
    found = _heard(judge(batches, screener, looked.reading, date.fromisoformat(AS_OF)))
    return found, [str(each) for each in looked.unread(None if whole_count else people)]


def _document(verdict: Verdict) -> bytes:
    if verdict.refused is not None:
        return encode(document(verdict.refused, id=""))
    assert verdict.document is not None, verdict.error
    return verdict.document


def _texts(files: list[File]) -> Batches:
    for file in files:
        with ndjson.open_file(Path(file.name)) as (content, _):
            data = content.read()
        whole = file.kind != "ndjson"
        texts = [data] if whole else data.removesuffix(b"\n").split(b"\n")
        size = len(texts)
        columns = {TEXT: texts, FILE: [file.address] * size, START: [0] * size, WHOLE: [whole] * size}
        yield pa.RecordBatch.from_pydict(columns, pa.schema(_SCHEMA))


def _heard(batches: Iterator[pa.RecordBatch]) -> list:  # type: ignore[type-arg]
    return [heard(row) for batch in batches for row in batch.column(0).to_pylist()]


_SCHEMA = [(TEXT, pa.binary()), (FILE, pa.string()), (START, pa.int64()), (WHOLE, pa.bool_())]
