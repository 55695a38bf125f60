"""Whether a criterion can come out true and can come out false: a rule that cannot is wrong or says nothing.

Leaves are free, except where several of them look at the same thing: thresholds on one notion and questions about sex
are tried together, on and around each threshold, within what is physically possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise, product

from service.eligibility.compare import compare, comparisons
from service.eligibility.notions import Notion
from service.eligibility.quantity import Interval
from service.eligibility.rules import Age, AllOf, AnyOf, Bounds, Judgement, Measure, Not, Rule, Same, Sex
from service.eligibility.truth import NOT, Truth, all_of, any_of
from service.study.references import children, leaves, walk

_SEXES = ("male", "female")
_Tried = Mapping[str, Decimal | str | Truth]  # what is tried for each thing that several leaves look at


def is_computed(rule: Rule) -> bool:
    """Whether a rule has a leaf that is not merely a person's word."""
    return any(not isinstance(leaf, Judgement) for leaf in leaves(rule))


def reachable(rule: Rule, notions: Mapping[str, Notion], same: Mapping[str, Rule]) -> frozenset[Truth]:
    """The truths that a rule can have; ``same`` are the leaves that others point at, by id."""
    asked = [same.get(leaf.same_as, leaf) if isinstance(leaf, Same) else leaf for leaf in leaves(rule)]
    pointed_at = {leaf.same_as for leaf in walk(rule) if isinstance(leaf, Same)}
    tried: dict[str, Iterable[Decimal | str | Truth]] = {}
    for leaf in asked:
        match leaf:
            case Sex():
                tried["sex"] = _SEXES
            case Age() | Measure() if (notion := _compared(leaf)) is not None:
                others = [other for other in asked if _compared(other) == notion]
                tried[notion] = tuple(_around(others, notions.get(notion)))
            case _ if leaf.id in pointed_at:
                tried[leaf.id] = (Truth.TRUE, Truth.FALSE)
    found: set[Truth] = set()
    for values in product(*tried.values()):
        found |= _truths(rule, dict(zip(tried, values, strict=True)), same)
    return frozenset(found)


def _truths(rule: Rule, tried: _Tried, same: Mapping[str, Rule]) -> set[Truth]:
    match rule:
        case AllOf():
            return {all_of(truths) for truths in _parts(rule, tried, same)}
        case AnyOf():
            return {any_of(truths) for truths in _parts(rule, tried, same)}
        case Not(child=child):
            return {NOT[truth] for truth in _truths(child, tried, same)}
        case Same():
            return _truths(same[rule.same_as], tried, same) if rule.same_as in same else {Truth.TRUE, Truth.FALSE}
        case Sex(sex=sexes):
            return {Truth.of(tried["sex"] in sexes)}
        case Age() | Measure() if (notion := _compared(rule)) is not None:
            return {compare(Interval.exact(Decimal(str(tried[notion]))), comparisons(rule))}
    shared = tried.get(rule.id or "")
    return {shared} if isinstance(shared, Truth) else {Truth.TRUE, Truth.FALSE}


def _parts(rule: Rule, tried: _Tried, same: Mapping[str, Rule]) -> Iterator[tuple[Truth, ...]]:
    """The truths of the parts; all true, all false and one of each are enough to know what a combination can be."""
    options = [_truths(child, tried, same) for child in children(rule)]
    for wanted in (Truth.TRUE, Truth.FALSE):
        yield tuple(wanted if wanted in option else next(iter(option)) for option in options)


def _compared(rule: Rule) -> str | None:
    """The notion whose value is compared with fixed thresholds; none where the threshold is the record's own."""
    if isinstance(rule, Age):
        return rule.age
    if isinstance(rule, Measure) and rule.upper_limit is None and rule.corrected is None:
        return rule.measure
    return None


def _around(rules: Iterable[Rule], notion: Notion | None) -> Iterator[Decimal]:
    limits = sorted({limit for rule in rules if isinstance(rule, Bounds) for _, limit in comparisons(rule)})
    if not limits:
        yield Decimal(0)
        return
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    for value in (limits[0] - 1, *limits, *between, limits[-1] + 1):
        if notion is None or notion.plausible is None or notion.plausible.low <= value <= notion.plausible.high:
            yield value
