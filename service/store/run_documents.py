"""What two runs say of people, read a page at a time: no transaction lasts long, and never are all held at once."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from service.discovery.model import Ended, Run
from service.fhir.coverage import Tally
from service.screening.document import Document
from service.screening.stored import decode
from service.store.runs import before
from service.store.tables import run_people

_PAGE = 200  # people

_coverage = msgspec.json.Decoder(dict[str, Tally])
_now, _then = run_people.alias(), run_people.alias()


def ends(connection: Connection, run: Run, after: str) -> list[Row[Any]]:
    """Return the next people of a run, each with what the run before kept."""
    last_kept = (_then.c.run == before(connection, run)) & (_then.c.patient == _now.c.patient)
    found = select(_now, _then.c.document.label("before")).select_from(_now.outerjoin(_then, last_kept))
    return _page(connection, found.where(_now.c.run == run.id, _now.c.patient > after), _now)


def absent(connection: Connection, run: Run, after: str) -> list[Row[Any]]:
    """Return the next people of whom the run before kept something, and who are not in this one."""
    here = select(_now.c.patient).where(_now.c.run == run.id, _now.c.patient == _then.c.patient).exists()
    theirs = (_then.c.run == before(connection, run), _then.c.document.is_not(None), _then.c.patient > after)
    return _page(connection, select(_then.c.patient, _then.c.document).where(*theirs, ~here), _then)


def read_end(row: Row[Any]) -> Ended:
    """Return the end of somebody."""
    coverage = {} if row.coverage is None else _coverage.decode(row.coverage)
    return Ended(row.patient, unpacked(row.document), row.error, coverage, unpacked(row.before))


def kept_by(connection: Connection, run: str | None, patient: str) -> bytes | None:
    """Return what a run kept of a patient, as it is kept."""
    this = (run_people.c.run == run, run_people.c.patient == patient)
    return connection.execute(select(run_people.c.document).where(*this)).scalar()


def packed(document: bytes | None) -> bytes | None:
    """Return a document as it is kept."""
    return None if document is None else zlib.compress(document, 1)


def unpacked(document: Any) -> Document | None:
    """Return a document that is kept."""
    return None if document is None else decode(zlib.decompress(document))


def _page(connection: Connection, found: Any, people: Any) -> list[Row[Any]]:
    return list(connection.execute(found.order_by(people.c.patient).limit(_PAGE)).all())
