"""What every leaf returns, and how several records of one leaf become one answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from service.eligibility.chart import Entry, Reading
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.moment import When
from service.eligibility.truth import Truth


class Verdict(NamedTuple):
    """A leaf's answer before it is labelled with its rule."""

    truth: Truth
    reason: Reason | None = None
    value: Value | None = None
    effective: str | None = None
    sources: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    notion: str | None = None  # where another notion than the rule's own answered


class Says(NamedTuple):
    """What one record says."""

    truth: Truth
    reason: Reason | None
    record: Entry | Reading
    notes: tuple[Note, ...] = ()
    rank: int = 0  # of unknowns, the lower one is reported


def sources_of(records: Iterable[Entry | Reading]) -> tuple[str, ...]:
    """Return the records' references, each once, in a fixed order."""
    return tuple(sorted({record.source for record in records}))


def day_of(record: Entry | Reading) -> When | None:
    """Return when a record is about: its effective time, or onset, else recorded."""
    if isinstance(record, Reading):
        return record.when
    return record.onset or record.recorded


def evidence(records: Sequence[Entry | Reading]) -> tuple[Value | None, str | None, tuple[str, ...]]:
    """Return (value, effective, sources) of records: the text and day of the newest one."""
    if not records:
        return None, None, ()
    newest = newest_record(records)
    when = day_of(newest)
    value = Value(newest.text, "", newest.text) if newest.text else None
    return value, when.text if when else None, sources_of(records)


def newest_record(records: Sequence[Entry | Reading]) -> Entry | Reading:
    """Return the newest record, in a fixed order where several are of one day."""
    return max(records, key=lambda r: (when.last.isoformat() if (when := day_of(r)) else "", r.source, r.text))


def combine(said: Sequence[Says], *, single: Note | None = None) -> Verdict | None:
    """Return one answer from what records say: any true, else the best unknown, else false; ``None`` if nothing."""
    for truth in (Truth.TRUE, Truth.UNKNOWN, Truth.FALSE):
        ones = [s for s in said if s.truth is truth]
        if not ones:
            continue
        notes = [note for s in ones for note in s.notes]
        if truth is Truth.UNKNOWN:
            rank = min(s.rank for s in ones)
            ones = [s for s in ones if s.rank == rank]
            reason = min((s.reason for s in ones if s.reason), default=None)
            ones = [s for s in ones if s.reason is reason]
        else:
            reason = None
        value, effective, sources = evidence([s.record for s in ones])
        if truth is Truth.TRUE and single is not None and len(sources) == 1:
            notes.append(single)
        return Verdict(truth, reason, value, effective, sources, tuple(notes))
    return None
