"""Which of several values counts: the newest usable one inside its window, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from service.eligibility.candidate import Candidate, implausible, newest, prefer
from service.eligibility.chart import Reading, Standing
from service.eligibility.context import Context
from service.eligibility.derive import DERIVATIONS
from service.eligibility.findings import Note, Reason
from service.eligibility.notions import Notion
from service.eligibility.show import Shown, show, show_reading
from service.eligibility.timeline import Timeline, newest_older, recent, timeline


class Selection(NamedTuple):
    """The equals that count (usually one), or the reason why none does."""

    group: tuple[Candidate, ...]
    reason: Reason | None
    notes: tuple[Note, ...] = ()
    shown: tuple[Shown, ...] = ()
    not_measurable: bool = False  # without a group: the newest record says that the quantity could not be had


def select(ctx: Context, notion: Notion) -> Selection:
    """Return the value that counts for a notion on the screening date (worked out once)."""
    key = ("select", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        known = ctx.memo[key] = _select(ctx, notion)
    return known  # type: ignore[return-value]


def _select(ctx: Context, notion: Notion) -> Selection:
    if notion.successor is None and notion.coded_by.isdisjoint(ctx.chart.readings):
        return Selection((), *ctx.gap(notion))
    line = recent(ctx, notion)
    inside = _without_last_resort(line.inside, notion)
    succeeding = _successors(ctx, notion, inside)
    group = succeeding or prefer(ctx, inside, notion.prefer)
    shown = tuple(show_reading(ctx, notion, r) for r in _recent(line.hints))
    if group:
        newer = any(ctx.later(r.when, group[0].when) for r, _ in _unusable(ctx, notion, line))
        return Selection(tuple(group), None, (Note.NEWER_UNUSABLE,) if newer else (), shown)
    last = newest_unusable(line.unusable)
    marked = last is not None and ctx.not_measurable(last[0])
    for candidates, reason in (
        (line.review, Reason.NEEDS_JUDGEMENT),
        (line.undated, Reason.DATE_NOT_DECISIVE),
    ):
        if candidates:
            best = newest(ctx, candidates)
            return Selection((), reason, (), (*(show(notion, ctx, c) for c in best), *shown), marked)
    if last is not None:
        reading, reason = last
        unreadable: tuple[Note, ...] = (Note.RECORD_UNREADABLE,) if reading.unreadable else ()
        return Selection((), reason, unreadable, (show_reading(ctx, notion, reading), *shown), marked)
    old = newest_older(ctx, notion)
    if old:
        reason, notes = ctx.gap(notion, Reason.TOO_OLD)
        return Selection((), reason, notes, (*(show(notion, ctx, c) for c in old), *shown))
    reason, notes = ctx.gap(notion)
    if reason is Reason.NO_RECORD and notion.successor is not None:
        behind = select(ctx, ctx.study.notions[notion.successor.source])
        if behind.reason is not None and behind.reason is not Reason.NO_RECORD:
            return behind._replace(shown=(*behind.shown, *shown))
    return Selection((), reason, notes, shown)


def _without_last_resort(candidates: list[Candidate], notion: Notion) -> list[Candidate]:
    if not notion.last_resort:
        return candidates
    return [c for c in candidates if c.tags.isdisjoint(notion.last_resort)] or candidates


def _unusable(ctx: Context, notion: Notion, line: Timeline) -> list[tuple[Reading, Reason]]:
    """Records that say nothing, those of what the notion is derived from included."""
    if notion.successor is None or notion.successor.given is not None:
        return line.unusable
    return [*line.unusable, *timeline(ctx, ctx.study.notions[notion.successor.source]).unusable]


def newest_unusable(unusable: Sequence[tuple[Reading, Reason]]) -> tuple[Reading, Reason] | None:
    """Return the newest of dated records that say nothing, whose status counts; else the newest of all."""
    counted = [pair for pair in unusable if pair[0].when is not None and pair[0].standing is not Standing.PENDING]
    return max(counted or unusable, key=lambda pair: _recency(pair[0]), default=None)


def _recency(reading: Reading) -> tuple[date, str, str]:
    when = reading.when
    if when is None:
        return date.min, "", reading.source
    return when.last, when.instant.isoformat() if when.instant else "", reading.source


def _recent(readings: list[Reading]) -> list[Reading]:
    return [max(readings, key=_recency)] if readings else []


def _successors(ctx: Context, notion: Notion, inside: Sequence[Candidate]) -> list[Candidate]:
    """Values derived from a record of a later day than every value of the notion itself."""
    if notion.successor is None:
        return []
    source = select(ctx, ctx.study.notions[notion.successor.source])
    if not source.group:
        return []
    day = max((ctx.last_day(c.when) for c in inside), default=date.min)
    later = [c for c in source.group if c.when.first > day]
    if not later:
        return []
    formula = ctx.study.formulas[notion.successor.formula]
    given = select(ctx, ctx.study.notions[notion.successor.given]).group if notion.successor.given else ()
    derived = [d for c in later for d in DERIVATIONS[formula.kind](ctx, formula, c, given)]
    return [d for d in derived if not all(implausible(notion, i) for i in d.intervals)]
