"""Whether time or treatment can undo a fail, and from which day it is worth looking again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from service.eligibility.context import Context
from service.eligibility.findings import Finding, Leaf
from service.eligibility.leaves.verdict import day_of
from service.eligibility.leaves.weigh import gather
from service.eligibility.moment import When, add_years, read_when
from service.eligibility.open import truth_with
from service.eligibility.plan import children, plan
from service.eligibility.results import CriterionResult
from service.eligibility.rules import Age, ByMethod, DiagnosedWithin, Kind, LeafRule, Not, Rule, Same, State
from service.eligibility.select import select
from service.eligibility.truth import Truth, negate


class Recovery(NamedTuple):
    """Whether a patient's fails can pass, and the first day on which that can be."""

    recoverable: bool
    rescreen_after: date | None


def recovery(ctx: Context, fails: list[CriterionResult]) -> Recovery:
    """Return the recovery of all fails together: each must recover, the latest day counts."""
    days: list[date] = []
    for fail in fails:
        truth = Truth.TRUE if fail.criterion.kind is Kind.EXCLUSION else Truth.FALSE
        deciding = _deciding(ctx, fail.criterion.rule, fail.finding, truth)
        waiting = {leaf: day for rule, leaf in deciding if (day := _day(ctx, rule, leaf)) is not None}
        softened = dict.fromkeys(waiting, Truth.UNKNOWN)
        if truth_with(fail.finding, softened) is truth:
            return Recovery(recoverable=False, rescreen_after=None)
        days += [
            waiting[leaf] for leaf in _failing(fail.criterion.rule, fail.finding, truth, softened) if leaf in waiting
        ]
    return Recovery(recoverable=True, rescreen_after=max([*days, ctx.as_of + timedelta(1)]))


def _deciding(ctx: Context, rule: Rule, finding: Finding, truth: Truth) -> Iterator[tuple[LeafRule, Leaf]]:
    """Yield each leaf that makes a finding what it is, with its rule: no other leaf can change it by being softer."""
    if finding.truth is not truth:
        return
    if isinstance(rule, Same):
        rule = plan(ctx.study).named[rule.same_as]
    if isinstance(finding, Leaf):
        if isinstance(rule, LeafRule):
            yield rule, finding
        return
    wanted = negate(truth) if isinstance(rule, Not) else truth
    for below, child in zip(children(rule), finding.children, strict=True):
        yield from _deciding(ctx, below, child, wanted)


def _failing(rule: Rule, finding: Finding, truth: Truth, softened: dict[Leaf, Truth]) -> Iterator[Leaf]:
    """Yield the leaves that make a finding what it is, in the branches that can recover."""
    if finding.truth is not truth or truth_with(finding, softened) is truth:
        return
    if isinstance(finding, Leaf):
        yield finding
        return
    wanted = negate(truth) if isinstance(rule, Not) else truth
    for below, child in zip(children(rule), finding.children, strict=True):
        yield from _failing(below, child, wanted, softened)


def _day(ctx: Context, rule: LeafRule, leaf: Leaf) -> date | None:
    """Return the first day on which a leaf can be otherwise by waiting; ``None`` if never."""
    if isinstance(rule, Age):
        return _birthday(ctx, rule)
    if isinstance(rule, DiagnosedWithin):
        onsets = [
            e.onset.first for e in ctx.entries(rule.diagnosed) if e.onset is not None and e.source in leaf.sources
        ]
        return rule.within.after(max(onsets)) if onsets else None
    if isinstance(rule, State):
        return _latest(ctx, [(e.concept, day_of(e)) for e in gather(ctx, rule.shown_by).says])
    if isinstance(rule, ByMethod):
        both = [ctx.study.notions[method.measure] for method in (rule.reference, rule.estimate)]
        values = [(notion.id, c) for notion in both for c in select(ctx, notion).group]
        return _latest(ctx, [(name, c.when) for name, c in values if not {*c.sources}.isdisjoint(leaf.sources)])
    return _latest(ctx, [(leaf.notion, read_when(leaf.effective))])


def _latest(ctx: Context, failing: list[tuple[str, When | None]]) -> date | None:
    """Return the latest day on which failing values have recovered; ``None`` if one of them never does."""
    days = []
    for name, when in failing:
        notion = ctx.study.notions.get(name)
        if notion is None or notion.recovers_after is None:
            return None
        days.append(notion.recovers_after.after(when.first if when is not None else ctx.as_of))
    return max(days, default=None)


def _birthday(ctx: Context, rule: Age) -> date | None:
    """Return the birthday on which a person reaches the lower age; too old never passes."""
    birth = ctx.chart.person.birth
    lower = rule.ge if rule.ge is not None else rule.lt
    if birth is None or lower is None:
        return None
    day = add_years(birth.first, int(lower))
    return day if day > ctx.as_of else None
