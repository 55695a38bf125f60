"""A value that may be used: converted, plausible, ordered by time among others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from service.eligibility.chart import Limits, Reading, Standing, Warning_
from service.eligibility.context import Context, usable
from service.eligibility.findings import Reason
from service.eligibility.moment import When
from service.eligibility.notions import Notion, Plausible, Preference
from service.eligibility.quantity import ONE, Interval, UnitProblem

_LAST = 1_000  # added to the rank of what goes after everything else
UNDATED = When(date.min, date.max, None, "")


class Candidate(NamedTuple):
    """A value that may be used: converted, plausible, with the records it comes from."""

    intervals: tuple[Interval, ...]  # more than one: formulas that differ by what is not known
    when: When
    standing: Standing
    tags: frozenset[str]
    sources: tuple[str, ...]
    received: str
    derived: bool = False
    contested: bool = False
    undecided: Reason = Reason.VALUE_NOT_DECISIVE
    limits: tuple[Limits, ...] = ()
    unit: tuple[str | None, str | None] = (None, None)


def convert(
    ctx: Context,
    notion: Notion,
    reading: Reading,
    extra: frozenset[str] = frozenset(),
    plausible: Plausible | None = None,
) -> Candidate | Reason:
    """Read a record's number in the notion's canonical unit, or say why it cannot be used.

    ``extra`` tags it; ``plausible`` stands for the notion's own range.
    """
    quantity = reading.quantity
    if quantity is None or quantity.value is None:
        return Reason.NO_USABLE_VALUE
    factor = factor_of(ctx, notion, reading)
    if not isinstance(factor, Fraction):
        return Reason.NO_USABLE_VALUE if factor is None else Reason.UNIT_NOT_COMPARABLE
    try:
        interval = Interval.from_comparator(quantity.comparator, quantity.value)  # type: ignore[arg-type]
    except ValueError:
        return Reason.NO_USABLE_VALUE
    if factor is not ONE:
        interval = interval.scaled(factor)
    if notion.whole and interval.low is not None and interval.low == interval.high and interval.low % 1 != 0:
        return Reason.NO_USABLE_VALUE
    plausible = plausible or notion.plausible
    if plausible is not None and interval.outside(plausible.low, plausible.high):
        return Reason.NO_USABLE_VALUE
    return Candidate(
        (interval,), reading.when or UNDATED, reading.standing, reading.tags | extra if extra else reading.tags,
        (reading.source,), quantity.text, False, reading.contested, Reason.VALUE_NOT_DECISIVE,
        reading.limits, (quantity.unit, quantity.code),
    )  # fmt: skip


def factor_of(ctx: Context, notion: Notion, reading: Reading) -> Fraction | UnitProblem | None:
    """Return what a record's number is multiplied by, with a warning of an unknown unit; ``None`` without a number."""
    quantity = reading.quantity
    if not usable(reading) or quantity is None or quantity.value is None or notion.quantity is None:
        return None
    factor = ctx.study.units.to_canonical(notion.quantity, quantity.unit, quantity.code)
    if factor is UnitProblem.UNKNOWN:
        ctx.warnings.append(Warning_("unit-unknown", reading.source, "the unit is in no list of spellings"))
    return factor


def implausible(notion: Notion, interval: Interval) -> bool:
    return notion.plausible is not None and interval.outside(notion.plausible.low, notion.plausible.high)


def newest(ctx: Context, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the newest of dated candidates, and those that are its equals, in a fixed order."""
    if len(candidates) <= 1:
        return list(candidates)
    timed = [c for c in candidates if c.when.instant is not None]
    dated = [c for c in candidates if c.when.instant is None and c.when.exact]
    partial = [c for c in candidates if not c.when.exact]
    top: list[Candidate] = []
    if timed:
        latest = max(c.when.instant for c in timed)  # type: ignore[type-var]
        top = [c for c in timed if c.when.instant == latest]
    if dated:
        day = max(c.when.first for c in dated)
        written = max((c.when.first for c in top), default=date.min)
        if day > written:
            top = []
        if day >= written:
            top = top + [c for c in dated if c.when.first == day]
    if partial:
        first = max((c.when.first for c in top), default=date.min)
        later = max(c.when.first for c in partial)
        if later > first:
            first, top = later, []
        top = top + [c for c in partial if ctx.last_day(c.when) >= first]
    return sorted(top, key=_fixed_order)


def _fixed_order(candidate: Candidate) -> tuple[object, ...]:
    return candidate.sources, candidate.received, candidate.when.text


def prefer(ctx: Context, candidates: Sequence[Candidate], preference: Preference | None) -> list[Candidate]:
    """Return the newest candidates after the notion's preference and the status of each record."""
    top = newest(ctx, candidates)
    if len(candidates) <= 1:
        return top
    if preference is not None:
        if preference.of == "day":
            day = max(c.when.first for c in top)
            same = [c for c in candidates if c.when.exact and c.when.first == day]
            chosen = [c for c in same if not c.tags.isdisjoint(preference.tags)]
            top = newest(ctx, chosen) if chosen else top
        best = min(_rank(c, preference) for c in top)
        top = [c for c in top if _rank(c, preference) == best]
    standing = max(c.standing for c in top)
    return [c for c in top if c.standing == standing]


def _rank(candidate: Candidate, preference: Preference) -> int:
    ranks = [rank for rank, tag in enumerate(preference.tags) if tag in candidate.tags]
    rank = min(ranks, default=len(preference.tags))
    return rank if candidate.tags.isdisjoint(preference.last) else rank + _LAST
