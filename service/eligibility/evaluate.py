"""Evaluating a tree of rules: every leaf is asked, nothing stops early, each is asked once."""

from __future__ import annotations

from service.eligibility.context import Context
from service.eligibility.findings import Finding, Leaf, Node, Note
from service.eligibility.plan import children, plan, untouched
from service.eligibility.rules import AllOf, AnyOf, Judgement, LeafRule, Rule, Same
from service.eligibility.truth import Truth, all_of, any_of, negate

_NOTE_ORDER = {note: order for order, note in enumerate((Note.FLAGGED, *(n for n in Note if n is not Note.FLAGGED)))}


def evaluate(ctx: Context, rule: Rule) -> Finding:
    """Evaluate a rule and all below it."""
    ready = plan(ctx.study)
    if not untouched(ctx, ready.rests[id(rule)]):
        return _evaluate(ctx, rule)
    known: Finding | None = ready.untouched.get(id(rule))
    if known is None:
        known = ready.untouched[id(rule)] = _evaluate(ctx, rule)
    return known


def _evaluate(ctx: Context, rule: Rule) -> Finding:
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
            verdict = verdict._replace(sources=_with_evidence(ctx, rule, verdict.sources))
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


def _with_evidence(ctx: Context, rule: Judgement, sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources of a judgement and of the leaves that are its evidence; what nothing bears on has none."""
    ready = plan(ctx.study)
    touched = (other for other in ready.evidence[id(rule)] if not untouched(ctx, ready.rests[id(other)]))
    return tuple(sorted({*sources, *(source for other in touched for source in leaf(ctx, other).sources)}))
