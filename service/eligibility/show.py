"""Values as people read them: as used, in the canonical unit, and as received."""

from __future__ import annotations

from typing import NamedTuple

from service.eligibility.candidate import Candidate, convert
from service.eligibility.chart import Reading
from service.eligibility.context import Context
from service.eligibility.findings import Value
from service.eligibility.notions import Notion
from service.eligibility.quantity import Interval, decimal_text


class Shown(NamedTuple):
    """A record shown as evidence although it does not decide."""

    value: Value | None
    effective: str | None
    source: str


def show(notion: Notion, ctx: Context, candidate: Candidate) -> Shown:
    """Present a candidate as a person reads it."""
    return Shown(value_of(notion, ctx, candidate), candidate.when.text or None, candidate.sources[0])


def value_of(notion: Notion, ctx: Context, candidate: Candidate) -> Value:
    """Write the value as used and as received."""
    unit = ctx.study.units.canonical(notion.quantity) if notion.quantity else ""
    texts = dict.fromkeys(interval_text(i, 2 if candidate.derived else None) for i in candidate.intervals)
    return Value(" or ".join(texts), unit, candidate.received)


def interval_text(interval: Interval, places: int | None = None) -> str:
    """Write an interval as people do: ``5``, ``<5``, ``≥60``, ``20–31.5``."""
    low, high = interval.low, interval.high
    if low is not None and low == high:
        return decimal_text(low, places)
    if low is None and high is not None:
        return ("<" if interval.high_open else "≤") + decimal_text(high, places)
    if high is None and low is not None:
        return (">" if interval.low_open else "≥") + decimal_text(low, places)
    ends = [decimal_text(end, places) for end in (low, high) if end is not None]
    return "–".join(ends)


def show_reading(ctx: Context, notion: Notion, reading: Reading) -> Shown:
    """Present a record that is not used: with its number where it has one."""
    converted = convert(ctx, notion, reading)
    if isinstance(converted, Candidate):
        return show(notion, ctx, converted)
    text = reading.quantity.text if reading.quantity is not None else reading.text
    value = Value("", "", text) if text else None
    return Shown(value, reading.when.text if reading.when else None, reading.source)
