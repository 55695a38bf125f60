"""What the first pass has found in all parts of a source, put together on the driver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from service.eligibility.entry import entry_of
from service.eligibility.study import Study
from service.fhir.references import identifiers, local_name
from service.population.bundles import Piece, Place
from service.population.files import Unread, nothing_in
from service.population.reading import Reading
from service.spark.looking import Look, Member
from service.spark.texts import File


class Looked:
    """Whom a source holds, and what the reading of every chart needs."""

    def __init__(self, looks: Sequence[Look], files: Sequence[File], passed_over: Sequence[Unread]) -> None:
        """Put the looks together. Raises ``InputError``: ``no-fhir`` or ``no-patient``."""
        self.people = sum(look.people for look in looks)
        self.conditions = sum(look.conditions for look in looks)
        self.uncoded = sum(look.uncoded for look in looks)
        self.present = set[str]().union(*(look.present for look in looks))
        self.doubtful = set[str]().union(*(look.doubtful for look in looks))
        self._shown = defaultdict[str, set[str]](set)
        for owner, concepts in chain.from_iterable(look.shown.items() for look in looks):
            self._shown[owner] |= concepts
        self._members = [member for look in looks for member in look.members]
        self.unread = [*passed_over, *_unread(looks, files)]
        self._studies: dict[str, frozenset[str]] = {}  # identifiers, by Type/id
        self.reading = self._read(looks, anyones=bool(passed_over))
        if not self.reading.fhir:
            raise nothing_in("There is no FHIR JSON in the source.", "no-fhir", self.unread)
        if not any(look.anybody for look in looks):
            raise nothing_in("The source holds no patient.", "no-patient", self.unread)

    def chosen(self, study: Study) -> set[str]:
        """Return whom the study looks for, and who may take part in it."""
        entry = entry_of(study)
        if entry is None:
            return set(self.present)
        let_in = {owner for owner, concepts in self._shown.items() if entry.lets_in(concepts)}
        ours = frozenset(study.record.identifiers.values())
        return let_in | {member.owner for member in self._members if self._may_be_in(member, ours)}

    def _may_be_in(self, member: Member, ours: frozenset[str]) -> bool:
        """Whether somebody is in our study; also where it cannot be told of which one."""
        names = member.identifiers | self._studies.get(member.study, frozenset())
        return not names or not names.isdisjoint(ours)

    def _read(self, looks: Iterable[Look], *, anyones: bool) -> Reading:
        """Return what all charts have to know, as one reader of the whole source has it."""
        reading = Reading(anyones=anyones)
        for look in looks:
            reading.withheld |= look.withheld
            reading.anyones |= look.anyones
            reading.fhir |= look.fhir
        records = sorted(chain.from_iterable(look.shared for look in looks), key=lambda each: _order(each[0]))
        for place, kind, located in records:
            reading.shared.keep(Piece("", kind, [located], place))
            if kind == "ResearchStudy" and (name := local_name(*located)):
                self._studies[name] = frozenset(value for _, value in identifiers(located[0]))
        return reading


def _order(place: Place) -> tuple[int, int, int]:
    return place.file, place.offset, place.line or 0


def _unread(looks: Iterable[Look], files: Sequence[File]) -> list[Unread]:
    """Return what could not be read, with lines as they count in a file: a block begins where those before it end."""
    blocks = dict(chain.from_iterable(look.lines.items() for look in looks))
    before, lines, last = dict[tuple[int, int], int](), 0, None
    for file, start in sorted(blocks):
        lines = lines if file == last else 0
        before[file, start], last = lines, file
        lines += blocks[file, start]
    found = chain.from_iterable(look.unread.items() for look in looks)
    return [
        Unread(files[place.file].name, place.line and before[place.file, place.offset] + place.line, why)
        for place, why in sorted(found, key=lambda each: _order(each[0]))
    ]
