"""How people of a run ended, as rows: what is new of their results, and who is looked at again the next time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from service.discovery.model import GONE, NOT_PERMITTED, Kept, Run
from service.screening.stored import says_the_same, with_newer_post
from service.store import results
from service.store.newest import replaced, taken_leave
from service.store.run_documents import kept_by, packed
from service.store.runs import before, change, for_good
from service.store.tables import run_people, runs, screenings
from service.work.model import Audit, StoredScreening

_encode = msgspec.json.encode


def ended(connection: Connection, now: datetime, run: Run, people: Sequence[Kept], caller: str) -> None:
    """Keep the ends of people, and what is new of their results."""
    change(connection, now, run)
    last = before(connection, run)
    for each in people:
        unknown = each.document is None and each.error != GONE  # what was known the last time is the best we know
        document = kept_by(connection, last, each.patient) if unknown else packed(each.document)
        this = (run_people.c.run == run.id, run_people.c.patient == each.patient)
        coverage = _encode(each.coverage) if each.coverage else None
        end = {"ended": True, "error": each.error, "document": document, "coverage": coverage, "again": _again(each)}
        ours = connection.execute(update(run_people).where(*this).values(**end)).rowcount  # not who was forgotten
        if ours and each.result is not None:
            _keep(connection, now, each, each.result, caller)


def _again(each: Kept) -> bool:
    """Whether to look at somebody the next time, whatever has changed: not at who is gone or opposed."""
    refused = each.result.error if each.result is not None else None
    return bool({each.error, refused} - {None, GONE, NOT_PERMITTED})


def _keep(connection: Connection, now: datetime, each: Kept, result: StoredScreening, caller: str) -> None:
    """Add a result that says something new; one about somebody without the disease only where there was another.

    Of one that says the same as the one that stands the day is kept, and what became of posting it.
    """
    standing = _standing(connection, now, result)
    if standing is None and (each.without_disease or result.error is not None):
        return
    if standing is None or result.error is not None or not says_the_same(standing.document, result.document):
        results.keep(connection, now, result, Audit("screened", caller, result.patient, result.id))
        return
    this = screenings.c.id == standing.id
    if result.as_of > (standing.confirmed or standing.as_of):
        connection.execute(update(screenings).where(this).values(confirmed=result.as_of))
    posted = with_newer_post(standing.document, result.document)
    if posted != standing.document:
        connection.execute(update(screenings).where(this).values(document=posted, changed=now))


def _standing(connection: Connection, now: datetime, result: StoredScreening) -> Row[Any] | None:
    this = (screenings.c.patient == result.patient, screenings.c.study == result.study, screenings.c.error.is_(None))
    stands = ~replaced(screenings, now.astimezone().date())
    return connection.execute(select(screenings).where(*this, stands).limit(1)).one_or_none()


def known(connection: Connection, run: Run) -> frozenset[str]:
    """Return who has a result, or failed in the last runs of the same people; not who is opposed or gone since."""
    study = run.order.study
    theirs = (screenings.c.study == study, screenings.c.patient.is_not(None), screenings.c.error.is_(None))
    judged = select(screenings.c.patient).where(*theirs, ~taken_leave(screenings)).distinct()
    alike = select(runs.c.id).where(*for_good(study), runs.c.scope == run.scope)
    again = (run_people.c.again, run_people.c.run.in_(alike))
    failed = select(run_people.c.patient).where(*again)
    return frozenset(connection.execute(judged.union(failed)).scalars())
