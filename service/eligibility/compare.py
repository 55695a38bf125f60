"""Comparing the value that counts with thresholds: one answer from equals, alternatives and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from service.eligibility.candidate import Candidate
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason
from service.eligibility.notions import Notion
from service.eligibility.quantity import Comparison, Interval
from service.eligibility.rules import Bounds, UpperLimit
from service.eligibility.truth import Truth, all_of

_ORDER: tuple[Comparison, ...] = ("gt", "ge", "lt", "le")


class Answer(NamedTuple):
    """What a comparison says, and why where it says nothing."""

    truth: Truth
    reason: Reason | None


def comparisons(bounds: Bounds) -> tuple[tuple[Comparison, Decimal], ...]:
    """Return the bounds that are set, as (FHIR prefix, threshold)."""
    set_ = ((op, getattr(bounds, op)) for op in _ORDER)
    return tuple((op, threshold) for op, threshold in set_ if threshold is not None)


def compare(interval: Interval, wanted: Sequence[tuple[Comparison, Decimal]]) -> Truth:
    """Return whether every value of the interval meets every bound."""
    return all_of(Truth.of(interval.compare(op, threshold)) for op, threshold in wanted)


def agree(answers: Sequence[Answer], *, contested: bool) -> Answer:
    """Return the one answer of equally good records; different truths disagree."""
    truths = {a.truth for a in answers}
    if len(truths) > 1 or contested:
        return Answer(Truth.UNKNOWN, Reason.RECORDS_DISAGREE)
    return answers[0]


def candidate_answer(candidate: Candidate, wanted: Sequence[tuple[Comparison, Decimal]]) -> Answer:
    """Compare one candidate: its alternatives must agree, each of them must be decided."""
    truths = {compare(interval, wanted) for interval in candidate.intervals}
    if len(truths) == 1:
        truth = truths.pop()
        return Answer(truth, candidate.undecided if truth is Truth.UNKNOWN else None)
    undecided = Truth.UNKNOWN in truths
    return Answer(Truth.UNKNOWN, candidate.undecided if undecided else Reason.NEEDS_JUDGEMENT)


def over_upper_limit(ctx: Context, notion: Notion, rule: UpperLimit, candidate: Candidate) -> Answer:
    """Compare a candidate with a multiple of its own upper limit, or with a plausible one's bounds."""
    highs = _upper_limits(ctx, notion, candidate)
    value = candidate.intervals[0]
    if len(highs) > 1:
        return Answer(Truth.UNKNOWN, Reason.NO_REFERENCE_RANGE)
    if highs:
        truth = Truth.of(value.compare("gt", highs.pop() * Fraction(rule.times)))
        return Answer(truth, candidate.undecided if truth is Truth.UNKNOWN else None)
    ends = {Truth.of(value.compare("gt", limit * rule.times)) for limit in (rule.low, rule.high)}
    if len(ends) == 1 and Truth.UNKNOWN not in ends:
        return Answer(ends.pop(), None)
    return Answer(Truth.UNKNOWN, Reason.NO_REFERENCE_RANGE)


def _upper_limits(ctx: Context, notion: Notion, candidate: Candidate) -> set[Fraction]:
    """Return the different upper limits of type normal, in the canonical unit."""
    highs: set[Fraction] = set()
    for limits in candidate.limits:
        if limits.high is None or limits.high.value is None or not limits.normal:
            continue
        own = (limits.high.unit, limits.high.code)
        unit = own if any(own) else candidate.unit
        factor = ctx.study.units.to_canonical(notion.quantity or "", *unit)
        if isinstance(factor, Fraction):
            highs.add(Fraction(limits.high.value) * factor)
    return highs


def gap_notes(gap: Decimal | None, candidates: Sequence[Candidate]) -> tuple[Note, ...]:
    """Say where a value lies exactly on a bound that the protocol leaves out on both sides."""
    if gap is None:
        return ()
    on_it = any(i.low == gap == i.high for c in candidates for i in c.intervals)
    return (Note.PROTOCOL_GAP,) if on_it else ()
