"""Which of a patient's results stands: the one of the latest day, unless the patient was refused since."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, FromClause, and_, case, exists, literal, or_, select, tuple_

from service.discovery.model import TRIGGER
from service.store.tables import jobs, screenings
from service.work.model import Claim, Kind

NOT_PERMITTED = "not-permitted"


def replaced(one: FromClause, today: date) -> ColumnElement[bool]:
    """Whether a result is history: there is a later one, or the patient was refused since."""
    other = screenings.alias()
    later = and_(other.c.error.is_(None), _later(other, one, today))
    return exists().where(*_same(one, other), or_(later, _refused_since(other, one, today)))


def superseded(connection: Connection, today: date, held: Claim) -> bool:
    """Whether a post has nothing to do any more: see ``Store.superseded``."""
    one, other = screenings.alias(), screenings.alias()
    posted = exists().where(jobs.c.screening == other.c.id, jobs.c.kind == Kind.POST)
    later = and_(or_(posted, _of_a_run(other)), _later(other, one, today))
    found = select(other.c.id).where(
        one.c.id == held.screening, *_same(one, other), or_(later, _refused_since(other, one, today))
    )
    return connection.execute(found.limit(1)).first() is not None


def later_day_stands(connection: Connection, today: date, study: str, patient: str, as_of: date) -> bool:
    """Whether there is a result of a patient for a later day; one still to come counts as today."""
    theirs = (screenings.c.study == study, screenings.c.patient == patient, screenings.c.error.is_(None))
    later = _rank(screenings, today)[0] > min(as_of, today)
    return connection.execute(select(screenings.c.id).where(*theirs, later).limit(1)).first() is not None


def _same(one: FromClause, other: FromClause) -> tuple[ColumnElement[bool], ...]:
    return other.c.patient == one.c.patient, other.c.study == one.c.study


def _later(one: FromClause, other: FromClause, today: date) -> ColumnElement[bool]:
    """Whether a result is of a later day, or of the same day and made later."""
    return tuple_(*_rank(one, today)) > tuple_(*_rank(other, today))


def _rank(one: FromClause, today: date) -> tuple[ColumnElement[Any], ...]:
    # A day that is still to come counts as today: it must not hide what is found until then.
    day = case((one.c.as_of > today, literal(today, Date)), else_=one.c.as_of)
    return day, one.c.created, one.c.id


def _refused_since(one: FromClause, other: FromClause, today: date) -> ColumnElement[bool]:
    """Whether a patient was refused later than a result was made, or for a later day.

    The hospital's own records refuse; of what a caller brought only an opposition does.
    """
    pulled = exists().where(jobs.c.screening == one.c.id, jobs.c.kind == Kind.SCREEN, jobs.c.patient.is_not(None))
    refused = or_(one.c.error == NOT_PERMITTED, and_(one.c.error.is_not(None), or_(pulled, _of_a_run(one))))
    return and_(refused, or_(one.c.created > other.c.created, _later(one, other, today)))


def _of_a_run(one: FromClause) -> ColumnElement[bool]:
    """Whether a search of the whole hospital made a result: of the hospital's own records, and posted without a job."""
    return one.c.trigger == TRIGGER
