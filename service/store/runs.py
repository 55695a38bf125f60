"""Discovery runs as rows: held under a lease, told of, ended; every change asks for the fence of the lease."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from service.discovery.model import Run, RunOrder, RunState, Selection
from service.discovery.ports import RunLost
from service.screening.stored import decode
from service.store.tables import run_people, runs

_AT_ONCE = 500  # values in one statement
_KEPT = timedelta(days=30)  # without a run of their kind people of runs are forgotten

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


def finish(connection: Connection, now: datetime, run: Run, report: bytes) -> None:
    """End a run well; people are kept of the runs that a next one goes on from."""
    change(connection, now, run, state=RunState.DONE, report=report, held_until=None, progress=None)
    kept = {run.id}
    good = (*for_good(run.order.study), runs.c.started > now - _KEPT)
    rows = connection.execute(select(runs.c.id, runs.c.scope, runs.c.as_of, runs.c.number).where(*good)).all()
    for scope in {row.scope for row in rows}:
        theirs = [row for row in rows if row.scope == scope]
        kept.add(max(theirs, key=lambda row: row.number).id)
        for until in (date.max, now.astimezone().date()):  # a run of a day to come is nothing to compare tonight's with
            days = [(row.as_of, row.number, row.id) for row in theirs if row.as_of <= until]
            kept |= {id_ for *_, id_ in sorted(days)[-1:]}
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


def for_good(study: str) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of a study's runs that ended well and left nobody out."""
    return runs.c.study == study, runs.c.state == RunState.DONE, runs.c.for_good


def last_id(connection: Connection, study: str, *alike: ColumnElement[bool], by_day: bool = False) -> str | None:
    """Return the id of the last run that ended well and left nobody out, and of which ``alike`` is true.

    ``by_day``: the one of the last day.
    """
    order = (*((runs.c.as_of.desc(),) if by_day else ()), runs.c.number.desc())
    found = select(runs.c.id).where(*for_good(study), *alike).order_by(*order).limit(1)
    return connection.execute(found).scalar()


def before(connection: Connection, run: Run) -> str | None:
    """Return the id of the run with which one is compared: of the same people, and of no later day."""
    alike = (runs.c.scope == run.scope, runs.c.as_of <= run.order.as_of)
    return last_id(connection, run.order.study, *alike, by_day=True)


def last(connection: Connection, study: str, *alike: ColumnElement[bool]) -> Run | None:
    """Return that run."""
    id_ = last_id(connection, study, *alike)
    return None if id_ is None else read(connection, id_)


def read(connection: Connection, id_: str) -> Run | None:
    """Return a run."""
    row = connection.execute(select(runs).where(runs.c.id == id_)).one_or_none()
    return None if row is None else _read(row)


def _read(row: Any) -> Run:
    return Run(
        row.id,
        decode_order(row.order),
        RunState(row.state),
        row.fence,
        row.scope,
        row.since,
        None if row.selection is None else _selection.decode(row.selection),
        row.progress,
        row.reason,
        row.report,
        row.started,
    )
