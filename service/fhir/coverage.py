"""How a source codes what a study asks for: a notion of which nothing is found may be one that nobody has mapped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from service.eligibility.notions import Notion
from service.eligibility.quantity import UnitProblem
from service.eligibility.study import Study
from service.fhir.codings import codings_of, meanings, said
from service.fhir.notion_names import Names
from service.fhir.references import Index, Located, Resource

# Where a type says what its record is about; what a medication is may stand in another record.
_ABOUT = {
    "AdverseEvent": ("event",),
    "AllergyIntolerance": ("code",),
    "Condition": ("code",),
    "Consent": ("scope", "category"),
    "Coverage": ("type",),
    "DiagnosticReport": ("code", "conclusionCode"),
    "MedicationAdministration": ("medicationCodeableConcept",),
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "Observation": ("code",),
    "Procedure": ("code",),
    "RelatedPerson": ("relationship",),
}
_MOST_UNITS = 500  # kept of one notion: what is no unit at all must not fill the memory
_LONGEST_UNIT = 40  # characters


class Tally(msgspec.Struct):
    """How the records of one notion are coded."""

    known_codes: int = 0  # with a code that a value set of the notion knows
    local_only: int = 0  # with local codes or none, and words that name the notion
    unreadable_units: dict[str, int] = {}  # as written, "" for none, and how often

    def add(self, other: Tally) -> None:
        """Count what another one has counted too."""
        self.known_codes += other.known_codes
        self.local_only += other.local_only
        for unit, number in other.unreadable_units.items():
            self.add_unit(unit, number)

    def add_unit(self, unit: str, number: int = 1) -> None:
        """Count a unit that cannot be read."""
        if unit in self.unreadable_units or len(self.unreadable_units) < _MOST_UNITS:
            self.unreadable_units[unit] = self.unreadable_units.get(unit, 0) + number


def tally(resources: Iterable[Located], study: Study) -> dict[str, Tally]:
    """Count one chart's records by notion and by how they are coded; a notion without any has no tally.

    A record counts once for a notion, whether its own code or that of a component tells.
    """
    return _counts(study).of(list(resources))


def merge(tallies: dict[str, Tally], more: Mapping[str, Tally]) -> None:
    """Add the tallies of one chart to those of others."""
    for notion, one in more.items():
        tallies.setdefault(notion, Tally()).add(one)


def counted(study: Study) -> list[str]:
    """Return the notions that may have a tally, in the study's order."""
    return list(_counts(study).notions)


class _Part(NamedTuple):
    """A record, or one component of it."""

    about: list[dict[str, Any]]  # CodeableConcepts
    answer: list[dict[str, Any]]  # of an Observation: it may be the finding
    quantity: object


class _Counts:
    """Counts by what one study asks for."""

    def __init__(self, study: Study) -> None:
        self._lexicon, self._units = study.lexicon, study.units
        known = set(study.lexicon.concepts)
        self.notions = {
            notion.id: notion
            for notion in study.notions.values()
            if known & notion.coded_by and _ABOUT.keys() & notion.resources
        }
        self._names = Names(self.notions.values(), study.lexicon)
        self._by_concept: defaultdict[str, list[Notion]] = defaultdict(list)
        for notion in self.notions.values():
            for concept in notion.coded_by:
                self._by_concept[concept].append(notion)

    def of(self, located: list[Located]) -> dict[str, Tally]:
        """Count the records of a chart."""
        index, tallies = Index(located, None), defaultdict[str, Tally](Tally)
        for resource, _ in located:
            kind = resource["resourceType"]
            if kind not in _ABOUT:
                continue
            known, named = set[str](), set[str]()
            for part in _parts(resource, index):
                concepts = self._concepts(part.about)
                means = concepts | self._concepts(part.answer) if part.answer else concepts
                known.update(notion.id for concept in means for notion in self._by_concept.get(concept, ()))
                if not means:
                    named |= self._named(part.about)
                for notion in self._unit_unread(part.quantity, concepts):
                    tallies[notion].add_unit(_unit_of(part.quantity))
            for notion in sorted(known):
                if kind in self.notions[notion].resources:
                    tallies[notion].known_codes += 1
            for notion in sorted(named - known):
                if kind in self.notions[notion].resources:
                    tallies[notion].local_only += 1
        return dict(tallies)

    def _concepts(self, concepts: Iterable[object]) -> set[str]:
        """Return what the codes mean, of this study or not."""
        return {meaning.concept for concept in concepts for meaning in meanings(concept, self._lexicon.meanings) or ()}

    def _named(self, concepts: list[dict[str, Any]]) -> set[str]:
        """Return the notions that the words name, where no code is of a code system that we know."""
        codings = [coding for concept in concepts for coding in codings_of(concept)]
        if any(said(coding.get("code")) and self._knows(coding.get("system")) for coding in codings):
            return set()
        texts = [*(concept.get("text") for concept in concepts), *(coding.get("display") for coding in codings)]
        return {notion for text in texts if said(text) for notion in self._names.within(text)}

    def _knows(self, system: object) -> bool:
        return isinstance(system, str) and self._lexicon.has_system(system)

    def _unit_unread(self, quantity: object, concepts: set[str]) -> Iterator[str]:
        """Give the notions whose value cannot be compared for its unit."""
        if not concepts or not isinstance(quantity, dict) or quantity.get("value") is None:
            return
        unit, code = (written if said(written := quantity.get(name)) else None for name in ("unit", "code"))
        for notion in {each.id: each for concept in concepts for each in self._by_concept.get(concept, ())}.values():
            if notion.quantity is None or concepts.isdisjoint(notion.own_concepts):
                continue  # another concept's values are this notion's only where their unit says so
            if isinstance(self._units.to_canonical(notion.quantity, unit, code), UnitProblem):
                yield notion.id


@lru_cache(maxsize=4)
def _counts(study: Study) -> _Counts:
    return _Counts(study)


def _parts(resource: Resource, index: Index) -> Iterator[_Part]:
    """Give the record itself, and each component of an Observation."""
    about = _objects(*[resource.get(path) for path in _ABOUT[resource["resourceType"]]])
    if "reaction" in resource:
        about += _objects(*[each.get("substance") for each in _objects(resource["reaction"])])
    if "medicationReference" in resource:
        product = index.resolve(resource, resource["medicationReference"]) or {}
        held = [each.get("itemCodeableConcept") for each in _objects(product.get("ingredient"))]
        about += _objects(product.get("code"), *held)
    yield _part(resource, about)
    if "component" in resource:
        for component in _objects(resource["component"]):
            yield _part(component, _objects(component.get("code")))


def _part(holder: Resource, about: list[dict[str, Any]]) -> _Part:
    return _Part(about, _objects(holder.get("valueCodeableConcept")), holder.get("valueQuantity"))


def _objects(*values: Any) -> list[dict[str, Any]]:
    """Return the JSON objects, of lists and of what stands alone."""
    found = []
    for value in values:
        if isinstance(value, dict):
            found.append(value)
        elif isinstance(value, list):
            found += [each for each in value if isinstance(each, dict)]
    return found


def _unit_of(quantity: Any) -> str:
    """Return the unit as it is written."""
    written = next((text.strip() for name in ("unit", "code") if said(text := quantity.get(name))), "")
    return written[:_LONGEST_UNIT]
