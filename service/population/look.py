"""The first pass: who has records that bring somebody in, and who takes part in a study.

Only lines in which a code, a study or a Patient was found are parsed, and those of a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from service.eligibility.codes import Lexicon
from service.eligibility.entry import COUNTED, Entry
from service.errors import NotFhirError
from service.fhir.coded import codings_in, concepts_in
from service.fhir.lines import clean
from service.fhir.references import contained, identifiers, local_name, reference_in, relative
from service.population import ndjson, patterns
from service.population.bundles import BY_INDEX, Piece, Place, pieces
from service.population.damage import BROKEN, GLUED, is_seen, named_in
from service.population.scan import BLOCK, Hit, Sample, Scanner, Unit, lines

# What is counted and not looked at, and what else a line holds that may concern people without referring to them.
_COUNTED = (patterns.USUAL_PATIENTS, *patterns.SHARED)
_SPECIAL = (*_COUNTED, patterns.OTHER_PATIENTS, *patterns.ESCAPED, *GLUED)
_USUAL, _OTHER = 0, len(_COUNTED)  # their numbers
_SOME = 100  # people of a unit told by name: they show what the ids of the source look like


class Member(NamedTuple):
    """Somebody takes part in a study."""

    owner: str
    study: str  # the reference to it
    names: frozenset[str]  # its identifiers that stand beside the reference, or in a study inside the record


@dataclass(slots=True)
class Look:
    """What a unit holds."""

    people: int = 0  # Patients
    conditions: int = 0  # in the sample
    uncoded: int = 0  # of these
    shown: dict[str, set[str]] = field(default_factory=dict)  # by owner, the concepts that count
    members: list[Member] = field(default_factory=list)
    studies: dict[str, frozenset[str]] = field(default_factory=dict)  # identifiers, by Type/id
    named: set[str] = field(default_factory=set)  # by broken lines in which something was found, or damage
    some: set[str] = field(default_factory=set)
    fhir: bool = False
    plain: bool = False  # unbroken, and nothing in it concerns people without referring to them


@dataclass
class Looking:
    """Looks at one unit after the other; it travels to other processes."""

    lexicon: Lexicon
    concepts: frozenset[str]
    sample: Sample
    block: int = BLOCK

    def __post_init__(self) -> None:
        codes = patterns.of_stems(self.lexicon.stems(self.concepts, COUNTED))
        found = [*_SPECIAL, *codes, *patterns.STUDIES]
        self._databases = [patterns.compiled(each) for each in (found, BROKEN)]

    @cached_property
    def scanner(self) -> Scanner:
        return Scanner(self._databases, counted=range(len(_COUNTED)))

    def __call__(self, unit: Unit) -> Look:
        """Look at a unit; what cannot be read is left to the second pass, which tells of it."""
        look = Look(plain=True)
        self.scanner.counts.clear()
        try:
            for hit in self._texts(unit):
                look.plain &= not any(0 <= each < len(_SPECIAL) for each in hit.patterns)
                self._look_at(hit, look)
        except ndjson.READ_ERRORS:
            look.plain = False
        look.people += self.scanner.counts[_USUAL]
        look.plain &= not self.scanner.counts.total()
        return look

    def _texts(self, unit: Unit) -> Iterator[Hit]:
        path = Path(unit.path)
        if ndjson.kind_of(path) == "ndjson":
            yield from lines(unit, self.scanner, sample=self.sample, block=self.block)
        else:
            yield Hit(0, ndjson.read_document(path), frozenset({len(_SPECIAL)}))

    def _look_at(self, hit: Hit, look: Look) -> None:
        if hit.data is None:
            look.plain = False
            return
        if not (data := clean(hit.data, hit.offset)):
            return
        found_in = {each for each in hit.patterns if each >= 0}  # not what only may be broken
        try:
            found = pieces(data, Place(0, BY_INDEX, hit.offset))
        except NotFhirError:
            look.plain = False
            look.named |= named_in(data) if found_in or is_seen(data) else set()
            return
        look.fhir = True
        counted, in_sample = hit.data.startswith(patterns.USUAL_PATIENT), self.sample.meets(hit.offset, 1)
        for piece in found:
            if piece.owner and len(look.some) < _SOME:
                look.some.add(piece.owner)
            look.people += piece.kind == "Patient" and bool(piece.owner) and not counted
            if found_in - {_OTHER} or piece.kind == "Bundle" or (in_sample and piece.kind == "Condition"):
                self.look_into(piece, look, in_sample=in_sample)

    def look_into(self, piece: Piece, look: Look, *, in_sample: bool) -> None:
        """Note what the records of a piece show."""
        try:
            records = piece.records()
        except NotFhirError:  # what skimming passes over
            return
        for resource, full_url in records:
            kind = resource["resourceType"]
            if kind == "ResearchStudy" and (name := local_name(resource, full_url)):
                look.studies[name] = frozenset(value for _, value in identifiers(resource))
            if not piece.owner:
                continue
            if kind == "Condition" and in_sample:
                look.conditions += 1
                look.uncoded += not any(codings_in(resource.get("code")))
            elif kind == "ResearchSubject":
                look.members.append(member(piece.owner, resource))
            elif kind == "Patient":
                look.people += piece.kind == "Bundle"
            if found := self.concepts & concepts_in(resource, self.lexicon, COUNTED):
                look.shown.setdefault(piece.owner, set()).update(found)


def member(owner: str, subject: Mapping[str, Any]) -> Member:
    """Return in which study a ResearchSubject says that somebody is."""
    study = subject.get("study")
    written = reference_in(study) or ""
    inside = contained(subject, written) if written.startswith("#") else None
    found = [*identifiers(study if isinstance(study, dict) else {}), *identifiers(inside or {})]
    return Member(owner, relative(written), frozenset(value for _, value in found))


def chosen(entry: Entry, looks: Iterable[Look]) -> set[str]:
    """Return whom the entry lets in, and whom broken lines name that may be about it."""
    looks, shown = list(looks), dict[str, set[str]]()
    for look in looks:
        for owner, concepts in look.shown.items():
            shown.setdefault(owner, set()).update(concepts)
    named = set[str]().union(*(look.named for look in looks))
    return named | {owner for owner, concepts in shown.items() if entry.lets_in(concepts)}


def members_of(names: Iterable[str], looks: Iterable[Look]) -> set[str]:
    """Return who may be in the study of these identifiers; also where it cannot be told of which one somebody is."""
    looks, ours = list(looks), frozenset(names)
    studies = {name: found for look in looks for name, found in look.studies.items()}
    found = set[str]()
    for each in (each for look in looks for each in look.members):
        named = each.names | studies.get(each.study, frozenset())
        if not named or not named.isdisjoint(ours):
            found.add(each.owner)
    return found
