"""Checks that thresholds are in the unit in which their notion is compared, and can be met and missed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from service.eligibility.compare import comparisons
from service.eligibility.notions import Plausible
from service.eligibility.rules import Bounds, ByMethod, Classification, Measure, Method, Pair, Rule
from service.study.definitions import Definitions, Problem


class _Compared(NamedTuple):
    """The numbers with which a rule compares a notion, and the unit in which they are written."""

    notion: str
    numbers: tuple[Decimal, ...]
    unit: str | None
    plausible: Plausible | None = None  # the rule's own, instead of the notion's


def other_units(definitions: Definitions) -> Iterator[Problem]:
    """Every threshold is written in the canonical unit of its notion."""
    study = definitions.study
    for placed in definitions.rules:
        for compared in _compared(placed.rule):
            notion = study.notions.get(compared.notion)
            if notion is None or (notion.quantity and notion.quantity not in study.units.kinds):
                continue  # missing_names says so
            canonical = study.units.canonical(notion.quantity) if notion.quantity else None
            if canonical is None:
                problem = f"{compared.notion} is compared, but is no quantity."
                yield definitions.in_rules(placed, problem, "Give it a 'quantity' in notions.yaml.")
            elif compared.unit != canonical:
                problem = f"{compared.notion} is compared in {canonical}, the threshold is in {compared.unit}."
                yield definitions.in_rules(placed, problem, f"Convert it and write 'unit: \"{canonical}\"'.")


def implausible_thresholds(definitions: Definitions) -> Iterator[Problem]:
    """Every threshold lies in the plausible range of its notion."""
    for placed in definitions.rules:
        for compared in _compared(placed.rule):
            notion = definitions.study.notions.get(compared.notion)
            plausible = compared.plausible or (notion.plausible if notion else None)
            for number in compared.numbers:
                if plausible is not None and not plausible.low <= number <= plausible.high:
                    problem = f"no {compared.notion} is {number}: plausible is {plausible.low} to {plausible.high}."
                    yield definitions.in_rules(placed, problem, "Correct the threshold, or the plausible range.")


def _compared(rule: Rule) -> Iterator[_Compared]:
    match rule:
        case Measure():
            limits = (rule.upper_limit.low, rule.upper_limit.high) if rule.upper_limit else ()
            yield _Compared(rule.measure, (*_numbers(rule), *limits), rule.unit)
        case ByMethod():
            for method in (rule.reference, rule.estimate):
                yield _Compared(method.measure, (*_numbers(method), *_gap(method)), rule.unit)
        case Pair():
            low, high = rule.false_below, rule.flagged_from
            yield _Compared(rule.pair, (low.first, high.first), rule.unit, rule.first_plausible)
            yield _Compared(rule.pair, (low.second, high.second), rule.unit, rule.second_plausible)
        case Classification():
            for alternative in (alternative for item in rule.items for alternative in item.alternatives):
                if alternative.measure and alternative.ge is not None:
                    yield _Compared(alternative.measure, (alternative.ge,), alternative.unit)


def _numbers(bounds: Bounds) -> tuple[Decimal, ...]:
    return tuple(number for _, number in comparisons(bounds))


def _gap(method: Method) -> tuple[Decimal, ...]:
    return () if method.gap is None else (method.gap,)
