"""Leaves about coded statements: a diagnosis, procedure, treatment or relation on record."""

from __future__ import annotations

from datetime import date

from service.eligibility.chart import Activity, Certainty, Entry, Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason
from service.eligibility.leaves.positive import answers
from service.eligibility.leaves.verdict import Says, Verdict, combine
from service.eligibility.moment import When
from service.eligibility.rules import DiagnosedWithin, Exists, InEffect
from service.eligibility.truth import Truth

_JUDGED, _UNCONFIRMED, _REVIEW = 0, 1, 2  # of unknowns, the first kind is reported
_OTHERWISE = "otherwise"


def exists(ctx: Context, rule: Exists) -> Verdict:
    """Say whether a record of the notion is there, as far as it counts."""
    notion = ctx.study.notions[rule.exists]
    said = [s for entry in ctx.entries(notion.id) if (s := _entry_says(rule, entry)) is not None]
    said += [s for r, answer in answers(ctx, notion) if answer and (s := _result_says(rule, r)) is not None]
    for concept in notion.concepts or (notion.id,):
        said += [s for r in ctx.readings(concept) if (s := _doubtful_result(r)) is not None]
    answer = combine(said, single=rule.single_note)
    if answer is not None:
        return answer
    reason, notes = ctx.gap(notion)
    if rule.absence_means == "false" and reason is Reason.NO_RECORD:
        return Verdict(Truth.FALSE)
    return Verdict(Truth.UNKNOWN, reason, notes=notes)


def _entry_says(rule: Exists, entry: Entry) -> Says | None:
    past = entry.activity is Activity.PAST
    if entry.role in (Role.HINT, Role.NEGATIVE) or (past and rule.past_means == "nothing"):
        return None
    doubt = doubtful(entry)
    if doubt is not None:
        return doubt
    if entry.role is Role.REVIEW:
        return Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, entry, rule.judged_notes, _REVIEW)
    if rule.severity is not None:
        if not entry.severity.isdisjoint(rule.severity.counts):
            return Says(Truth.TRUE, None, entry)
        if not entry.severity.isdisjoint(rule.severity.refuses):
            return Says(Truth.FALSE, None, entry)
    if (rule.past_means if past else rule.present_means) == "needs-judgement":
        return Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, entry, rule.judged_notes, _JUDGED)
    return Says(Truth.TRUE, None, entry, (rule.severity.not_stated,) if rule.severity is not None else ())


def doubtful(entry: Entry) -> Says | None:
    """Return the unknown that a disputed, unreadable or unconfirmed statement is."""
    if entry.contested:
        return Says(Truth.UNKNOWN, Reason.RECORDS_DISAGREE, entry, (), _JUDGED)
    if entry.unreadable:
        return Says(Truth.UNKNOWN, Reason.NO_USABLE_VALUE, entry, (Note.RECORD_UNREADABLE,), _UNCONFIRMED)
    if entry.certainty is Certainty.UNCONFIRMED:
        return Says(Truth.UNKNOWN, Reason.NOT_CONFIRMED, entry, (), _UNCONFIRMED)
    return None


def _doubtful_result(reading: Reading) -> Says | None:
    if reading.role in (Role.HINT, Role.NEGATIVE):
        return None
    if reading.contested:
        return Says(Truth.UNKNOWN, Reason.RECORDS_DISAGREE, reading, (), _JUDGED)
    if reading.unreadable:
        return Says(Truth.UNKNOWN, Reason.NO_USABLE_VALUE, reading, (Note.RECORD_UNREADABLE,), _REVIEW)
    return None


def _result_says(rule: Exists, reading: Reading) -> Says | None:
    if reading.role in (Role.HINT, Role.NEGATIVE):
        return None
    if reading.when is None:
        return Says(Truth.UNKNOWN, Reason.DATE_NOT_DECISIVE, reading, (), _REVIEW)
    if reading.role is Role.REVIEW or rule.present_means == "needs-judgement":
        return Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, reading, rule.judged_notes, _REVIEW)
    return Says(Truth.TRUE, None, reading)


def diagnosed_within(ctx: Context, rule: DiagnosedWithin) -> Verdict:
    """Say whether the onset of a diagnosis lies less than a span back."""
    notion = ctx.study.notions[rule.diagnosed]
    limit = rule.within.before(ctx.as_of)
    said = [s for entry in ctx.entries(notion.id) if (s := _onset_says(rule, entry, limit)) is not None]
    answer = combine([s for s in said if s.truth is not Truth.FALSE])
    if answer is not None:
        return answer
    old = combine(said)
    reason, notes = ctx.gap(notion)
    return Verdict(Truth.UNKNOWN, reason, notes=notes, sources=old.sources if old is not None else ())


