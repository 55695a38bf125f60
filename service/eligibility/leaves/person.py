"""Leaves about the person: age and administrative gender."""

from __future__ import annotations

from service.eligibility.compare import compare, comparisons
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.verdict import Verdict
from service.eligibility.moment import completed_years
from service.eligibility.quantity import Interval
from service.eligibility.rules import Age, Sex
from service.eligibility.truth import Truth


def age(ctx: Context, rule: Age) -> Verdict:
    """Compare completed years on the screening date; a partial birth date is an interval."""
    person = ctx.chart.person
    birth = person.birth
    sources = (person.source,)
    if birth is None:
        reason, notes = ctx.gap(ctx.study.notions[rule.age])
        if any(w.code == "record-unreadable" and w.source == person.source for w in ctx.chart.warnings):
            reason, notes = Reason.NO_USABLE_VALUE, (Note.RECORD_UNREADABLE,)
        return Verdict(Truth.UNKNOWN, reason, sources=sources, notes=notes)
    if birth.first > ctx.as_of:
        return Verdict(Truth.UNKNOWN, Reason.NO_USABLE_VALUE, effective=birth.text, sources=sources)
    youngest, oldest = completed_years(ctx.last_day(birth), ctx.as_of), completed_years(birth.first, ctx.as_of)
    truth = compare(Interval.between(youngest, oldest), comparisons(rule))
    text = str(youngest) if youngest == oldest else f"{youngest}–{oldest}"
    open_date = Reason.DATE_NOT_DECISIVE if truth is Truth.UNKNOWN else None
    return Verdict(truth, open_date, Value(text, "a", birth.text), birth.text, sources)


def sex(ctx: Context, rule: Sex) -> Verdict:
    """Compare the administrative gender; anything but male and female needs a person."""
    person = ctx.chart.person
    sources = (person.source,)
    if person.gender not in ("male", "female"):
        value = Value(person.gender, "", person.gender) if person.gender else None
        return Verdict(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, value, sources=sources)
    value = Value(person.gender, "", person.gender)
    return Verdict(Truth.of(person.gender in rule.sex), None, value, sources=sources)
