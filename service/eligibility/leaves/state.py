"""A leaf about a clinical state: records that show it, suggest it, rule it out or make it impossible."""

from __future__ import annotations

from collections.abc import Sequence

from service.eligibility.chart import Entry
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason
from service.eligibility.leaves.positive import present
from service.eligibility.leaves.verdict import Verdict, day_of, evidence, newest_record
from service.eligibility.leaves.weigh import Record, gather
from service.eligibility.rules import State
from service.eligibility.truth import Truth


def state(ctx: Context, rule: State) -> Verdict:
    """Weigh the records for and against the state."""
    shown = gather(ctx, rule.shown_by)
    suggested = gather(ctx, rule.suggested_by)
    suspicions = [r for r in (*suggested.says, *suggested.judged) if not _cleared(ctx, rule, r)]
    questions = [*suspicions, *shown.judged]
    if _impossible(ctx, rule):
        if shown.says or questions:
            return _say(ctx, Reason.NEEDS_JUDGEMENT, [*shown.says, *questions], rule.judged_notes)
        return Verdict(Truth.FALSE, sources=(ctx.chart.person.source,))
    if shown.says:
        return _say(ctx, None, shown.says)._replace(truth=Truth.TRUE)
    if questions:
        return _say(ctx, Reason.NEEDS_JUDGEMENT, questions, rule.judged_notes)
    for records, reason in (
        ([*shown.disagree, *suggested.disagree], Reason.RECORDS_DISAGREE),
        ([*shown.unconfirmed, *suggested.unconfirmed], Reason.NOT_CONFIRMED),
    ):
        if records:
            return _say(ctx, reason, records)
    broken = [r for r in (*shown.unusable, *suggested.unusable) if r.unreadable and isinstance(r, Entry)]
    if broken:  # a statement that cannot be read may be the very one
        return _say(ctx, Reason.NO_USABLE_VALUE, broken, (Note.RECORD_UNREADABLE,))
    against = gather(ctx, rule.ruled_out_by)
    if against.says:
        newer = _newer(ctx, against.says, [*shown.unusable, *against.unusable])
        notes = (Note.NEWER_UNUSABLE,) if newer else ()
        if any(record.unreadable for record in newer):
            notes = (*notes, Note.RECORD_UNREADABLE)
        return _say(ctx, None, against.says, notes)._replace(truth=Truth.FALSE)
    undated = [*shown.undated, *suggested.undated, *against.undated]
    unusable = [*shown.unusable, *suggested.unusable, *against.unusable]
    return _nothing(ctx, rule, undated, unusable, [*shown.old, *against.old])


def _nothing(
    ctx: Context, rule: State, undated: Sequence[Record], unusable: Sequence[Record], old: Sequence[Record]
) -> Verdict:
    for records, reason in (
        (undated, Reason.DATE_NOT_DECISIVE),
        (unusable, Reason.NO_USABLE_VALUE),
        (old, Reason.TOO_OLD),
    ):
        if records:
            why = ctx.gap(ctx.study.notions[rule.state], reason)[0] if reason is Reason.TOO_OLD else reason
            broken = any(record.unreadable for record in records)
            return _say(ctx, why, records, (Note.RECORD_UNREADABLE,) if broken else ())
    reason, notes = ctx.gap(ctx.study.notions[rule.state])
    for item in (*rule.shown_by, *rule.suggested_by, *rule.ruled_out_by):
        if reason is Reason.NO_RECORD:
            reason, notes = ctx.gap(ctx.study.notions[item.entry or item.result or rule.state])
    return Verdict(Truth.UNKNOWN, reason, notes=notes)


def _say(ctx: Context, reason: Reason | None, records: Sequence[Record], notes: tuple[Note, ...] = ()) -> Verdict:
    value, effective, sources = evidence(records)
    concept = newest_record(records).concept
    notion = concept if concept in ctx.study.notions else None
    return Verdict(Truth.UNKNOWN, reason, value, effective, sources, notes, notion)


def _impossible(ctx: Context, rule: State) -> bool:
    if rule.impossible_sex is not None and ctx.chart.person.gender == rule.impossible_sex:
        return True
    return rule.impossible_by is not None and bool(present(ctx, ctx.study.notions[rule.impossible_by]))


def _newer(ctx: Context, used: Sequence[Record], unusable: Sequence[Record]) -> list[Record]:
    """Return the records that say nothing and are newer than all that were used."""
    days = [when for record in used if (when := day_of(record)) is not None]
    return [record for record in unusable if all(ctx.later(day_of(record), day) for day in days)]


def _cleared(ctx: Context, rule: State, record: Record) -> bool:
    """Whether a later record clears a suspicion."""
    when = day_of(record)
    if when is None or not rule.cleared_by:
        return False
    clearing = gather(ctx, rule.cleared_by).says
    return any(ctx.later(day_of(r), when) for r in clearing)
