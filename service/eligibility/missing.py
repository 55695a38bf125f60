"""The ranked list of what is not known and could still change a criterion."""

from __future__ import annotations

from collections.abc import Iterable

from service.eligibility.findings import Leaf, Reason
from service.eligibility.results import Missing


def missing(data: Iterable[tuple[Leaf, str]], words: Iterable[tuple[Leaf, str]]) -> tuple[Missing, ...]:
    """Return missing data, most criteria unlocked first; then what to look for in must-pass criteria.

    Both are given as (leaf, criterion), in the protocol's order.
    """
    ranked = sorted(_grouped(data), key=lambda item: -len(item.unlocks))  # stable: protocol order within
    return (*ranked, *_grouped(words))


def _grouped(pairs: Iterable[tuple[Leaf, str]]) -> list[Missing]:
    groups: dict[tuple[str, Reason], dict[str, None]] = {}
    for leaf, criterion in pairs:
        if leaf.reason is not None:
            groups.setdefault((leaf.notion, leaf.reason), {})[criterion] = None
    return [Missing(notion, reason, tuple(criteria)) for (notion, reason), criteria in groups.items()]
