"""Where readers put what they find about one patient, and what they need to know to read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from service.eligibility.chart import Certainty, Chart, Entry, Reading, Warning_
from service.eligibility.codes import Meaning
from service.eligibility.moment import When
from service.eligibility.vocabulary import Vocabulary
from service.fhir.codings import Lookup, matches
from service.fhir.copies import choose, source_of
from service.fhir.references import Index, Located, identifiers

# Type, identifier, notion (with its tags: systolic is not diastolic) and time: records that share all are one.
_Sameness = tuple[str, str | None, str, str, frozenset[str], object]


class Record:
    """One resource that matters, while it is read."""

    __slots__ = ("contested", "facts", "full_url", "kind", "resource", "source", "unreadable")

    def __init__(self, resource: dict[str, Any], full_url: str | None, contested: bool, facts: Facts) -> None:
        self.resource, self.full_url, self.contested, self.facts = resource, full_url, contested, facts
        self.kind: str = resource["resourceType"]
        self.source = source_of(resource, full_url)
        self.unreadable = False

    def warn(self, detail: str, code: str = "record-unreadable") -> None:
        """Say what is wrong with the record; ``detail`` names elements, never values."""
        self.facts.warn(code, self.source, detail)

    def break_off(self, detail: str) -> None:
        """Say that what the record states cannot be read, though its code can."""
        self.warn(detail)
        self.unreadable = True

    def refuse(self, detail: str) -> None:
        """Say that the record as a whole cannot be read: it could be about anything of its type."""
        self.break_off(detail)
        self.facts.unreadable_types.add(self.kind)

    def refuse_version(self, detail: str, *, coded: bool) -> None:
        """Say that the record is of another FHIR version; where its code can be read, it is about nothing else."""
        (self.break_off if coded else self.refuse)(detail)

    def modified(self) -> bool:
        """Whether an extension changes the record's meaning in a way that nobody here knows."""
        return bool(self.resource.get("modifierExtension"))


class Facts:
    """The chart of one patient while it is filled."""

    def __init__(self, chart: Chart, lookup: Lookup, vocabulary: Vocabulary, index: Index) -> None:
        self.chart, self.lookup, self.vocabulary, self.index = chart, lookup, vocabulary, index
        self.unreadable_types: set[str] = set()
        self._same: dict[_Sameness, dict[str, Located]] = {}

    @property
    def birth(self) -> When | None:
        """The patient's date of birth, from which ages count."""
        return self.chart.person.birth

    def warn(self, code: str, source: str, detail: str) -> None:
        """Add a warning of the contract's closed list."""
        self.chart.warnings.append(Warning_(code, source, detail))

    def add_reading(self, reading: Reading) -> None:
        """Add a result."""
        self.chart.readings.setdefault(reading.concept, []).append(reading)

    def add_entries(self, record: Record, found: Iterable[Meaning], template: Entry) -> None:
        """Add a coded statement under every concept that its codes mean."""
        meanings = tuple(found)
        also = template.also | matches(meanings)
        for concept, role, tags, display in meanings:
            self.chart.entries.setdefault(concept, []).append(
                template._replace(
                    concept=concept, role=role, tags=tags, also=also - {concept}, text=template.text or display
                )
            )
        self.identify(record, meanings, template.onset or template.recorded)

    def identify(self, record: Record, found: Iterable[Meaning], when: When | None) -> None:
        """Remember the record's identifiers, by which it may turn out to be a copy of another."""
        if "identifier" not in record.resource:
            return
        time = None if when is None else when.instant or (when.first, when.last)
        for concept, _, tags, _ in found:
            for system, value in identifiers(record.resource):
                same = self._same.setdefault((record.kind, system, value, concept, tags, time), {})
                same[record.source] = (record.resource, record.full_url)

    def finish(self) -> Chart:
        """The chart, the same whatever the order of the input."""
        chart = self.chart
        self._settle_copies()
        chart.unreadable_types = frozenset(self.unreadable_types)
        chart.readings, chart.entries = dict(sorted(chart.readings.items())), dict(sorted(chart.entries.items()))
        everything: list[list[Any]] = [*chart.readings.values(), *chart.entries.values()]
        for facts in (*everything, chart.consents, chart.coverages, chart.participations):
            if len(facts) > 1:
                facts.sort(key=_by_source)
        chart.warnings = sorted(set(chart.warnings))
        return chart

    def _settle_copies(self) -> None:
        for (_, _, _, concept, _, _), copies in self._same.items():
            if len(copies) > 1:
                winner = choose(list(copies.values()))
                source = source_of(winner.resource, winner.full_url)
                losers = set(copies) - {source}
                for facts in (self.chart.readings.get(concept, []), self.chart.entries.get(concept, [])):
                    facts[:] = _settled(facts, source, losers, winner.contested)


def _settled(facts: Iterable[Any], winner: str, losers: set[str], contested: bool) -> Iterator[Any]:
    for fact in facts:
        if fact.source not in losers:
            yield fact._replace(contested=True) if contested and fact.source == winner else fact


def _by_source(fact: Any) -> str:
    source: str = fact.source
    return source


def doubtful(certain: bool) -> Certainty:
    """A statement that its own status leaves open counts like an unconfirmed one."""
    return Certainty.CONFIRMED if certain else Certainty.UNCONFIRMED
