"""The ranked list of what is not known and could still change a criterion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.eligibility.findings import Leaf, Open, Reason
from service.eligibility.open import sort_of
from service.eligibility.results import CriterionResult, Missing
from service.eligibility.study import Study


def missing(study: Study, results: Sequence[CriterionResult], undecided: dict[str, list[Leaf]]) -> tuple[Missing, ...]:
    """Return missing data, most criteria unlocked first; then what to look for in must-pass criteria."""
    by_id = {result.criterion.id: result for result in results}
    data = [
        (leaf, name)
        for name, leaves in undecided.items()
        for leaf in leaves
        if sort_of(study, leaf) is Open.MISSING_DATA
    ]
    words = [
        (leaf, name)
        for name, leaves in undecided.items()
        if by_id[name].criterion.must_pass
        for leaf in leaves
        if sort_of(study, leaf) is Open.TO_CONFIRM
    ]
    ranked = sorted(_grouped(data), key=lambda item: -len(item.unlocks))  # stable: protocol order within
    return (*ranked, *_grouped(words))


def _grouped(pairs: Iterable[tuple[Leaf, str]]) -> list[Missing]:
    groups: dict[tuple[str, Reason], dict[str, None]] = {}
    for leaf, criterion in pairs:
        if leaf.reason is not None:
            groups.setdefault((leaf.notion, leaf.reason), {})[criterion] = None
    return [Missing(notion, reason, tuple(criteria)) for (notion, reason), criteria in groups.items()]
