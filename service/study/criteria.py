"""Reads ``criteria.yaml``: a tree of maps, each recognised by the one key that names its kind."""

from __future__ import annotations

from collections.abc import Mapping

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
    Measure,
    Not,
    OtherStudy,
    Pair,
    Rule,
    Same,
    Sex,
    State,
)
from service.study.shape import read_field, read_shape, submap, submaps
from service.study.strict_yaml import Map

LEAVES: Mapping[str, type[Rule]] = {
    "same_as": Same,
    "age": Age,
    "sex": Sex,
    "judgement": Judgement,
    "consent": Consented,
    "coverage": Covered,
    "measure": Measure,
    "by_method": ByMethod,
    "exists": Exists,
    "in_effect": InEffect,
    "diagnosed": DiagnosedWithin,
    "elapsed_since": ElapsedSince,
    "state": State,
    "pair": Pair,
    "classification": Classification,
    "other_study": OtherStudy,
}
_COMBINATIONS = ("all_of", "any_of", "not")
_OF_THE_CRITERION = ("kind", "title", "must_pass", "not_computed")


def read_criterion(node: Map, texts: Mapping[str, str]) -> Criterion:
    """Build a criterion; ``texts`` are the protocol's words by criterion. Raises ``DefinitionError``."""
    criterion_id = read_field(node, "id", str)
    if criterion_id not in texts:
        raise node.error(f"the protocol has no criterion {criterion_id}.", f"It has: {', '.join(texts)}.", "id")
    rule = read_rule(_part(node, [key for key in node if key not in _OF_THE_CRITERION]))
    about = _part(node, [key for key in node if key in _OF_THE_CRITERION])
    return read_shape(Criterion, about, {"id": criterion_id, "text": texts[criterion_id], "rule": rule})


def read_rule(node: Map) -> Rule:
    """Build a node with all that is below it. Raises ``DefinitionError``."""
    kinds = [key for key in node if key in LEAVES or key in _COMBINATIONS]
    if len(kinds) != 1:
        names = ", ".join((*_COMBINATIONS, *LEAVES))
        found = " and ".join(kinds) or "none"
        raise node.error(f"a rule has one key that names its kind, here: {found}.", f"The kinds are: {names}.")
    kind = kinds[0]
    if kind in LEAVES:
        return read_shape(LEAVES[kind], node)
    rest = _part(node, [key for key in node if key != kind])
    if kind == "not":
        return read_shape(Not, rest, {"child": read_rule(submap(node, kind))})
    children = tuple(read_rule(child) for child in submaps(node, kind))
    if not children:
        raise node.error(f"'{kind}' has no children.", "Write at least one rule below it.", kind)
    return read_shape(AllOf if kind == "all_of" else AnyOf, rest, {"children": children})


def _part(node: Map, keys: list[str]) -> Map:
    part = Map(node.file, node.line)
    part.update((key, node[key]) for key in keys)
    part.lines = node.lines
    return part
