"""How discovery runs begin: one of a study at a time; one that broke off goes on, or makes way for the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.discovery.model import Run, RunOrder, RunState, Terms
from service.discovery.ports import RunUnderWay
from service.store import jobs
from service.store.runs import decode_order, last, read
from service.store.tables import run_people, runs
from service.work.model import JobState, Key, NewJob

_LATELY = timedelta(hours=12)  # a night: what broke off before that is not gone on with for the day it was of
_SERVED = timedelta(hours=6)  # a job that nobody has touched for so long is of a service that is no more
_GIVEN_UP = "It broke off or was never begun, and another run was asked for."
_WAITS = {JobState.READY, JobState.RUNNING}

_encode = msgspec.json.encode


def queue(connection: Connection, now: datetime, id_: str, order: RunOrder, job: NewJob, key: Key | None) -> str:
    """Keep a run to be carried out by a job, with the job: see ``SqlRuns.queue``."""
    if key is not None:
        if (known := jobs.known(connection, now, key)) is not None:
            return known
        jobs.remember(connection, now, key, id_)  # first: whoever sends it at the same moment waits here
    newest = _newest(connection, order.study)
    _make_way(connection, now, newest)
    _insert(connection, now, id_, order, newest, {"state": RunState.QUEUED, "fence": 0, "rules": "", "scope": ""})
    jobs.add(connection, now, job, None)
    return id_


def begin(
    connection: Connection, now: datetime, id_: str, order: RunOrder, terms: Terms, lease: timedelta, *, resume: bool
) -> Run:
    """Begin a run, or go on with the last one: see ``SqlRuns.begin``."""
    newest = _newest(connection, order.study)
    if newest is not None and not _is_under_way(connection, now, newest) and resume:
        lately = now - newest.changed < _LATELY
        same = newest.rules == terms.rules and newest.scope == terms.scope and newest.state != RunState.DONE
        if same and order.goes_on_with(decode_order(newest.order), lately=lately):
            return _taken(connection, now, newest, terms, lease)
    _make_way(connection, now, newest)
    standing = {"state": RunState.RUNNING, "fence": 1, "held_until": now + lease}
    since = _since(connection, now, order, terms)
    standing |= {"since": since, "rules": terms.rules, "scope": terms.scope}
    _insert(connection, now, id_, order, newest, standing)
    return _run(connection, id_)


def take(connection: Connection, now: datetime, id_: str, terms: Terms, lease: timedelta) -> Run | None:
    """Take a run that was queued, or that broke off: see ``SqlRuns.take``."""
    run = read(connection, id_)
    newest = None if run is None else _newest(connection, run.order.study)
    if newest is None or newest.id != id_ or newest.state == RunState.DONE:
        return None
    if _is_held(now, newest):
        raise RunUnderWay("This run is in other hands.")
    return _taken(connection, now, newest, terms, lease)


def set_aside(connection: Connection, now: datetime, id_: str, reason: str) -> None:
    """End the run of a job that is tried no more."""
    under_way = (runs.c.id == id_, runs.c.state.in_((RunState.QUEUED, RunState.RUNNING)))
    _fail(connection, now, reason, *under_way)


def _newest(connection: Connection, study: str) -> Row[Any] | None:
    """Return the run that was begun or queued last; only that one can be under way."""
    of = select(runs).where(runs.c.study == study).order_by(runs.c.number.desc()).limit(1)
    return connection.execute(of.with_for_update()).one_or_none()


def _is_held(now: datetime, row: Row[Any]) -> bool:
    left = timedelta() if row.held_until is None else row.held_until - now
    return bool(row.state == RunState.RUNNING and timedelta() < left < _SERVED)  # more is of a clock that was wrong


def _is_under_way(connection: Connection, now: datetime, row: Row[Any]) -> bool:
    """Whether somebody carries it out, or a service will."""
    if row.state not in (RunState.QUEUED, RunState.RUNNING):
        return False
    served = abs(now - row.changed) < _SERVED and jobs.standing(connection, row.id) in _WAITS
    return served or _is_held(now, row)


def _make_way(connection: Connection, now: datetime, newest: Row[Any] | None) -> None:
    """Give up the run that stands in the way of another. Raises ``RunUnderWay`` where it is under way."""
    if newest is None:
        return
    if _is_under_way(connection, now, newest):
        raise RunUnderWay(f"A run of this study is under way: {newest.id}.", newest.id)
    if newest.state in (RunState.QUEUED, RunState.RUNNING):
        _fail(connection, now, _GIVEN_UP, runs.c.id == newest.id)


def _fail(connection: Connection, now: datetime, reason: str, *which: Any) -> None:
    failed = {"state": RunState.FAILED, "reason": reason, "held_until": None, "changed": now}
    connection.execute(update(runs).where(*which).values(**failed))


def _insert(
    connection: Connection,
    now: datetime,
    id_: str,
    order: RunOrder,
    newest: Row[Any] | None,
    standing: Mapping[str, Any],
) -> None:
    number = 1 if newest is None else newest.number + 1  # in order, whatever clocks say
    row = {"id": id_, "number": number, "study": order.study, "as_of": order.as_of}
    row |= {"for_good": order.for_good, "order": _encode(order), "started": now, "changed": now}
    try:
        with connection.begin_nested():
            connection.execute(insert(runs).values(**row, **standing))
    except IntegrityError:
        raise RunUnderWay("A run of this study was begun at the same moment.") from None


def _taken(connection: Connection, now: datetime, row: Row[Any], terms: Terms, lease: timedelta) -> Run:
    """Take a run; under other terms than it began with, it begins anew."""
    values = {"state": RunState.RUNNING, "fence": row.fence + 1, "reason": None}
    if row.rules != terms.rules or row.scope != terms.scope:
        connection.execute(delete(run_people).where(run_people.c.run == row.id))
        since = _since(connection, now, decode_order(row.order), terms)
        values |= {"rules": terms.rules, "scope": terms.scope, "since": since, "selection": None, "started": now}
    this = (runs.c.id == row.id, runs.c.fence == row.fence, runs.c.state == row.state)
    changed = update(runs).where(*this).values(**values, held_until=now + lease, changed=now)
    try:
        with connection.begin_nested():
            taken = connection.execute(changed).rowcount == 1
    except IntegrityError:  # another one was begun
        taken = False
    if not taken:
        raise RunUnderWay("This run was taken, or another begun, at the same moment.")
    return _run(connection, row.id)


def _since(connection: Connection, now: datetime, order: RunOrder, terms: Terms) -> datetime | None:
    """Return from when on changes are looked through; ``None``: everything is.

    Other rules may look for other people, and another server or Group has others.
    """
    alike = (runs.c.rules == terms.rules, runs.c.scope == terms.scope)
    whole = last(connection, order.study, *alike, runs.c.since.is_(None))
    if order.full or whole is None or not timedelta() <= now - whole.started < terms.whole_every:
        return None
    before = last(connection, order.study, *alike)
    return before.selection.until if before is not None and before.selection is not None else None


def _run(connection: Connection, id_: str) -> Run:
    run = read(connection, id_)
    assert run is not None  # noqa: S101 - it was made in this transaction
    return run
