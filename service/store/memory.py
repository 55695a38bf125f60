"""What the doors have to remember: versions that we wrote, tokens that were used, feedback, notifications."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from service.store import jobs
from service.store.tables import card_feedback, events, seen_tokens, subject_versions
from service.work.model import NewJob


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


def notified(
    connection: Connection, now: datetime, source: str, subscription: str, event: str, patient: str | None, job: NewJob
) -> bool:
    """Keep a notification and the job that it asks for; whether it is new."""
    row = {"source": source, "subscription": subscription, "event": event, "patient": patient}
    if not _once(connection, events, **row, received=now):
        return False
    jobs.accept(connection, now, job, None, None, None)
    return True


def _once(connection: Connection, table: Table, **row: object) -> bool:
    """Insert a row unless one with its primary key is there; whether it was inserted."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    once = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(once).first() is not None
