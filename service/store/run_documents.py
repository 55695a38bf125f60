"""What two runs say of people, read as a report is made: one after the other, never all at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from service.discovery.model import Ended, Run
from service.fhir.coverage import Tally
from service.screening.document import Document
from service.screening.stored import decode
from service.store.tables import run_people

_AT_ONCE = 200

_coverage = msgspec.json.Decoder(dict[str, Tally])


def ends(connection: Connection, run: Run) -> Iterator[Ended]:
    """Yield the people of a run with their ends."""
    last = ""
    while True:
        following = select(run_people).where(run_people.c.run == run.id, run_people.c.patient > last)
        rows = connection.execute(following.order_by(run_people.c.patient).limit(_AT_ONCE)).all()
        for row in rows:
            coverage = {} if row.coverage is None else _coverage.decode(row.coverage)
            yield Ended(row.patient, unpacked(row.document), row.error, coverage)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].patient


class Documents(Mapping[str, Document]):
    """What a run kept of people, by patient; of no run: nothing."""

    def __init__(self, connection: Connection, run: str | None) -> None:
        self._connection = connection
        self._theirs = (run_people.c.run == run, run_people.c.document.is_not(None))

    def packed(self, patient: str) -> bytes | None:
        """Return what was kept of a patient, as it is kept."""
        found = select(run_people.c.document).where(*self._theirs, run_people.c.patient == patient)
        return self._connection.execute(found).scalar()

    def __getitem__(self, patient: str) -> Document:
        """Return what was kept of a patient."""
        document = unpacked(self.packed(patient))
        if document is None:
            raise KeyError(patient)
        return document

    def __iter__(self) -> Iterator[str]:
        """Yield the patients."""
        return iter(self._connection.execute(select(run_people.c.patient).where(*self._theirs)).scalars().all())

    def __len__(self) -> int:
        """Return how many there are."""
        return self._connection.execute(select(func.count()).select_from(run_people).where(*self._theirs)).scalar() or 0


def packed(document: bytes | None) -> bytes | None:
    """Return a document as it is kept."""
    return None if document is None else zlib.compress(document, 1)


def unpacked(document: Any) -> Document | None:
    """Return a document that is kept."""
    return None if document is None else decode(zlib.decompress(document))
