"""Evaluating a tree of rules: every leaf is asked, nothing stops early, each is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from service.eligibility.context import Context
from service.eligibility.findings import Finding, Leaf, Node, Note
from service.eligibility.leaves.classification import classification
from service.eligibility.leaves.declared import consent, coverage, judgement, other_study
from service.eligibility.leaves.elapsed import elapsed_since
from service.eligibility.leaves.exists import diagnosed_within, exists, in_effect
from service.eligibility.leaves.measure import by_method, measure
from service.eligibility.leaves.pair import pair
from service.eligibility.leaves.person import age, sex
from service.eligibility.leaves.state import state
from service.eligibility.leaves.verdict import Verdict
from service.eligibility.rules import (
    Age,
    AllOf,
    AnyOf,
    ByMethod,
    Classification,
    Consented,
    Covered,
    Criterion,
    DiagnosedWithin,
    ElapsedSince,
    Exists,
    InEffect,
    Judgement,
    LeafRule,
    Measure,
    Not,
    OtherStudy,
    Pair,
    Rule,
    Same,
    Sex,
    State,
)
from service.eligibility.study import Study
from service.eligibility.truth import Truth, all_of, any_of, negate
from service.eligibility.wording import rule_text

LEAVES: dict[type[LeafRule], tuple[Callable[[Context, Any], Verdict], str]] = {  # rule -> (how, its notion's field)
    Age: (age, "age"),
    Sex: (sex, "notion"),
    Judgement: (judgement, "notion"),
    Consented: (consent, "consent"),
    Covered: (coverage, "coverage"),
    Measure: (measure, "measure"),
    ByMethod: (by_method, "by_method"),
    Pair: (pair, "pair"),
    Exists: (exists, "exists"),
    DiagnosedWithin: (diagnosed_within, "diagnosed"),
    InEffect: (in_effect, "in_effect"),
    State: (state, "state"),
    ElapsedSince: (elapsed_since, "elapsed_since"),
    Classification: (classification, "classification"),
    OtherStudy: (other_study, "other_study"),
}

_NOTE_ORDER = {note: order for order, note in enumerate((Note.FLAGGED, *(n for n in Note if n is not Note.FLAGGED)))}


class PlannedLeaf(NamedTuple):
    """A leaf rule made ready: how it is evaluated, under which notion and in which words."""

    rule: LeafRule
    how: Callable[[Context, Any], Verdict]
    notion: str
    text: str


class Plan(NamedTuple):
    """A study's rules made ready once: leaves by the identity of their rule, named rules by id."""

    leaves: dict[int, PlannedLeaf]
    named: dict[str, Rule]
    criteria: dict[str, Criterion]


@lru_cache(maxsize=16)
def plan(study: Study) -> Plan:
    """Return the plan of a study."""
    made = Plan({}, {}, {criterion.id: criterion for criterion in study.criteria})
    for criterion in study.criteria:
        for rule in walk(criterion.rule):
            if rule.id is not None:
                made.named[rule.id] = rule
            if isinstance(rule, LeafRule):
                how, notion = LEAVES[type(rule)]
                made.leaves[id(rule)] = PlannedLeaf(rule, how, getattr(rule, notion), rule_text(rule))
    return made


def walk(rule: Rule) -> Iterator[Rule]:
    """Yield a rule and all rules below it, in the protocol's order."""
    yield rule
    for child in children(rule):
        yield from walk(child)


def children(rule: Rule) -> Sequence[Rule]:
    """Return the rules directly below a combination."""
    if isinstance(rule, AllOf | AnyOf):
        return rule.children
    return (rule.child,) if isinstance(rule, Not) else ()


def evaluate(ctx: Context, rule: Rule) -> Finding:
    """Evaluate a rule and all below it."""
    if isinstance(rule, LeafRule):
        return leaf(ctx, rule)
    if isinstance(rule, Same):
        return evaluate(ctx, plan(ctx.study).named[rule.same_as])
    below = tuple([evaluate(ctx, child) for child in children(rule)])
    truths = [finding.truth for finding in below]
    if isinstance(rule, AllOf):
        truth = all_of(truths)
    elif isinstance(rule, AnyOf):
        truth = any_of(truths)
    else:
        truth = negate(truths[0])
    return Node(rule.op, rule.id, truth, below)


def leaf(ctx: Context, rule: LeafRule) -> Leaf:
    """Evaluate one leaf, once a chart."""
    known = ctx.memo.get(id(rule))
    if known is None:
        planned = plan(ctx.study).leaves[id(rule)]
        verdict = planned.how(ctx, rule)
        if isinstance(rule, Judgement) and rule.evidence_of:
            verdict = verdict._replace(sources=_with_evidence_of(ctx, rule, verdict.sources))
        notes = verdict.notes
        if rule.notes and verdict.truth is Truth.TRUE:
            notes = (*notes, *rule.notes)
        if len(notes) > 1:
            notes = tuple(sorted(set(notes), key=_NOTE_ORDER.__getitem__))
        known = ctx.memo[id(rule)] = Leaf(
            rule.op, rule.id, verdict.notion or planned.notion, planned.text,
            verdict.truth, verdict.reason, verdict.value, verdict.effective, verdict.sources, notes,
        )  # fmt: skip
    return known  # type: ignore[return-value]


def _with_evidence_of(ctx: Context, rule: Judgement, sources: tuple[str, ...]) -> tuple[str, ...]:
    found = set(sources)
    for name in rule.evidence_of:
        for other in walk(plan(ctx.study).criteria[name].rule):
            if isinstance(other, LeafRule) and not isinstance(other, Judgement):
                found.update(leaf(ctx, other).sources)
    return tuple(sorted(found))
