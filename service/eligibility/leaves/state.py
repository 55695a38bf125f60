"""A leaf about a clinical state: records that show it, suggest it, rule it out or make it impossible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from service.eligibility.chart import Activity, Certainty, Entry, Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.findings import Reason
from service.eligibility.leaves.positive import positive, present
from service.eligibility.leaves.verdict import Verdict, day_of, evidence, newest_record
from service.eligibility.moment import When
from service.eligibility.rules import Evidence, State
from service.eligibility.truth import Truth

Record = Entry | Reading
_OTHERWISE = "otherwise"


class Found(NamedTuple):
    """What one kind of evidence has: records that say so, that need a person, that are not confirmed."""

    says: list[Record]
    judged: list[Record]
    unconfirmed: list[Record]


def state(ctx: Context, rule: State) -> Verdict:
    """Weigh the records for and against the state."""
    shown = _gather(ctx, rule.shown_by)
    suggested = _gather(ctx, rule.suggested_by)
    questions = [r for r in (*suggested.says, *suggested.judged) if not _cleared(ctx, rule, r)] + shown.judged
    if _impossible(ctx, rule):
        if shown.says or questions:
            return _judged(ctx, rule, [*shown.says, *questions])
        return Verdict(Truth.FALSE, sources=(ctx.chart.person.source,) if ctx.chart.person.source else ())
    if shown.says:
        return _verdict(ctx, Truth.TRUE, None, shown.says)
    if questions:
        return _judged(ctx, rule, questions)
    unconfirmed = [*shown.unconfirmed, *suggested.unconfirmed]
    if unconfirmed:
        return _verdict(ctx, Truth.UNKNOWN, Reason.NOT_CONFIRMED, unconfirmed)
    against = _gather(ctx, rule.ruled_out_by)
    if against.says:
        return _verdict(ctx, Truth.FALSE, None, against.says)
    reason, notes = ctx.gap(ctx.study.notions[rule.state])
    for item in (*rule.shown_by, *rule.suggested_by, *rule.ruled_out_by):
        if reason is Reason.NO_RECORD:
            reason, notes = ctx.gap(ctx.study.notions[item.entry or item.result or rule.state])
    return Verdict(Truth.UNKNOWN, reason, notes=notes)


def _verdict(ctx: Context, truth: Truth, reason: Reason | None, records: Sequence[Record]) -> Verdict:
    value, effective, sources = evidence(records)
    concept = newest_record(records).concept
    return Verdict(truth, reason, value, effective, sources, (), concept if concept in ctx.study.notions else None)


def _judged(ctx: Context, rule: State, records: Sequence[Record]) -> Verdict:
    return _verdict(ctx, Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, records)._replace(notes=rule.judged_notes)


def _impossible(ctx: Context, rule: State) -> bool:
    if rule.impossible_sex is not None and ctx.chart.person.gender == rule.impossible_sex:
        return True
    return rule.impossible_by is not None and bool(present(ctx, ctx.study.notions[rule.impossible_by]))


def _gather(ctx: Context, items: Iterable[Evidence]) -> Found:
    found = Found([], [], [])
    for item in items:
        if item.entry is not None:
            _entries(ctx, item, found)
        if item.result is not None:
            _results(ctx, item, found)
    return found


def _entries(ctx: Context, item: Evidence, found: Found) -> None:
    for entry in ctx.entries(item.entry or ""):
        if entry.role not in item.roles or (item.active and entry.activity is not Activity.ACTIVE):
            continue
        if item.tagged and entry.tags.isdisjoint(item.tagged):
            continue
        when = day_of(entry)
        if item.status_unstated and not entry.activity_given:
            spans = [span for tag, span in item.status_unstated.items() if tag in entry.tags]
            span = spans[0] if spans else item.status_unstated[_OTHERWISE]
            if when is None or ctx.within(when, span) is not True:
                continue
        if entry.certainty is Certainty.UNCONFIRMED:
            found.unconfirmed.append(entry)
        elif entry.contested or entry.unreadable:
            found.judged.append(entry)
        elif item.within is None or (when is not None and ctx.within(when, item.within) is True):
            found.says.append(entry)
        elif item.older_means == "needs-judgement" or (entry.role is Role.REVIEW and _undecided(ctx, item, when)):
            found.judged.append(entry)


def _undecided(ctx: Context, item: Evidence, when: When | None) -> bool:
    return when is None or (item.within is not None and ctx.within(when, item.within) is None)


def _results(ctx: Context, item: Evidence, found: Found) -> None:
    notion = ctx.study.notions[item.result or ""]
    readings = [
        r
        for concept in notion.concepts or (notion.id,)
        for r in ctx.readings(concept)
        if r.role in item.roles
        and (not item.tagged or not r.tags.isdisjoint(item.tagged))
        and positive(notion, r) is not None
    ]
    if item.within is not None:
        readings = [r for r in readings if r.when is not None and ctx.within(r.when, item.within) is True]
    if item.newest_of_kind:
        kinds = [[r for r in readings if kind in r.tags] for kind in item.newest_of_kind]
    else:
        kinds = [readings]
    for kind in kinds:
        chosen = _newest(ctx, kind) if item.newest or item.newest_of_kind else kind
        says = [r for r in chosen if positive(notion, r) is item.positive]
        both = len(says) != len(chosen)
        (found.judged if both and (item.newest or item.newest_of_kind) and says else found.says).extend(says)


def _newest(ctx: Context, readings: Sequence[Reading]) -> list[Reading]:
    """Return the newest results and their equals; undated ones only where there is no other."""
    dated = [(r, r.when) for r in readings if r.when is not None]
    if not dated:
        return list(readings)
    return [r for r, when in dated if not any(_later(ctx, other, when) for _, other in dated)]


def _later(ctx: Context, one: When, than: When) -> bool:
    if one.instant is not None and than.instant is not None:
        return one.instant > than.instant
    return one.first > ctx.last_day(than)


def _cleared(ctx: Context, rule: State, record: Record) -> bool:
    """Whether a later record clears a suspicion."""
    when = day_of(record)
    if when is None or not rule.cleared_by:
        return False
    clearing = _gather(ctx, rule.cleared_by).says
    return any(_later(ctx, other, when) for r in clearing if (other := day_of(r)) is not None)
