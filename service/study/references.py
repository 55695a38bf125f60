"""What a rule or a notion names elsewhere: notions, value sets, formulas, tags, other rules, decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from service.eligibility.notions import Notion
from service.eligibility.rules import AllOf, AnyOf, LeafRule, Not, Rule, Same


class Thing(StrEnum):
    """What a name stands for; the value is the word used in messages."""

    NOTION = "notion"
    VALUE_SET = "value set"
    QUANTITY = "kind of quantity"
    FORMULA = "formula"
    TAG = "tag"
    CRITERION = "criterion"
    RULE = "rule"
    READING = "decision"
    ROLE = "role"


class Reference(NamedTuple):
    """One name, what it stands for and the field that holds it."""

    thing: Thing
    name: str
    field: str


# The fields of rules and notions that name something; of a dict, its keys.
NAMING_FIELDS: Mapping[str, Thing] = {
    **dict.fromkeys(
        (
            "age", "notion", "evidence", "consent", "coverage", "measure", "given", "by_method", "performed_by",
            "performed_with", "exists", "in_effect", "diagnosed", "elapsed_since", "else_onset_of", "entry", "result",
            "state", "impossible_by", "pair", "classification", "total", "other_study", "source",
        ),
        Thing.NOTION,
    ),
    **dict.fromkeys(("concepts", "concept", "measured", "predicted", "excepts"), Thing.VALUE_SET),
    **dict.fromkeys(
        (
            "tag", "tags", "last", "last_resort", "shown_only", "promoted_by", "already", "lasts",
            "removed_by", "undatable", "tagged", "status_unstated", "newest_of_kind", "first", "second", "counts",
            "refuses", "beside", "detection",
        ),
        Thing.TAG,
    ),
    "quantity": Thing.QUANTITY,
    "formula": Thing.FORMULA,
    "evidence_of": Thing.CRITERION,
    "same_as": Thing.RULE,
    "reading": Thing.READING,
    "roles": Thing.ROLE,
}  # fmt: skip
# What the values of such a dict name.
_VALUES_OF_DICTS: Mapping[str, Thing] = {
    "performed_with": Thing.TAG, "removed_by": Thing.TAG, "beside": Thing.NOTION,
}  # fmt: skip
_NO_TAG = {"otherwise", "any"}  # all the others, all


def references(node: Any) -> Iterator[Reference]:
    """Every name in a rule or notion and in all that is below it."""
    for field in fields(node):
        value = getattr(node, field.name)
        thing = NAMING_FIELDS.get(field.name)
        if thing is not None:
            yield from _names(thing, value, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from references(part)


def _names(thing: Thing, value: Any, field: str) -> Iterator[Reference]:
    if isinstance(value, str):
        value = (value,)
    elif not isinstance(value, tuple | dict):
        return  # nothing named, or a number of the same name (PairLimits)
    for name in value:
        if isinstance(name, str) and name and not (thing is Thing.TAG and name in _NO_TAG):
            yield Reference(thing, name, field)
    if isinstance(value, dict) and field in _VALUES_OF_DICTS:
        for name in value.values():
            yield Reference(_VALUES_OF_DICTS[field], name, field)


def named(node: Any, thing: Thing) -> tuple[str, ...]:
    """The different names of one sort, in the order in which they stand."""
    return tuple(dict.fromkeys(reference.name for reference in references(node) if reference.thing is thing))


def walk(rule: Rule) -> Iterator[Rule]:
    """A rule and all below it, in the order of the file."""
    yield rule
    for child in children(rule):
        yield from walk(child)


def children(rule: Rule) -> tuple[Rule, ...]:
    """The rules directly below."""
    if isinstance(rule, AllOf | AnyOf):
        return rule.children
    return (rule.child,) if isinstance(rule, Not) else ()


def leaves(rule: Rule) -> tuple[LeafRule | Same, ...]:
    """The leaves below a rule, those that only point at another leaf included."""
    return tuple(leaf for leaf in walk(rule) if isinstance(leaf, LeafRule | Same))


def notions_behind(node: Any, notions: Mapping[str, Notion]) -> tuple[Notion, ...]:
    """The notions that a rule names, and those from which these are derived."""
    found: dict[str, Notion] = {}
    waiting = list(named(node, Thing.NOTION))
    while waiting:
        name = waiting.pop(0)
        if name in notions and name not in found:
            found[name] = notions[name]
            waiting.extend(named(notions[name], Thing.NOTION))
    return tuple(found.values())


def value_sets_of(notion: Notion) -> tuple[str, ...]:
    """The value sets that speak of a notion: its own, and those it derives values from or excepts."""
    own = notion.concepts or (notion.id,)
    return tuple(dict.fromkeys((*own, *named(notion, Thing.VALUE_SET))))
