"""Discovery runs as rows: held under a lease, told of, ended; every change asks for the fence of the lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from service.discovery.model import GONE, Kept, Run, RunOrder, RunState, Selection
from service.discovery.ports import RunLost
from service.screening.stored import decode, says_the_same
from service.store import results
from service.store.newest import NOT_PERMITTED, replaced
from service.store.run_documents import Documents, packed
from service.store.tables import run_people, runs, screenings
from service.work.model import Audit, StoredScreening

_AT_ONCE = 500  # values in one statement

decode_order = msgspec.json.Decoder(RunOrder).decode
_selection = msgspec.json.Decoder(Selection)
_encode = msgspec.json.encode


def change(connection: Connection, /, now: datetime, run: Run, **values: Any) -> None:
    """Change a run that is in our hands. Raises ``RunLost``."""
    ours = (runs.c.id == run.id, runs.c.fence == run.fence, runs.c.state == RunState.RUNNING)
    if connection.execute(update(runs).where(*ours).values(changed=now, **values)).rowcount != 1:
        raise RunLost("The run is in other hands now.")


def selected(connection: Connection, now: datetime, run: Run, selection: Selection) -> None:
    """Keep whom a run is to screen."""
    change(connection, now, run, selection=_encode(selection))
    for start in range(0, len(selection.patients), _AT_ONCE):
        people = selection.patients[start : start + _AT_ONCE]
        connection.execute(insert(run_people), [{"run": run.id, "patient": one, "ended": False} for one in people])


def left(connection: Connection, run: Run) -> list[str]:
    """Return who has no end yet."""
    theirs = (run_people.c.run == run.id, ~run_people.c.ended)
    return list(
        connection.execute(select(run_people.c.patient).where(*theirs).order_by(run_people.c.patient)).scalars()
    )


def ended(connection: Connection, now: datetime, run: Run, people: Sequence[Kept], caller: str) -> None:
    """Keep the ends of people, and what is new of their results."""
    change(connection, now, run)
    before = Documents(connection, last_id(connection, run.order.study))
    for each in people:
        unknown = each.document is None and each.error != GONE  # what was known the last time is the best we know
        document = before.packed(each.patient) if unknown else packed(each.document)
        this = (run_people.c.run == run.id, run_people.c.patient == each.patient)
        coverage = _encode(each.coverage) if each.coverage else None
        end = {"ended": True, "error": each.error, "document": document, "coverage": coverage, "again": _again(each)}
        connection.execute(update(run_people).where(*this).values(**end))
        if each.result is not None:
            _keep(connection, now, each, each.result, caller)


def _again(each: Kept) -> bool:
    """Whether to look at somebody the next time, whatever has changed: not at who is gone or opposed."""
    refused = each.result.error if each.result is not None else None
    return bool({each.error, refused} - {None, GONE, NOT_PERMITTED})


def _keep(connection: Connection, now: datetime, each: Kept, result: StoredScreening, caller: str) -> None:
    """Add a result that says something new; one about somebody without the disease only where there was another."""
    standing = _standing(connection, now, result)
    if standing is None and (each.without_disease or result.error is not None):
        return
    if standing is not None and result.error is None and says_the_same(standing, result.document):
        return
    results.keep(connection, now, result, Audit("screened", caller, result.patient, result.id))


def _standing(connection: Connection, now: datetime, result: StoredScreening) -> bytes | None:
    this = (screenings.c.patient == result.patient, screenings.c.study == result.study, screenings.c.error.is_(None))
    stands = ~replaced(screenings, now.astimezone().date())
    return connection.execute(select(screenings.c.document).where(*this, stands).limit(1)).scalar()


def finish(connection: Connection, now: datetime, run: Run, report: bytes) -> None:
    """End a run well; of the people of other runs only those of the last for good are kept."""
    change(connection, now, run, state=RunState.DONE, report=report, held_until=None, progress=None)
    kept = {run.id, last_id(connection, run.order.study) or run.id}
    others = select(runs.c.id).where(runs.c.study == run.order.study, runs.c.id.not_in(kept))
    connection.execute(delete(run_people).where(run_people.c.run.in_(others)))


def stop(connection: Connection, now: datetime, run: Run, state: RunState, reason: str) -> None:
    """Let go of a run that did not end well; it can be gone on with."""
    change(connection, now, run, state=state, reason=reason, held_until=None)


def release_all(connection: Connection, now: datetime) -> None:
    """Have every run under way taken again at once: whoever carried it out is no more."""
    connection.execute(update(runs).where(runs.c.state == RunState.RUNNING).values(held_until=now))


def purge(connection: Connection, before: datetime) -> None:
    """Delete runs that ended before then."""
    old = select(runs.c.id).where(runs.c.state.in_((RunState.DONE, RunState.FAILED)), runs.c.changed < before)
    connection.execute(delete(run_people).where(run_people.c.run.in_(old)))
    connection.execute(delete(runs).where(runs.c.id.in_(old)))


def forget(connection: Connection, patient: str) -> None:
    """Delete what runs and their reports say of one patient."""
    connection.execute(delete(run_people).where(run_people.c.patient == patient))
    told = or_(runs.c.report.is_not(None), runs.c.selection.is_not(None))
    for row in connection.execute(select(runs.c.id, runs.c.report, runs.c.selection).where(told)).all():
        kept = {name: _without(getattr(row, name), patient) for name in ("report", "selection")}
        if kept != {"report": row.report, "selection": row.selection}:
            connection.execute(update(runs).where(runs.c.id == row.id).values(**kept))


def _without(document: bytes | None, patient: str) -> bytes | None:
    """Return a JSON document without the entries of its lists that are or are about one patient."""
    if document is None or patient.encode() not in document:
        return document
    return _encode({name: _others(value, patient) for name, value in decode(document).items()})


def _others(value: Any, patient: str) -> Any:
    if not isinstance(value, list):
        return value
    return [each for each in value if patient not in (each, each.get("patient") if isinstance(each, dict) else None)]


def last_id(connection: Connection, study: str, *alike: ColumnElement[bool]) -> str | None:
    """Return the id of the last run that ended well and left nobody out, and of which ``alike`` is true."""
    done = (runs.c.study == study, runs.c.state == RunState.DONE, runs.c.for_good, *alike)
    return connection.execute(select(runs.c.id).where(*done).order_by(runs.c.started.desc()).limit(1)).scalar()


def last(connection: Connection, study: str, *alike: ColumnElement[bool]) -> Run | None:
    """Return that run."""
    id_ = last_id(connection, study, *alike)
    return None if id_ is None else read(connection, id_)


def read(connection: Connection, id_: str) -> Run | None:
    """Return a run."""
    row = connection.execute(select(runs).where(runs.c.id == id_)).one_or_none()
    return None if row is None else _read(row)


def known(connection: Connection, now: datetime, study: str) -> frozenset[str]:
    """Return who has a result that stands, and who failed the last time; not who was refused or gone since."""
    stands = ~replaced(screenings, now.astimezone().date())
    theirs = (screenings.c.study == study, screenings.c.patient.is_not(None), screenings.c.error.is_(None))
    found = set(connection.execute(select(screenings.c.patient).where(*theirs, stands).distinct()).scalars())
    again = (run_people.c.run == last_id(connection, study), run_people.c.again)
    return frozenset(found.union(connection.execute(select(run_people.c.patient).where(*again)).scalars()))


def _read(row: Any) -> Run:
    return Run(
        row.id,
        decode_order(row.order),
        RunState(row.state),
        row.fence,
        row.since,
        None if row.selection is None else _selection.decode(row.selection),
        row.progress,
        row.reason,
        row.report,
        row.started,
    )
