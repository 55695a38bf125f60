"""Jobs as rows: accepted, claimed, held, ended; every change of a claimed one asks for the fence of its lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from service.store.tables import idempotency, jobs
from service.work.model import Accepted, Claim, JobState, Key, Kind, NewJob
from service.work.ports import KeyTaken, LeaseLost, QueueFull

KEYS_KEPT = timedelta(days=7)
SOON = timedelta(minutes=1)  # what begins later than that takes nobody's place until then


def accept(
    connection: Connection, now: datetime, job: NewJob, key: Key | None, bound: int | None, lease: timedelta | None
) -> Accepted:
    """Keep a job: see ``Store.accept``."""
    if key is not None and (id_ := known(connection, now, key)) is not None:
        return Accepted(id_, again=True)
    if job.dedup is not None and (waiting := _waiting(connection, job.dedup)) is not None:
        return Accepted(waiting)
    if bound is not None:
        _refuse_more(connection, now, job.kind, bound)
    if key is not None:
        remember(connection, now, key, job.screening)
    return Accepted(job.screening, add(connection, now, job, lease))


def add(connection: Connection, now: datetime, job: NewJob, lease: timedelta | None) -> Claim | None:
    """Add a job, claimed at once where there is a ``lease`` and no other job of its lane runs."""
    if lease is not None:
        try:
            with connection.begin_nested():
                return _insert(connection, now, job, lease)
        except IntegrityError:  # another job of its lane runs
            pass
    return _insert(connection, now, job, None)


def _insert(connection: Connection, now: datetime, job: NewJob, lease: timedelta | None) -> Claim | None:
    held = lease is not None
    row = job._asdict()
    wait = row.pop("wait")
    connection.execute(
        insert(jobs).values(
            **row,
            state=JobState.RUNNING if held else JobState.READY,
            due=now + (wait if lease is None else lease),
            fence=int(held),
            attempts=int(held),
            strikes=0,
            created=now,
            changed=now,
        )
    )
    return Claim(job.id, job.kind, job.screening, 1, 1, 0, job.payload, now) if held else None


def claim(connection: Connection, now: datetime, kinds: Sequence[Kind], lease: timedelta) -> Claim | None:
    """Take a job that is due: see ``Store.claim``."""
    other = jobs.alias()
    lane_is_taken = exists().where(
        other.c.lane == jobs.c.lane, other.c.state == JobState.RUNNING, other.c.id != jobs.c.id
    )
    for kind in kinds:
        row = connection.execute(
            select(jobs)
            .where(jobs.c.kind == kind, jobs.c.due <= now, or_(jobs.c.lane.is_(None), ~lane_is_taken))
            .order_by(jobs.c.due, jobs.c.created)
            .limit(1)
            .with_for_update(skip_locked=True, of=jobs)
        ).one_or_none()
        if row is not None:
            return _take(connection, now, row, lease)
    return None


def _take(connection: Connection, now: datetime, row: Any, lease: timedelta) -> Claim | None:
    strikes = row.strikes + (row.state == JobState.RUNNING)  # its lease ran out
    taken = {"state": JobState.RUNNING, "due": now + lease, "dedup": None, "fence": row.fence + 1, "changed": now}
    try:
        with connection.begin_nested():
            connection.execute(
                update(jobs).where(jobs.c.id == row.id).values(**taken, attempts=row.attempts + 1, strikes=strikes)
            )
    except IntegrityError:  # another replica has just taken one of the same lane
        return None
    kind = Kind(row.kind)
    return Claim(row.id, kind, row.screening, row.fence + 1, row.attempts + 1, strikes, row.payload, row.created)


def change(connection: Connection, /, now: datetime, held: Claim, **values: Any) -> None:
    """Change a claimed job. Raises ``LeaseLost`` where somebody claimed it since, or it was ended."""
    ours = and_(jobs.c.id == held.id, jobs.c.fence == held.fence, jobs.c.state == JobState.RUNNING)
    if connection.execute(update(jobs).where(ours).values(changed=now, **values)).rowcount != 1:
        raise LeaseLost("The lease of a job ended before the job did.")


def end(connection: Connection, now: datetime, held: Claim) -> None:
    """End a claimed job; what it was asked, records included, is kept no longer. Raises ``LeaseLost``."""
    change(connection, now, held, state=JobState.DONE, due=None, payload=None, reason=None)


def withdraw(connection: Connection, now: datetime, held: Claim) -> None:
    """Forget a claimed job and its key; one that is promised waits again instead. Raises ``LeaseLost``."""
    change(connection, now, held, state=JobState.READY, due=now)
    if connection.execute(delete(jobs).where(jobs.c.id == held.id, ~jobs.c.promised)).rowcount:
        connection.execute(delete(idempotency).where(idempotency.c.screening == held.screening))


def promise(connection: Connection, screening: str) -> bool:
    """Have the jobs about a screening withdrawn no more; whether there is one."""
    return connection.execute(update(jobs).where(jobs.c.screening == screening).values(promised=True)).rowcount > 0


def release_all(connection: Connection, now: datetime) -> None:
    """Have every running job claimed again at once: whoever ran it is no more."""
    connection.execute(update(jobs).where(jobs.c.state == JobState.RUNNING).values(due=now))


def standing(connection: Connection, screening: str) -> JobState | None:
    """Return how the newest job about a screening stands."""
    of = select(jobs.c.state).where(jobs.c.screening == screening).order_by(jobs.c.created.desc(), jobs.c.kind).limit(1)
    state = connection.execute(of).scalar()
    return None if state is None else JobState(state)


def remember(connection: Connection, now: datetime, key: Key, id_: str) -> None:
    """Have a key stand for a screening or a run. Raises ``IntegrityError`` where it came at the same moment."""
    connection.execute(insert(idempotency).values(**key._asdict(), screening=id_, expires=now + KEYS_KEPT))


def known(connection: Connection, now: datetime, key: Key) -> str | None:
    """Return what the key stands for; one that expired is forgotten. Raises ``KeyTaken``."""
    same = and_(idempotency.c.caller == key.caller, idempotency.c.key == key.key)
    connection.execute(delete(idempotency).where(same, idempotency.c.expires <= now))
    row = connection.execute(select(idempotency.c.body, idempotency.c.screening).where(same)).one_or_none()
    if row is None:
        return None
    if row.body != key.body:
        raise KeyTaken("This Idempotency-Key came with another body before.")
    return str(row.screening)


def _waiting(connection: Connection, dedup: str) -> str | None:
    return connection.execute(select(jobs.c.screening).where(jobs.c.dedup == dedup)).scalar()


def _refuse_more(connection: Connection, now: datetime, kind: Kind, bound: int) -> None:
    begun = or_(jobs.c.attempts > 0, jobs.c.due <= now + SOON)
    under_way = select(jobs.c.id).where(jobs.c.kind == kind, jobs.c.due.is_not(None), begun).limit(bound).subquery()
    if (connection.execute(select(func.count()).select_from(under_way)).scalar() or 0) >= bound:
        raise QueueFull("As many screenings as allowed are under way.")
