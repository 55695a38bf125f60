"""Whom a study's discovery looks for: those about whom absence alone does not say that they have not the disease.

It may name more people, never fewer: what it names is screened exactly.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from service.eligibility.codes import Role
from service.eligibility.plan import walk
from service.eligibility.rules import Classification
from service.eligibility.study import Study

COUNTED = frozenset({Role.MATCH, Role.REVIEW})  # the roles of codes that bring somebody in


class Item(NamedTuple):
    """One line of a classification: what shows it, and how much each of that weighs."""

    weights: tuple[tuple[str, int], ...]  # concept, weight


class Entry(NamedTuple):
    """The records that bring somebody in, by the concepts of their codes."""

    shown: frozenset[str]  # one record of these is enough
    items: tuple[Item, ...]  # of these the weights have to reach ``score_from``
    score_from: int

    @property
    def concepts(self) -> frozenset[str]:
        """All concepts that count."""
        return self.shown | {concept for item in self.items for concept, _ in item.weights}

    def lets_in(self, concepts: Collection[str]) -> bool:
        """Whether records of these concepts, whatever they say, may be those of somebody with the disease."""
        if not self.shown.isdisjoint(concepts):
            return True
        best = (
            max((weight for concept, weight in item.weights if concept in concepts), default=0) for item in self.items
        )
        return sum(best) >= self.score_from


def entry_of(study: Study) -> Entry | None:
    """Return the study's entry; ``None``: no absence decides anything in this study, so everybody is looked for."""
    rules = [rule for criterion in study.criteria for rule in walk(criterion.rule) if isinstance(rule, Classification)]
    if not rules:
        return None
    rule = rules[0]  # absence of any one classification decides
    shown = _concepts(study, (rule.classification, rule.total, rule.suspicion.measure))
    items = tuple(
        Item(
            tuple(
                (concept, each.weight)
                for each in item.alternatives
                for concept in sorted(_concepts(study, (each.exists or each.measure or rule.classification,)))
            )
        )
        for item in rule.items
    )
    return Entry(shown, items, min(rule.suspicion.score_from, rule.threshold))


def _concepts(study: Study, notions: Collection[str]) -> frozenset[str]:
    return frozenset(concept for name in notions for concept in study.notions[name].coded_by)
