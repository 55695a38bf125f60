"""Results as rows: added with the audit line and the job that posts them, and read again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_, update

from service.store import jobs, newest
from service.store.tables import audit, screenings
from service.work.model import Audit, Claim, Filter, NewJob, StoredScreening
from service.work.ports import LeaseLost

_INSIDE = {"created", "confirmed"}  # what no door tells
_OURS = _INSIDE | {"changed"}


def screened(
    connection: Connection,
    now: datetime,
    held: Claim,
    result: StoredScreening,
    line: Audit,
    then: NewJob | None,
    lease: timedelta | None,
) -> Claim | None:
    """Keep a result: see ``Store.screened``."""
    jobs.end(connection, now, held)
    keep(connection, now, result, line)
    return jobs.add(connection, now, then, lease) if then is not None else None


def keep(connection: Connection, now: datetime, result: StoredScreening, line: Audit) -> None:
    """Add a result and its line of the audit."""
    names = (column.name for column in screenings.columns if column.name not in _OURS)
    row = {name: getattr(result, name) for name in names}
    connection.execute(insert(screenings).values(**row, created=now, changed=now))
    record(connection, now, line)


def posted(connection: Connection, now: datetime, held: Claim, document: bytes, line: Audit) -> None:
    """Keep what became of posting a result: see ``Store.posted``."""
    jobs.end(connection, now, held)
    _rewrite(connection, now, held, document)
    record(connection, now, line)


def park(connection: Connection, now: datetime, held: Claim, reason: str, document: bytes | None) -> None:
    """Set a job aside: see ``Store.park``."""
    jobs.change(connection, now, held, state="parked", due=None, reason=reason)
    if document is not None:
        _rewrite(connection, now, held, document)


def record(connection: Connection, now: datetime, *lines: Audit) -> None:
    """Add lines to the record of who did what."""
    connection.execute(insert(audit), [{"at": now, **line._asdict()} for line in lines])


def document(connection: Connection, held: Claim) -> bytes:
    """Return the document of the result that a job is about. Raises ``LeaseLost`` where the patient was forgotten."""
    row = connection.execute(select(screenings.c.document).where(screenings.c.id == held.screening)).scalar()
    if row is None:
        raise LeaseLost("The result that a job is about was deleted.")
    return bytes(row)


def read(connection: Connection, id_: str) -> StoredScreening | None:
    """Return a result."""
    row = connection.execute(select(screenings).where(screenings.c.id == id_)).one_or_none()
    return None if row is None else _read(row)


def read_many(connection: Connection, today: date, wanted: Filter) -> list[StoredScreening]:
    """Return the newest result of each patient and study that fits: see ``Filter``."""
    fits = [screenings.c.error.is_(None), ~newest.replaced(screenings, today)]
    exactly = {name: getattr(wanted, name) for name in ("study", "status", "priority")}
    fits += [screenings.c[name] == value for name, value in exactly.items() if value is not None]
    if wanted.since is not None:
        fits.append(screenings.c.changed >= wanted.since)
    order = (screenings.c.changed, screenings.c.id)
    if wanted.after is not None:
        changed, id_ = wanted.after
        fits.append(tuple_(*order) > (changed, id_))
    rows = connection.execute(select(screenings).where(*fits).order_by(*order).limit(wanted.limit))
    return [_read(row) for row in rows]


def recent(connection: Connection, study: str, patient: str, since: datetime) -> list[StoredScreening]:
    """Return a patient's results that changed since then, newest first."""
    theirs = (screenings.c.patient == patient, screenings.c.study == study, screenings.c.changed >= since)
    rows = connection.execute(select(screenings).where(*theirs).order_by(screenings.c.created.desc()))
    return [_read(row) for row in rows]


def _rewrite(connection: Connection, now: datetime, held: Claim, document: bytes) -> None:
    this = screenings.c.id == held.screening
    connection.execute(update(screenings).where(this).values(document=document, changed=now))


def _read(row: Any) -> StoredScreening:
    return StoredScreening(**{name: value for name, value in row._mapping.items() if name not in _INSIDE})  # noqa: SLF001 - its public name in SQLAlchemy
