"""A leaf about two values that belong together: the newest pair of one record or one moment."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from service.eligibility.candidate import UNDATED, Candidate, convert, factor_of, newest
from service.eligibility.chart import Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.verdict import Verdict
from service.eligibility.moment import When
from service.eligibility.notions import Notion
from service.eligibility.quantity import Interval
from service.eligibility.rules import Pair, PairLimits
from service.eligibility.select import newest_unusable
from service.eligibility.show import interval_text
from service.eligibility.timeline import last_day, may_fit, newest_first, readings_of, since_newest
from service.eligibility.truth import Truth

_PAIR = 2


class _Side(NamedTuple):
    """One of the two values: those that can be used, and records that say nothing with their reasons."""

    values: list[Candidate]
    unusable: list[tuple[Reading, Reason]]


def pair(ctx: Context, rule: Pair) -> Verdict:
    """Return false where the newest pair is below both limits, else a question to a person."""
    notion = ctx.study.notions[rule.pair]
    first, second = _sides(ctx, rule, notion)
    pairs = _pairs(first.values, second.values)
    inside = [p for p in pairs if _fits(ctx, notion, p) is True]
    top = newest(ctx, inside)
    paired = {source for p in pairs for source in p.sources}
    lone = _high_alone(ctx, rule, first, second, paired, top)
    if lone is not None:
        return lone
    unusable = [*first.unusable, *second.unusable]
    if top:
        newer = any(ctx.later(reading.when, top[0].when) for reading, _ in unusable)
        verdict = _judge(ctx, rule, top)
        return verdict._replace(notes=(*verdict.notes, Note.NEWER_UNUSABLE)) if newer else verdict
    open_date = newest(ctx, [p for p in pairs if _fits(ctx, notion, p) is None])
    if open_date:
        return _show(ctx, rule, open_date[0])._replace(reason=Reason.DATE_NOT_DECISIVE)
    last = newest_unusable([pair for pair in unusable if may_fit(ctx, notion, pair[0])])
    if last is not None:
        broken: tuple[Note, ...] = (Note.RECORD_UNREADABLE,) if last[0].unreadable else ()
        return Verdict(Truth.UNKNOWN, last[1], sources=(last[0].source,), notes=broken)
    old = newest(ctx, pairs)
    reason, notes = ctx.gap(notion, Reason.TOO_OLD if old else Reason.NO_RECORD)
    return (_show(ctx, rule, old[0]) if old else Verdict(Truth.UNKNOWN))._replace(reason=reason, notes=notes)


def _fits(ctx: Context, notion: Notion, candidate: Candidate) -> bool | None:
    if candidate.when is UNDATED:
        return None
    return notion.window is None or ctx.within(candidate.when, notion.window)


def _sides(ctx: Context, rule: Pair, notion: Notion) -> tuple[_Side, _Side]:
    """Read the values of both sides, the newest first, as far back as one counts beside a newer pair of one record."""
    asked = [
        (reading, tag, plausible)
        for reading in newest_first(readings_of(ctx, notion))
        if reading.role is Role.MATCH
        for tag, plausible in ((rule.first, rule.first_plausible), (rule.second, rule.second_plausible))
        if tag in reading.tags
    ]
    sides = {rule.first: _Side([], []), rule.second: _Side([], [])}
    since, tag_of = 0, dict[str, str]()  # by record, the side of which it has a value
    for reading, tag, plausible in asked:
        if reading.when is not None and last_day(reading) < since:
            factor_of(ctx, notion, reading)  # which says when the unit is not known
            continue
        converted = convert(ctx, notion, reading, plausible=plausible)
        if isinstance(converted, Candidate):
            sides[tag].values.append(converted)
            if tag_of.setdefault(reading.source, tag) != tag:
                since = max(since, since_newest([converted]))
        else:
            sides[tag].unusable.append((reading, converted))
    return sides[rule.first], sides[rule.second]


def _pairs(firsts: Sequence[Candidate], seconds: Sequence[Candidate]) -> list[Candidate]:
    """Pair values of one record; else of one effective time, as written or as an instant."""
    pairs = []
    by_record: dict[tuple[str, ...], list[Candidate]] = {}
    for two in seconds:
        by_record.setdefault(two.sources, []).append(two)
    for one in firsts:
        same = by_record.get(one.sources) or [two for two in seconds if _one_moment(one.when, two.when)]
        pairs += [_joined(one, two) for two in same]
    return pairs


def _joined(one: Candidate, two: Candidate) -> Candidate:
    return one._replace(
        intervals=(*one.intervals, *two.intervals),
        sources=tuple(sorted({*one.sources, *two.sources})),
        received=f"{one.received} / {two.received}",
        contested=one.contested or two.contested,
        standing=min(one.standing, two.standing),
    )


def _one_moment(one: When, two: When) -> bool:
    if one.instant is not None or two.instant is not None:
        return one.instant == two.instant
    return one.exact and (one.first, one.last) == (two.first, two.last)


def _reaches(value: Interval, second: Interval, limits: PairLimits) -> bool | None:
    """Whether one of the two is at or over its limit."""
    ends = value.compare("ge", limits.first), second.compare("ge", limits.second)
    return True if True in ends else None if None in ends else False


def _judge(ctx: Context, rule: Pair, top: Sequence[Candidate]) -> Verdict:
    standing = max(c.standing for c in top)
    top = [c for c in top if c.standing == standing]
    low = {_reaches(c.intervals[0], c.intervals[1], rule.false_below) for c in top}
    shown = _show(ctx, rule, top[0])
    shown = shown._replace(sources=tuple(sorted({s for c in top for s in c.sources})))
    flagged = any(_reaches(c.intervals[0], c.intervals[1], rule.flagged_from) is True for c in top)
    notes = (Note.FLAGGED,) if flagged else ()
    if len(low) > 1 or any(c.contested for c in top):
        return shown._replace(reason=Reason.RECORDS_DISAGREE, notes=notes)
    if low == {False}:
        return shown._replace(truth=Truth.FALSE)
    if low == {None}:
        return shown._replace(reason=Reason.VALUE_NOT_DECISIVE)
    return shown._replace(reason=Reason.NEEDS_JUDGEMENT, notes=notes)


def _high_alone(
    ctx: Context,
    rule: Pair,
    first: _Side,
    second: _Side,
    paired: Container[str],
    top: Sequence[Candidate],
) -> Verdict | None:
    """Return a flagged question where a newer value stands alone and is at or over its upper limit."""
    notion = ctx.study.notions[rule.pair]
    high = [
        c
        for side, limit in ((first, rule.flagged_from.first), (second, rule.flagged_from.second))
        for c in side.values
        if c.sources[0] not in paired
        and c.intervals[0].compare("ge", limit) is True
        and _fits(ctx, notion, c) is True
        and all(ctx.later(c.when, p.when) for p in top)
    ]
    if not high:
        return None
    best = newest(ctx, high)[0]
    return _show(ctx, rule, best)._replace(reason=Reason.NEEDS_JUDGEMENT, notes=(Note.FLAGGED,))


def _show(ctx: Context, rule: Pair, candidate: Candidate) -> Verdict:
    unit = ctx.study.units.canonical(ctx.study.notions[rule.pair].quantity or "")
    text = "/".join(interval_text(i) for i in candidate.intervals[:_PAIR])
    value = Value(text, unit, candidate.received)
    return Verdict(Truth.UNKNOWN, None, value, candidate.when.text, candidate.sources)
