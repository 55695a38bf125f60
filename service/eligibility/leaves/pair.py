"""A leaf about two values that belong together: the newest pair of one record or one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.eligibility.candidate import UNDATED, Candidate, convert, newest
from service.eligibility.chart import Reading
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.verdict import Verdict
from service.eligibility.moment import When
from service.eligibility.quantity import Interval
from service.eligibility.rules import Pair, PairLimits
from service.eligibility.show import interval_text
from service.eligibility.truth import Truth

_PAIR = 2


def pair(ctx: Context, rule: Pair) -> Verdict:
    """Return false where the newest pair is below both limits, else a question to a person."""
    notion = ctx.study.notions[rule.pair]
    readings = [r for concept in notion.concepts or (notion.id,) for r in ctx.readings(concept)]
    firsts = _side(ctx, rule, readings, rule.first)
    seconds = _side(ctx, rule, readings, rule.second)
    pairs = _pairs(firsts, seconds)
    inside = [p for p in pairs if notion.window is None or ctx.within(p.when, notion.window) is True]
    top = newest(ctx, inside)
    lone = _high_alone(ctx, rule, firsts, seconds, top)
    if lone is not None:
        return lone
    if top:
        return _judge(ctx, rule, top)
    shown = newest(ctx, [p for p in pairs if p.when is not UNDATED])
    if shown:
        fits = notion.window is not None and ctx.within(shown[0].when, notion.window)
        reason, notes = ctx.gap(notion, Reason.DATE_NOT_DECISIVE if fits is None else Reason.TOO_OLD)
    elif readings:
        reason, notes = Reason.NO_USABLE_VALUE, (Note.RECORD_UNREADABLE,) if any(r.unreadable for r in readings) else ()
    else:
        reason, notes = ctx.gap(notion)
    if not shown:
        return Verdict(Truth.UNKNOWN, reason, sources=tuple(sorted({r.source for r in readings})), notes=notes)
    return _show(ctx, rule, shown[0])._replace(reason=reason, notes=notes)


def _side(ctx: Context, rule: Pair, readings: Sequence[Reading], tag: str) -> list[Candidate]:
    plausible = rule.first_plausible if tag == rule.first else rule.second_plausible
    notion = replace(ctx.study.notions[rule.pair], plausible=plausible)
    return [
        c
        for r in readings
        if tag in r.tags and r.when is not None and isinstance(c := convert(ctx, notion, r), Candidate)
    ]


def _pairs(firsts: Sequence[Candidate], seconds: Sequence[Candidate]) -> list[Candidate]:
    """Pair values of one record; else of one effective time, as written or as an instant."""
    pairs = []
    for one in firsts:
        same = [two for two in seconds if two.sources == one.sources]
        same = same or [two for two in seconds if _one_moment(one.when, two.when)]
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
    if one.instant is not None and two.instant is not None:
        return one.instant == two.instant
    return one.instant is two.instant is None and one.exact and (one.first, one.last) == (two.first, two.last)


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
        return shown._replace(truth=Truth.FALSE, reason=None)
    return shown._replace(reason=Reason.NEEDS_JUDGEMENT, notes=notes)


def _high_alone(
    ctx: Context,
    rule: Pair,
    firsts: Sequence[Candidate],
    seconds: Sequence[Candidate],
    top: Sequence[Candidate],
) -> Verdict | None:
    """Return a flagged question where a newer value stands alone and is at or over its upper limit."""
    paired = {source for p in _pairs(firsts, seconds) for source in p.sources}
    window = ctx.study.notions[rule.pair].window
    high = [
        c
        for side, limit in ((firsts, rule.flagged_from.first), (seconds, rule.flagged_from.second))
        for c in side
        if c.sources[0] not in paired
        and c.intervals[0].compare("ge", limit) is True
        and (window is None or ctx.within(c.when, window) is True)
        and newest(ctx, [c, *top])[:1] == [c]
        and not any(p in newest(ctx, [c, *top]) for p in top)
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
