"""A study's rules made ready once: how each leaf is evaluated, and on which records each rule rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from service.eligibility.context import Context
from service.eligibility.leaves.classification import classification
from service.eligibility.leaves.declared import consent, coverage, judgement, other_study
from service.eligibility.leaves.elapsed import elapsed_since
from service.eligibility.leaves.exists import diagnosed_within, exists, in_effect
from service.eligibility.leaves.measure import by_method, measure
from service.eligibility.leaves.pair import pair
from service.eligibility.leaves.person import age, sex
from service.eligibility.leaves.state import state
from service.eligibility.leaves.verdict import Verdict
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
    LeafRule,
    Measure,
    Not,
    OtherStudy,
    Pair,
    Rule,
    Same,
    Sex,
    State,
)
from service.eligibility.study import Study
from service.eligibility.wording import rule_text

LEAVES: dict[type[LeafRule], tuple[Callable[[Context, Any], Verdict], str]] = {  # rule -> (how, its notion's field)
    Age: (age, "age"),
    Sex: (sex, "notion"),
    Judgement: (judgement, "notion"),
    Consented: (consent, "consent"),
    Covered: (coverage, "coverage"),
    Measure: (measure, "measure"),
    ByMethod: (by_method, "by_method"),
    Pair: (pair, "pair"),
    Exists: (exists, "exists"),
    DiagnosedWithin: (diagnosed_within, "diagnosed"),
    InEffect: (in_effect, "in_effect"),
    State: (state, "state"),
    ElapsedSince: (elapsed_since, "elapsed_since"),
    Classification: (classification, "classification"),
    OtherStudy: (other_study, "other_study"),
}


_COMBINATIONS = (AllOf, AnyOf)


class PlannedLeaf(NamedTuple):
    """A leaf rule made ready: how it is evaluated, under which notion and in which words."""

    rule: LeafRule
    how: Callable[[Context, Any], Verdict]
    notion: str
    text: str


class Rests(NamedTuple):
    """On what a rule rests: the concepts of its records, and whether on the person or declarations too."""

    concepts: frozenset[str]
    person: bool
    declarations: bool
    impossible: frozenset[str]  # genders that rule a state out


class Plan(NamedTuple):
    """A study's rules made ready once: leaves by the identity of their rule, named rules by id."""

    leaves: dict[int, PlannedLeaf]
    named: dict[str, Rule]
    criteria: dict[str, Criterion]
    rests: dict[int, Rests]  # by the identity of the rule
    evidence: dict[int, list[LeafRule]]  # by the identity of a judgement: whose records it shows
    twice: frozenset[str]  # criteria that ask a leaf in more than one place
    signals: list[int]  # leaves that make a potential candidate worth a look
    untouched: dict[int, Any]  # by the identity of the rule: its finding where no record bears on it
    unproven: dict[str, Any]  # by criterion: its result where no record bears on it


@lru_cache(maxsize=16)
def plan(study: Study) -> Plan:
    """Return the plan of a study."""
    criteria = {criterion.id: criterion for criterion in study.criteria}
    twice = frozenset(name for name, one in criteria.items() if any(isinstance(rule, Same) for rule in walk(one.rule)))
    made = Plan({}, {}, criteria, {}, {}, twice, [], {}, {})
    for criterion in study.criteria:
        for rule in walk(criterion.rule):
            if rule.id is not None:
                made.named[rule.id] = rule
            if isinstance(rule, LeafRule):
                how, notion = LEAVES[type(rule)]
                made.leaves[id(rule)] = PlannedLeaf(rule, how, getattr(rule, notion), rule_text(rule))
                if rule.signal:
                    made.signals.append(id(rule))
            if isinstance(rule, Judgement):
                others = [other for name in rule.evidence_of for other in walk(criteria[name].rule)]
                asked = (other for other in others if isinstance(other, LeafRule))
                made.evidence[id(rule)] = [other for other in asked if not isinstance(other, Judgement)]
    for criterion in study.criteria:
        for rule in walk(criterion.rule):
            made.rests[id(rule)] = _rests(study, made, rule)
    return made


def untouched(ctx: Context, rests: Rests) -> bool:
    """Whether nothing on record bears on a rule: it has the same finding in every such chart, on every day."""
    if ctx.on_record is None or rests.person or (rests.declarations and ctx.declared):
        return False
    return rests.concepts.isdisjoint(ctx.on_record) and ctx.chart.person.gender not in rests.impossible


def _rests(study: Study, made: Plan, root: Rule) -> Rests:
    rules = list(walk(root))
    rules += [other for rule in rules for other in made.evidence.get(id(rule), ())]
    rules += [made.named[rule.same_as] for rule in rules if isinstance(rule, Same)]
    names = {name for rule in rules for name in _strings(rule) if name in study.notions}
    concepts: set[str] = set()
    while names:
        notion = study.notions[names.pop()]
        concepts.update((notion.id, *notion.concepts, *notion.excepts))
        concepts.update(name for part in (*notion.aliases, *notion.ratios) for name in _strings(part))
        more = {*notion.beside.values(), *_strings(notion.successor)}
        names |= {name for name in more if name in study.notions and name not in concepts}
    person = any(isinstance(rule, Age | Sex) for rule in rules)
    declarations = any(isinstance(rule, Consented | Covered | OtherStudy) for rule in rules)
    impossible = frozenset(rule.impossible_sex for rule in rules if isinstance(rule, State) and rule.impossible_sex)
    return Rests(frozenset(concepts), person, declarations, impossible)


def _strings(part: object) -> Iterator[str]:
    """Yield every text of a definition and its parts, where the names of notions are among others."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        yield from (text for item in part.items() for text in _strings(item))
    elif isinstance(part, tuple):
        yield from (text for item in part for text in _strings(item))
    elif is_dataclass(part) and not isinstance(part, type):
        yield from (text for item in fields(part) for text in _strings(getattr(part, item.name)))


def walk(rule: Rule) -> Iterator[Rule]:
    """Yield a rule and all rules below it, in the protocol's order."""
    yield rule
    for child in children(rule):
        yield from walk(child)


def children(rule: Rule) -> Sequence[Rule]:
    """Return the rules directly below a combination."""
    if isinstance(rule, _COMBINATIONS):
        return rule.children
    return (rule.child,) if isinstance(rule, Not) else ()
