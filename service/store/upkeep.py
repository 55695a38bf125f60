"""What operators do with what is kept: look at jobs, put parked ones back, purge what is old, forget a patient."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, delete, exists, func, or_, select, update

from service.store import runs
from service.store.results import record
from service.store.tables import audit, card_feedback, events, idempotency, jobs, not_done, screenings, seen_tokens
from service.work.model import Audit, JobCount, JobState, JobStatus, Kind
from service.work.orders import patients_brought

EVENTS_KEPT = timedelta(days=7)  # servers deliver again for some days; what comes after that is screened once more


def jobs_in(connection: Connection, states: Collection[JobState], limit: int) -> list[JobStatus]:
    """Return jobs, those that changed last first."""
    names = [jobs.c[name] for name in JobStatus._fields]
    rows = connection.execute(
        select(*names).where(jobs.c.state.in_(states)).order_by(jobs.c.changed.desc(), jobs.c.id).limit(limit)
    )
    return [_read(row) for row in rows]


def counts(connection: Connection) -> list[JobCount]:
    """Return how many jobs that are not done stand how, by kind, and since when the oldest has been to be done."""
    by = (jobs.c.kind, jobs.c.state)
    since = case((jobs.c.attempts == 0, func.coalesce(jobs.c.due, jobs.c.created)), else_=jobs.c.created)
    rows = connection.execute(select(*by, func.count(), func.min(since)).where(not_done).group_by(*by).order_by(*by))
    return [JobCount(Kind(kind), JobState(state), number, oldest) for kind, state, number, oldest in rows]


def requeue(connection: Connection, now: datetime, ids: Sequence[str] | None, caller: str) -> int:
    """Put parked jobs back, those of ``ids`` or all; return how many. Their strikes are forgotten."""
    parked = [jobs.c.state == JobState.PARKED]
    if ids is not None:
        parked.append(jobs.c.id.in_(ids))
    screened = connection.execute(select(jobs.c.screening).where(*parked)).scalars().all()
    fresh = {"state": JobState.READY, "due": now, "strikes": 0, "attempts": 0, "changed": now}
    connection.execute(update(jobs).where(*parked).values(**fresh))
    for screening in screened:
        record(connection, now, Audit("requeued", caller, screening=screening))
    return len(screened)


def purge(connection: Connection, now: datetime, before: datetime | None) -> int:
    """Delete what expired, and with ``before`` also what is older than that; return how many results went.

    What is under way stays, and so does the audit.
    """
    connection.execute(delete(idempotency).where(idempotency.c.expires <= now))
    connection.execute(delete(seen_tokens).where(seen_tokens.c.expires <= now))
    connection.execute(delete(events).where(events.c.received <= now - EVENTS_KEPT))
    if before is None:
        return 0
    connection.execute(delete(events).where(events.c.received < before))
    connection.execute(delete(card_feedback).where(card_feedback.c.at < before))
    ended = jobs.c.state.in_((JobState.DONE, JobState.PARKED))
    connection.execute(delete(jobs).where(ended, jobs.c.changed < before))
    unfinished = select(jobs.c.screening).where(not_done)
    said = or_(screenings.c.confirmed.is_(None), screenings.c.confirmed < before.astimezone().date())
    old = (screenings.c.changed < before, said, screenings.c.id.not_in(unfinished))
    gone = connection.execute(delete(screenings).where(*old)).rowcount
    runs.purge(connection, before)
    there = (exists().where(each == idempotency.c.screening) for each in (screenings.c.id, jobs.c.screening))
    connection.execute(delete(idempotency).where(*(~each for each in there)))
    return gone


def forget(connection: Connection, now: datetime, patient: str, caller: str) -> int:
    """Delete what is kept of one patient; return how many results went.

    The audit keeps that there were results, and that they were forgotten: by whom, not of whom.
    """
    made = select(screenings.c.id).where(screenings.c.patient == patient)
    brought = _brought(connection, patient)
    asked = select(jobs.c.screening).where(or_(jobs.c.patient == patient, jobs.c.id.in_(brought)))
    theirs = or_(idempotency.c.screening.in_(made), idempotency.c.screening.in_(asked))
    connection.execute(delete(idempotency).where(theirs))
    their_jobs = or_(jobs.c.screening.in_(made), jobs.c.patient == patient, jobs.c.id.in_(brought))
    connection.execute(delete(jobs).where(their_jobs))
    connection.execute(delete(events).where(events.c.patient == patient))
    runs.forget(connection, patient)
    gone = connection.execute(delete(screenings).where(screenings.c.patient == patient)).rowcount
    connection.execute(update(audit).where(audit.c.patient == patient).values(patient=None))
    record(connection, now, Audit("forgotten", caller))
    return gone


def _brought(connection: Connection, patient: str) -> list[str]:
    """Return the jobs that are not done and whose Bundle is the patient's: their rows name nobody."""
    bundles = select(jobs.c.id, jobs.c.payload).where(not_done, jobs.c.kind == Kind.SCREEN, jobs.c.patient.is_(None))
    return [id_ for id_, payload in connection.execute(bundles) if patient in patients_brought(payload)]


def _read(row: Any) -> JobStatus:
    return JobStatus(**row._mapping)._replace(kind=Kind(row.kind), state=JobState(row.state))  # noqa: SLF001 - public in SQLAlchemy
