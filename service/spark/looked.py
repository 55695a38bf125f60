"""What the first pass has found in all parts of a source, put together on the driver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain

from service.eligibility.entry import entry_of
from service.eligibility.study import Study
from service.population.bundles import Piece
from service.population.damage import Lost
from service.population.files import Unread, nothing_in
from service.population.look import chosen, members_of
from service.population.reading import Reading
from service.spark.looking import Look
from service.spark.texts import File


class Looked:
    """Whom a source holds, and what the reading of every chart needs."""

    def __init__(self, looks: Sequence[Look], files: Sequence[File], passed_over: Sequence[Unread]) -> None:
        """Put the looks together. Raises ``InputError``: ``no-fhir`` or ``no-patient``."""
        self._held = [look.held for look in looks]
        self.people, self.conditions, self.uncoded = (
            sum(counts)
            for counts in zip(*((held.people, held.conditions, held.uncoded) for held in self._held), strict=True)
        )
        self.some = set[str]().union(*(held.some for held in self._held))
        self.present = set[str]().union(*(look.present for look in looks))
        # Whoever is named by records beside somebody else's, or by broken lines alone, may have no chart.
        self.doubtful = set[str]().union(*(look.doubtful | look.held.named for look in looks))
        self._passed_over, self._lost = list(passed_over), _lost(looks, files)
        if not any(held.fhir for held in self._held):
            raise nothing_in("There is no FHIR JSON in the source.", "no-fhir", self.unread(None))
        if not self.some:
            raise nothing_in("The source holds no patient.", "no-patient", self.unread(None))
        self.reading = _reading(looks, anyones=bool(passed_over))

    def unread(self, people: Collection[str] | None) -> list[Unread]:
        """Return what could not be read and is told where these people are looked for (``Lost``)."""
        looked_for = None if people is None else frozenset(people)
        return [*self._passed_over, *(told for lost, told in self._lost if lost.concerns(looked_for))]

    def chosen(self, study: Study) -> set[str]:
        """Return whom the study looks for, and who may take part in it."""
        entry = entry_of(study)
        if entry is None:
            return set(self.present)
        return chosen(entry, self._held) | members_of(study.record.identifiers.values(), self._held)


def _reading(looks: Sequence[Look], *, anyones: bool) -> Reading:
    """Return what all charts have to know, as one reader of the whole source has it."""
    reading = Reading(anyones=anyones or any(look.anyones for look in looks))
    reading.withheld = set[str]().union(*(look.withheld for look in looks))
    for place, kind, located in sorted(
        chain.from_iterable(look.shared for look in looks), key=lambda shared: shared[0].order
    ):
        reading.shared.keep(Piece("", kind, [located], place))
    return reading


def _lost(looks: Iterable[Look], files: Sequence[File]) -> list[tuple[Lost, Unread]]:
    """Return what could not be read, with lines as they count in a file: a block begins where those before it end."""
    blocks = dict(chain.from_iterable(look.lines.items() for look in looks))
    before, lines, last = dict[tuple[int, int], int](), 0, None
    for file, start in sorted(blocks):
        lines = lines if file == last else 0
        before[file, start], last = lines, file
        lines += blocks[file, start]
    found = chain.from_iterable(look.unread.items() for look in looks)
    return [
        (
            lost,
            Unread(files[place.file].name, place.line and before[place.file, place.offset] + place.line, lost.why),
        )
        for place, lost in sorted(found, key=lambda each: each[0].order)
    ]
