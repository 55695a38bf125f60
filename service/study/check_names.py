"""Checks that whatever a rule or a notion names exists, and that what exists is used or says why it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from service.eligibility.codes import Role
from service.eligibility.rules import AllOf, AnyOf, Not
from service.study.definitions import Definitions, Problem
from service.study.load import load_context, load_study, study_ids
from service.study.references import Reference, Thing, named, notions_behind, references, value_sets_of


class _Known(NamedTuple):
    """The names that exist."""

    names: dict[Thing, frozenset[str]]
    where: dict[Thing, str]

    def problem(self, reference: Reference) -> tuple[str, str] | None:
        """What is wrong with a reference, and the remedy."""
        if reference.thing not in self.names or reference.name in self.names[reference.thing]:
            return None
        problem = f"'{reference.field}' names the {reference.thing} '{reference.name}', which does not exist."
        return problem, f"{self.where[reference.thing]} has those that do."


def missing_names(definitions: Definitions) -> Iterator[Problem]:
    """Every notion, value set, kind of quantity, formula, tag, role, rule and decision that is named exists."""
    known = _known(definitions)
    for placed in definitions.rules:
        if not isinstance(placed.rule, AllOf | AnyOf | Not):
            for reference in references(placed.rule):
                if wrong := known.problem(reference):
                    yield definitions.in_rules(placed, *wrong)
    for notion in definitions.notions.values():
        own = [Reference(Thing.VALUE_SET, name, "concepts") for name in value_sets_of(notion)]
        for reference in dict.fromkeys((*references(notion), *own)):
            if wrong := known.problem(reference):
                yield definitions.in_notion(notion.id, *wrong)


def _known(definitions: Definitions) -> _Known:
    study, mappings = definitions.study, definitions.mappings
    rows = [row for concept in study.lexicon.concepts for row in study.lexicon.rows_of(concept)]
    tags = load_context(mappings).tags
    criteria = frozenset(criterion.id for criterion in study.criteria)
    known: dict[Thing, tuple[frozenset[str], str]] = {
        Thing.NOTION: (frozenset(study.notions), "notions.yaml"),
        Thing.VALUE_SET: (frozenset(file.stem for file in (mappings / "value_sets").glob("*.csv")), "value_sets/"),
        Thing.QUANTITY: (frozenset(study.units.kinds), "units.yaml"),
        Thing.FORMULA: (frozenset(study.formulas), "formulas.yaml"),
        Thing.TAG: (frozenset(tags).union(*(row.tags for row in rows)), "The column 'tag' of value_sets/"),
        Thing.CRITERION: (criteria, "criteria.yaml"),
        Thing.RULE: (frozenset(definitions.same), "criteria.yaml"),
        Thing.ROLE: (frozenset(Role), "The column 'role' of value_sets/"),
    }
    decisions = mappings.parent / "docs" / "decisions"
    if decisions.is_dir():  # an installed package carries the rules, not the documents
        known[Thing.READING] = (frozenset(file.name.split("-")[0] for file in decisions.glob("*.md")), str(decisions))
    return _Known({thing: names for thing, (names, _) in known.items()}, {t: where for t, (_, where) in known.items()})


def unused_definitions(definitions: Definitions) -> Iterator[Problem]:
    """Every notion, value set and kind of quantity serves a study of the folder, or is kept for a reason."""
    study, mappings = definitions.study, definitions.mappings
    context = load_context(mappings)
    notions = dict(definitions.notions)
    for other in map(partial(load_study, mappings), study_ids(mappings)):
        for criterion in other.criteria:
            notions |= {notion.id: notion for notion in notions_behind(criterion.rule, other.notions)}
    for name, notion in study.notions.items():
        if name not in notions and not notion.context:
            yield definitions.in_notion(name, "no rule asks for it.", "Remove it, or mark it 'context: true'.")
    served = [notion for name, notion in study.notions.items() if name in notions or notion.context]
    value_sets = {name for notion in served for name in value_sets_of(notion)} | context.value_sets.keys()
    quantities = {name for notion in served for name in named(notion, Thing.QUANTITY)} | context.quantities.keys()
    remedy = "Remove it, or say in context.yaml why it is kept."
    for name in sorted(set(study.lexicon.concepts) - value_sets):
        yield Problem(mappings / "value_sets" / f"{name}.csv", None, "no notion uses the value set.", remedy)
    for name in sorted(study.units.kinds.keys() - quantities):
        yield Problem(mappings / "units.yaml", None, f"no notion uses the kind of quantity '{name}'.", remedy)
