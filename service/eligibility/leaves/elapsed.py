"""A leaf about the time since an event that a chart may know only roughly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from service.eligibility.chart import Certainty, Entry, Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context, usable
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.positive import confirmed
from service.eligibility.leaves.verdict import Verdict, sources_of
from service.eligibility.moment import When, between
from service.eligibility.rules import ElapsedSince
from service.eligibility.truth import Truth


def elapsed_since(ctx: Context, rule: ElapsedSince) -> Verdict:
    """Compare the time since the event's recorded date, else since the earliest onset of the diagnosis."""
    notion = ctx.study.notions[rule.elapsed_since]
    recorded = [r for concept in notion.concepts or (notion.id,) for r in ctx.readings(concept)]
    counted = [r for r in recorded if usable(r) and r.date is not None and r.date.first <= ctx.as_of]
    dates = [r for r in counted if r.when is not None]
    if dates:
        return _by_date(ctx, rule, _newest(ctx, dates))
    answer = _by_onset(ctx, rule)
    if answer is not None:
        return answer
    if counted:
        text = _earliest_text(counted)
        return _answer(Truth.UNKNOWN, Value(text, "", text), text, sources_of(counted))
    if recorded:
        broken: tuple[Note, ...] = (Note.RECORD_UNREADABLE,) if any(r.unreadable for r in recorded) else ()
        return Verdict(Truth.UNKNOWN, Reason.NO_USABLE_VALUE, sources=sources_of(recorded), notes=broken)
    reason, notes = ctx.gap(notion)
    return Verdict(Truth.UNKNOWN, reason, notes=notes)


def _newest(ctx: Context, readings: Sequence[Reading]) -> list[Reading]:
    """Return the newest records and their equals; of those, what was corrected last."""
    dated = [(r, r.when) for r in readings if r.when is not None]
    top = [r for r, when in dated if not any(ctx.later(other, when) for _, other in dated)]
    standing = max(r.standing for r in top)
    return [r for r in top if r.standing == standing]


def _by_date(ctx: Context, rule: ElapsedSince, readings: Sequence[Reading]) -> Verdict:
    answers = {_within(ctx, rule, r.date) for r in readings if r.date is not None}
    text, sources = _earliest_text(readings), sources_of(readings)
    if len(answers) > 1 or any(r.contested for r in readings):
        return Verdict(Truth.UNKNOWN, Reason.RECORDS_DISAGREE, Value(text, "", text), text, sources)
    return _answer(answers.pop(), Value(text, "", text), text, sources)


def _earliest_text(readings: Sequence[Reading]) -> str:
    return min((r.date for r in readings if r.date is not None), key=lambda when: (when.first, when.text)).text


def _within(ctx: Context, rule: ElapsedSince, when: When) -> Truth:
    """Compare both ends of what the date can be."""
    soonest, latest = rule.le.after(when.first) >= ctx.as_of, rule.le.after(ctx.last_day(when)) >= ctx.as_of
    return Truth.of(soonest) if soonest is latest else Truth.UNKNOWN


def _answer(truth: Truth, value: Value | None, effective: str | None, sources: tuple[str, ...]) -> Verdict:
    reason = Reason.DATE_NOT_DECISIVE if truth is Truth.UNKNOWN else None
    return Verdict(truth, reason, value, effective, sources)


def _by_onset(ctx: Context, rule: ElapsedSince) -> Verdict | None:
    """Use the earliest onset; a date of recording only says that the onset was not later."""
    notion = ctx.study.notions[rule.else_onset_of]
    diagnoses = confirmed(ctx, notion)
    if not diagnoses:
        doubtful = [e for e in ctx.entries(notion.id) if e.role is Role.MATCH]
        if not doubtful:
            return None
        if any(e.unreadable for e in doubtful):
            notes = (Note.RECORD_UNREADABLE,)
            return Verdict(Truth.UNKNOWN, Reason.NO_USABLE_VALUE, sources=sources_of(doubtful), notes=notes)
        unconfirmed = all(e.certainty is Certainty.UNCONFIRMED for e in doubtful)
        reason = Reason.NOT_CONFIRMED if unconfirmed else Reason.RECORDS_DISAGREE
        return Verdict(Truth.UNKNOWN, reason, sources=sources_of(doubtful))
    sources = sources_of(diagnoses)
    earliest = _earliest(diagnoses)
    if earliest is None:
        return _answer(Truth.UNKNOWN, None, None, sources)
    when = earliest.when
    truth = _within(ctx, rule, when)
    if earliest.or_before and truth is Truth.TRUE:
        truth = Truth.UNKNOWN
    text = f"on or before {when.text}" if earliest.or_before else when.text
    return _answer(truth, Value(text, "", when.text), when.text, sources)


class _Earliest(NamedTuple):
    """The earliest onset as an interval, which may be open towards the past."""

    when: When
    or_before: bool


def _earliest(diagnoses: Sequence[Entry]) -> _Earliest | None:
    """Return the minimum of the onsets; a date of recording only says that the onset was not later."""
    onsets = [e.onset for e in diagnoses if e.onset is not None]
    recorded = [e.recorded for e in diagnoses if e.onset is None and e.recorded is not None]
    bounds = [*onsets, *recorded]
    if not bounds:
        return None
    last = min(when.last for when in bounds)
    first = min(*(when.first for when in onsets), last) if onsets else last
    text = min(bounds, key=lambda when: (when.first, when.last, when.text)).text
    return _Earliest(between(first, last, text), bool(recorded))
