"""A leaf's rule in a short fixed form, e.g. ``>= 20 {score}``; for machines and the footnotes of people."""

from __future__ import annotations

from functools import singledispatch

from service.eligibility.compare import comparisons
from service.eligibility.quantity import decimal_text
from service.eligibility.rules import (
    Age,
    Bounds,
    ByMethod,
    Classification,
    DiagnosedWithin,
    ElapsedSince,
    Exists,
    Judgement,
    LeafRule,
    Measure,
    Pair,
    Sex,
)

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def bounds_text(bounds: Bounds, unit: str) -> str:
    """Write comparisons: ``> 20 and < 40 mm[Hg]``."""
    parts = " and ".join(f"{_SIGNS[op]} {decimal_text(threshold)}" for op, threshold in comparisons(bounds))
    return f"{parts} {unit}".strip()


@singledispatch
def rule_text(rule: LeafRule) -> str:
    """Return the rule's short form; a kind without one is its own description."""
    return rule.op.replace("-", " ")


@rule_text.register
def _(rule: Age) -> str:
    return bounds_text(rule, "a")


@rule_text.register
def _(rule: Sex) -> str:
    return " or ".join(rule.sex)


@rule_text.register
def _(rule: Judgement) -> str:
    return f"judgement of the {rule.judgement}"


@rule_text.register
def _(rule: Measure) -> str:
    if rule.upper_limit is not None:
        text = f"> {decimal_text(rule.upper_limit.times)} x upper limit of normal"
    else:
        text = bounds_text(rule, rule.unit)
    return f"{text}, corrected for {rule.corrected.given}" if rule.corrected is not None else text


@rule_text.register
def _(rule: ByMethod) -> str:
    sides = [f"{method.measure} {bounds_text(method, rule.unit)}" for method in (rule.reference, rule.estimate)]
    return " or ".join(sides)


@rule_text.register
def _(rule: Pair) -> str:
    low, high = rule.false_below, rule.flagged_from
    return (
        f"false if < {decimal_text(low.first)} and < {decimal_text(low.second)}, "
        f"flagged if >= {decimal_text(high.first)} or >= {decimal_text(high.second)} {rule.unit}"
    )


@rule_text.register
def _(rule: Exists) -> str:
    return "on record, active" if rule.past_means == "nothing" else "on record"


@rule_text.register
def _(rule: DiagnosedWithin) -> str:
    return f"onset less than {rule.within} ago"


@rule_text.register
def _(rule: ElapsedSince) -> str:
    return f"<= {rule.le} since"


@rule_text.register
def _(rule: Classification) -> str:
    return f"total or score >= {rule.threshold}"
