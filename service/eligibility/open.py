"""What keeps an open criterion open: which unknown leaves could still change it, and of which sort they are."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from service.eligibility.findings import Finding, Leaf, Node, Open, Reason
from service.eligibility.notions import Nature
from service.eligibility.rules import DiagnosedWithin
from service.eligibility.study import Study
from service.eligibility.truth import Truth, all_of, any_of, negate

_ON_A_MEASUREMENT = frozenset({
    Reason.NO_RECORD, Reason.TOO_OLD, Reason.NO_USABLE_VALUE, Reason.UNIT_NOT_COMPARABLE,
    Reason.NO_REFERENCE_RANGE, Reason.VALUE_NOT_DECISIVE, Reason.DATE_NOT_DECISIVE, Reason.RECORDS_DISAGREE,
})  # fmt: skip


def sort_of(study: Study, leaf: Leaf) -> Open:
    """Return whether an unknown leaf misses data or waits for a person."""
    return _sort(study, leaf.op, leaf.notion, leaf.reason)


@lru_cache(maxsize=4096)
def _sort(study: Study, op: str, name: str, reason: Reason | None) -> Open:
    nature = study.notions[name].nature if name in study.notions else Nature.RECORD
    if reason is Reason.RECORDS_INCOMPLETE:
        return Open.MISSING_DATA
    if nature is Nature.BEDSIDE:
        return Open.TO_CONFIRM
    if reason is Reason.NOT_CONFIRMED:
        return Open.MISSING_DATA
    # Where a rule asks how long ago a diagnosis was made, what is missing is a measurement too: a date.
    measured = nature is Nature.MEASUREMENT or (op == DiagnosedWithin.op and reason is Reason.DATE_NOT_DECISIVE)
    measured = measured and reason in _ON_A_MEASUREMENT
    return Open.MISSING_DATA if measured else Open.TO_CONFIRM


def undecided(finding: Finding, *, twice: bool) -> list[Leaf]:
    """Return the unknown leaves with which alone the truth would differ, for some values of the others.

    ``twice`` where the rule asks a leaf in more than one place.
    """
    if finding.truth is not Truth.UNKNOWN:
        return []
    if isinstance(finding, Leaf):
        return [finding]
    return _by_trying(finding) if twice else _by_position(finding)


def _by_position(node: Finding) -> list[Leaf]:
    """Where each leaf is asked once, every unknown leaf below unknown combinations matters.

    In an unknown combination all neighbours can step aside; below a decided one nothing matters.
    """
    if node.truth is not Truth.UNKNOWN:
        return []
    if isinstance(node, Leaf):
        return [node]
    return [leaf for child in node.children for leaf in _by_position(child)]


def _by_trying(node: Node) -> list[Leaf]:
    """Where a leaf is asked twice: try all values of the unknown leaves (few in such a criterion)."""
    unknown = list(dict.fromkeys(leaf for leaf in leaves_of(node) if leaf.truth is Truth.UNKNOWN))
    tried = product((Truth.TRUE, Truth.FALSE), repeat=len(unknown))
    truths = {values: truth_with(node, dict(zip(unknown, values, strict=True))) for values in tried}

    def matters(place: int) -> bool:
        return any(
            truth is not truths[(*values[:place], negate(values[place]), *values[place + 1 :])]
            for values, truth in truths.items()
        )

    return [leaf for place, leaf in enumerate(unknown) if matters(place)]


def leaves_of(node: Finding) -> list[Leaf]:
    """Return the leaves of a finding, in the protocol's order."""
    if isinstance(node, Leaf):
        return [node]
    return [leaf for child in node.children for leaf in leaves_of(child)]


def truth_with(node: Finding, given: dict[Leaf, Truth]) -> Truth:
    """Return the truth of a finding with other truths for some of its leaves."""
    if isinstance(node, Leaf):
        return given.get(node, node.truth)
    below = [truth_with(child, given) for child in node.children]
    if node.op == "all-of":
        return all_of(below)
    return any_of(below) if node.op == "any-of" else negate(below[0])