def _since(when: When | None, limit: date) -> bool | None:
    """Whether a moment lies after the limit; ``None`` where it is missing or straddles."""
    if when is None:
        return None
    if when.first > limit:
        return True
    return False if when.last <= limit else None


def _onset_says(rule: DiagnosedWithin, entry: Entry, limit: date) -> Says | None:
    if entry.role in (Role.HINT, Role.NEGATIVE):
        return None
    recent = _since(entry.onset or entry.recorded, limit)
    if recent is False:
        going_on = entry.role is Role.MATCH and entry.activity_given and entry.activity is Activity.ACTIVE
        if going_on and entry.certainty is Certainty.CONFIRMED and not entry.contested:
            return Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, entry, rule.judged_notes, _JUDGED)
        return Says(Truth.FALSE, None, entry)
    doubt = doubtful(entry)
    if doubt is not None:
        return doubt
    if entry.role is Role.REVIEW:
        return Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, entry, rule.judged_notes, _REVIEW)
    if recent is True and entry.onset is not None:
        return Says(Truth.TRUE, None, entry)
    return Says(Truth.UNKNOWN, Reason.DATE_NOT_DECISIVE, entry, (), _JUDGED)


def in_effect(ctx: Context, rule: InEffect) -> Verdict:
    """Say whether a treatment or device is in effect on the screening date."""
    notion = ctx.study.notions[rule.in_effect]
    said = [s for entry in ctx.entries(notion.id) if (s := _effect_says(ctx, rule, entry)) is not None]
    answer = combine([s for s in said if s.truth is not Truth.FALSE])
    if answer is not None:
        return answer
    ended = combine(said)
    if ended is not None:
        return ended._replace(truth=Truth.UNKNOWN, reason=ctx.gap(notion, Reason.TOO_OLD)[0])
    reason, notes = ctx.gap(notion)
    return Verdict(Truth.UNKNOWN, reason, notes=notes)


def _effect_says(ctx: Context, rule: InEffect, entry: Entry) -> Says | None:
    counted = rule.statuses.get(entry.kind)
    if entry.role in (Role.HINT, Role.NEGATIVE) or (counted is not None and entry.status not in counted):
        return None
    if entry.kind == "Condition" and entry.activity is Activity.PAST:
        return None
    doubt = doubtful(entry)
    if doubt is not None:
        return doubt
    judged = Says(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, entry, (), _REVIEW)
    if entry.role is Role.REVIEW:
        return judged
    start = entry.onset or entry.recorded
    if start is None or not entry.tags.isdisjoint(rule.undatable):
        return judged
    removed = _removed(ctx, rule, entry, start)
    if removed is None:
        return judged
    lasting = Truth.FALSE if removed else _lasting(ctx, rule, entry, start)
    return judged if lasting is Truth.UNKNOWN else Says(lasting, None, entry)


def _removed(ctx: Context, rule: InEffect, entry: Entry, start: When) -> bool | None:
    """Whether a removal of the same device is later; ``None`` where its day leaves that open."""
    removals = {removal for tag, removal in rule.removed_by.items() if tag in entry.tags}
    later: set[bool | None] = {
        _is_later(other.onset, start)
        for other in ctx.entries(rule.in_effect)
        if other.role is Role.NEGATIVE and not other.tags.isdisjoint(removals)
    }
    return True if True in later else None if None in later else False


def _is_later(removal: When | None, insertion: When) -> bool | None:
    """Whether a removal is after an insertion; of one day without times, the new device stays."""
    if removal is None:
        return None
    if removal.instant is not None and insertion.instant is not None:
        return removal.instant > insertion.instant
    if removal.first > insertion.last:
        return True
    return False if removal.last <= insertion.first else None


def _lasting(ctx: Context, rule: InEffect, entry: Entry, start: When) -> Truth:
    """Whether it still counts on the screening date; unknown where a partial date leaves that open."""
    if entry.until is not None:
        ends = entry.until.first, entry.until.last
    else:
        device = () if entry.kind in rule.prescriptions else entry.tags
        spans = [span for tag, span in rule.lasts.items() if tag in device]
        if not spans and entry.kind in rule.going_on:
            return Truth.TRUE
        spans = spans or [rule.lasts[_OTHERWISE]]
        ends = spans[0].after(start.first), spans[0].after(ctx.last_day(start))
    soonest, latest = ends[0] >= ctx.as_of, ends[1] >= ctx.as_of
    return Truth.of(soonest) if soonest is latest else Truth.UNKNOWN
