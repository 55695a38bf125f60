"""The tables, the same on SQLite and PostgreSQL. A change here needs a step in ``migrations/versions``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    false,
    text,
)
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since 1970 in UTC: exact and in order on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's call
        """Write."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData()

# What was accepted and is to be done. `due`: when it may be claimed, which for a running one is the end of its
# lease; never, when done or parked.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("screening", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("due", Instant),
    Column("patient", String, index=True),  # where the request names one
    Column("lane", String),
    Column("dedup", String, unique=True),  # while it waits
    Column("fence", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("strikes", Integer, nullable=False, default=0),
    Column("reason", String),
    Column("promised", Boolean, nullable=False, server_default=false()),  # to be done: somebody was told so
    Column("payload", LargeBinary),  # until it is done
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False, index=True),
)
Index(
    "jobs_due", jobs.c.kind, jobs.c.due, sqlite_where=jobs.c.due.is_not(None), postgresql_where=jobs.c.due.is_not(None)
)
_running = text("state = 'running'")
Index("jobs_lane", jobs.c.lane, unique=True, sqlite_where=_running, postgresql_where=_running)
not_done = text("state <> 'done'")
Index("jobs_not_done", jobs.c.kind, jobs.c.state, sqlite_where=not_done, postgresql_where=not_done)

# The results, with their history: rows are added, and only what became of posting one is changed in it.
screenings = Table(
    "screenings",
    metadata,
    Column("id", String, primary_key=True),
    Column("study", String, nullable=False),
    Column("patient", String),
    Column("as_of", Date, nullable=False),
    Column("status", String),
    Column("priority", Integer),
    Column("error", String),
    Column("rules", String),
    Column("confirmed", Date),  # the last later day for which a run found the same
    Column("trigger", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
)
Index("screenings_changed", screenings.c.changed, screenings.c.id)
Index("screenings_newest", screenings.c.patient, screenings.c.study, screenings.c.created)

# Which request an Idempotency-Key stands for, by caller.
idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body", String, nullable=False),  # its hash
    Column("screening", String, nullable=False, index=True),
    Column("expires", Instant, nullable=False, index=True),
)

# Which versions of ResearchSubjects this service wrote: whose status it is, follows from that.
subject_versions = Table(
    "subject_versions",
    metadata,
    Column("version", String, primary_key=True),  # its full address, the server's base included
    Column("written", Instant, nullable=False),
)

# Who did what, added to only.
audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("action", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("patient", String),
    Column("screening", String),
)

# Notifications of Subscriptions, each once: the inbox.
events = Table(
    "events",
    metadata,
    Column("source", String, primary_key=True),
    Column("subscription", String, primary_key=True),
    Column("event", String, primary_key=True),
    Column("patient", String),
    Column("received", Instant, nullable=False, index=True),
)

# How far we have come with what servers tell.
marks = Table(
    "marks",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Tokens of CDS clients that were used, until they expire: none is taken twice.
seen_tokens = Table(
    "seen_tokens",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("token", String, primary_key=True),
    Column("expires", Instant, nullable=False, index=True),
)

# What clinicians did with cards; the same feedback may come several times.
card_feedback = Table(
    "card_feedback",
    metadata,
    Column("caller", String, primary_key=True),
    Column("card", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("at", Instant, primary_key=True),
)

# Discovery runs; of one study one is under way at a time.
runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", BigInteger, nullable=False, server_default="0"),  # in the order of their beginning
    Column("study", String, nullable=False),
    Column("as_of", Date),
    Column("state", String, nullable=False),
    Column("for_good", Boolean, nullable=False),  # the next one may go on from it
    Column("fence", Integer, nullable=False),
    Column("held_until", Instant),  # while somebody carries it out
    Column("order", LargeBinary, nullable=False),
    Column("rules", String, nullable=False),
    Column("scope", String, nullable=False, server_default=""),  # what is looked through
    Column("since", Instant),
    Column("selection", LargeBinary),
    Column("progress", String),
    Column("reason", String),
    Column("report", LargeBinary),
    Column("told", Boolean, nullable=False, server_default=false()),  # whoever is to hear that it is done was told
    Column("started", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
)
_under_way = text("state IN ('queued', 'running')")
Index("runs_under_way", runs.c.study, unique=True, sqlite_where=_under_way, postgresql_where=_under_way)
Index("runs_begun", runs.c.study, runs.c.number)

# Whom a run screens, and how each ended: of the run under way and of each source's last ones.
run_people = Table(
    "run_people",
    metadata,
    Column("run", String, primary_key=True),
    Column("patient", String, primary_key=True),
    Column("ended", Boolean, nullable=False),
    Column("again", Boolean, nullable=False, server_default=false()),  # is looked at the next time, too
    Column("error", String),
    Column("document", LargeBinary),  # packed
    Column("coverage", LargeBinary),
)
Index("run_people_patient", run_people.c.patient)
