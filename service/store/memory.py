"""What the doors have to remember: versions that we wrote, tokens that were used, feedback, notifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from service.store import jobs
from service.store.tables import card_feedback, events, seen_tokens, subject_versions
from service.store.tables import marks as marks_table
from service.work.model import Event, NewJob


def wrote(connection: Connection, now: datetime, version: str) -> None:
    """Remember a version that we wrote."""
    _once(connection, subject_versions, version=version, written=now)


def is_ours(connection: Connection, version: str) -> bool:
    """Whether we wrote a version."""
    ours = select(subject_versions.c.version).where(subject_versions.c.version == version)
    return connection.execute(ours).first() is not None


def first_use(connection: Connection, issuer: str, token: str, expires: datetime) -> bool:
    """Remember a token; whether it is new."""
    return _once(connection, seen_tokens, issuer=issuer, token=token, expires=expires)


def heard(connection: Connection, caller: str, feedback: Iterable[tuple[str, str, datetime]]) -> None:
    """Keep what was done with cards: id of the card, outcome, when."""
    for card, outcome, at in feedback:
        _once(connection, card_feedback, caller=caller, card=card, outcome=outcome, at=at)


def dismissed(connection: Connection, caller: str, card: str) -> bool:
    """Whether a card was overridden."""
    these = (card_feedback.c.caller == caller, card_feedback.c.card == card, card_feedback.c.outcome == "overridden")
    return connection.execute(select(card_feedback.c.card).where(*these).limit(1)).first() is not None


def dismissals(connection: Connection, caller: str, since: datetime) -> frozenset[str]:
    """Return the cards that were overridden since then."""
    these = (card_feedback.c.caller == caller, card_feedback.c.at >= since, card_feedback.c.outcome == "overridden")
    return frozenset(connection.execute(select(card_feedback.c.card).where(*these)).scalars())


def received(
    connection: Connection,
    now: datetime,
    told: Iterable[Event],
    further: Iterable[NewJob],
    bound: int | None,
    marks: Mapping[str, int],
) -> int:
    """Keep events with their jobs, further jobs, and marks: see ``Inbox.received``."""
    new = [each for each in told if _once(connection, events, **_key(each), patient=each.patient, received=now)]
    for job in chain(further, *(each.jobs for each in new)):
        jobs.accept(connection, now, job, None, bound, None)
    for name, value in marks.items():
        upsert = _insert(connection, marks_table).values(name=name, value=value)
        connection.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return len(new)


def _key(event: Event) -> dict[str, str]:
    return {"source": event.source, "subscription": event.subscription, "event": event.event}


def mark(connection: Connection, name: str) -> int | None:
    """Return what a mark says."""
    return connection.execute(select(marks_table.c.value).where(marks_table.c.name == name)).scalar()


def _once(connection: Connection, table: Table, **row: object) -> bool:
    """Insert a row unless one with its primary key is there; whether it was inserted."""
    once = _insert(connection, table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(once).first() is not None


def _insert(connection: Connection, table: Table) -> Any:
    """Return the dialect's own insert, which says what to do about a row that is there."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
