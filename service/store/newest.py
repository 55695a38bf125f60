"""Which of a patient's results stands: the one of the latest day, unless the patient was refused since."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from service.discovery.model import GONE, NOT_PERMITTED, TRIGGER, Overtaken
from service.store.tables import jobs, screenings
from service.work.model import Claim, Kind


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


def overtaken(
    connection: Connection, today: date, study: str, patient: str, as_of: date, at: datetime
) -> Overtaken | None:
    """Return what is newer about a patient than records taken ``at`` a moment and judged for a day.

    That is a result of a later day, or one of the same day or a refusal made since.
    """
    theirs = (screenings.c.study == study, screenings.c.patient == patient)
    day, run_day = _rank(screenings, today)[0], min(as_of, today)
    judged = screenings.c.error.is_(None)
    later = select(screenings.c.id).where(*theirs, judged, day > run_day).limit(1)
    if connection.execute(later).first() is not None:
        return Overtaken(None)
    newer = and_(screenings.c.created > at, or_(and_(judged, day == run_day), _refuses(screenings)))
    found = select(screenings.c.document).where(*theirs, newer).order_by(screenings.c.created.desc()).limit(1)
    document = connection.execute(found).scalar()
    return None if document is None else Overtaken(document)


def taken_leave(one: FromClause) -> ColumnElement[bool]:
    """Whether the patient of a result was opposed or gone since it was made: nobody looks for them then."""
    other = screenings.alias()
    left = other.c.error.in_((NOT_PERMITTED, GONE))
    return exists().where(*_same(one, other), left, other.c.created > one.c.created)


def _same(one: FromClause, other: FromClause) -> tuple[ColumnElement[bool], ...]:
    return other.c.patient == one.c.patient, other.c.study == one.c.study


def _later(one: FromClause, other: FromClause, today: date) -> ColumnElement[bool]:
    """Whether a result is of a later day, or of the same day and made later."""
    return tuple_(*_rank(one, today)) > tuple_(*_rank(other, today))


def _rank(one: FromClause, today: date) -> tuple[ColumnElement[Any], ...]:
    # A day that is still to come counts as today: it must not hide what is found until then.
    said = func.coalesce(one.c.confirmed, one.c.as_of)
    day = case((said > today, literal(today, Date)), else_=said)
    return day, one.c.created, one.c.id


def _refused_since(one: FromClause, other: FromClause, today: date) -> ColumnElement[bool]:
    """Whether a patient was refused later than a result was made, or for a later day."""
    return and_(_refuses(one), or_(one.c.created > other.c.created, _later(one, other, today)))


def _refuses(one: FromClause) -> ColumnElement[bool]:
    """Whether a row refuses: the hospital's own records do; of what a caller brought only an opposition does."""
    pulled = exists().where(jobs.c.screening == one.c.id, jobs.c.kind == Kind.SCREEN, jobs.c.patient.is_not(None))
    return or_(one.c.error == NOT_PERMITTED, and_(one.c.error.is_not(None), or_(pulled, _of_a_run(one))))


def _of_a_run(one: FromClause) -> ColumnElement[bool]:
    """Whether a search of the whole hospital made a result: of the hospital's own records, and posted without a job."""
    return one.c.trigger == TRIGGER
