"""What the texts of a source hold, by owner, and what of them could not be read: that makes charts incomplete."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from service.errors import NotFhirError
from service.fhir.references import Located
from service.population.bundles import Piece, Place, names_nobody, pieces
from service.population.damage import Lost, is_seen, is_torn, named_in
from service.population.shared import Shared

BROKEN_OFF = "The file cannot be read, or breaks off."
TOO_LONG = "The line is longer than 64 MiB."
_NAMES_NOBODY = "The record does not name its patient."


class PatientRecords(NamedTuple):
    """One patient's records as read; ``incomplete`` where some that may be this patient's could not be read."""

    patient: str  # Patient/id
    resources: list[Located]  # each with its fullUrl
    incomplete: bool


class Reading:
    """Takes texts apart, and remembers what each of them says about all charts."""

    def __init__(self, *, anyones: bool = False, keep: Callable[[Piece], None] | None = None) -> None:
        """``anyones``: something was passed over already that may be of anybody. ``keep`` takes what is nobody's."""
        self.shared = Shared()
        self._keep = keep or self.shared.keep
        self.unread: dict[Place, Lost] = {}
        self.withheld: set[str] = set()  # patients named by a line that could not be read
        self.anyones = anyones  # what could not be read may be anyone's: no absence decides
        self.fhir = False  # some of it was FHIR

    def pieces(self, data: bytes | None, place: Place) -> list[Piece]:
        """Return what a text holds, by owner; nothing of one that cannot be read, or is too long (``None``)."""
        if data is None:
            self.refuse(place, TOO_LONG, anyones=True)
            return []
        try:
            found = pieces(data, place)
        except NotFhirError as error:
            named = named_in(data)
            self.withheld |= named
            # A line is of whom it names, unless others are lost in it; a cut file is also of those beyond the cut;
            # whole JSON may be no chart at all.
            of_line = place.line is not None
            anyones = (not named or is_torn(data)) if of_line else error.code == "not-json"
            only = named if of_line and not anyones and not is_seen(data) else ()
            self.refuse(place, str(error), anyones=anyones, only=only)
            return []
        self.fhir = True
        return found

    def nobodys(self, piece: Piece) -> None:
        """Note a record that has no owner."""
        try:
            if names_nobody(piece):
                self.refuse(piece.place, _NAMES_NOBODY, anyones=True)
            else:
                self._keep(piece)
        except NotFhirError as error:  # what skimming passes over
            self.refuse(piece.place, str(error), anyones=True)

    def records(self, owner: str, found: list[Piece]) -> PatientRecords:
        """Return the records of one patient; all texts have to be looked at before."""
        resources: list[Located] = []
        incomplete = self.anyones or owner in self.withheld
        for piece in sorted(found, key=lambda each: each.place.order):  # however they were brought together
            try:
                resources += piece.records()
            except NotFhirError as error:  # what skimming passes over, e.g. a number beyond all bounds
                self.refuse(piece.place, str(error), only=[owner])
                incomplete = True
        shared, lost = self.shared.given_to(resources)
        return PatientRecords(owner, resources + shared, incomplete or lost)

    def refuse(self, place: Place, why: str, *, anyones: bool = False, only: Collection[str] = ()) -> None:
        """Note what could not be read, whether that may be of anybody, and whom ``only`` it concerns (``Lost``)."""
        self.unread[place] = Lost(why, frozenset(only))
        self.anyones |= anyones
