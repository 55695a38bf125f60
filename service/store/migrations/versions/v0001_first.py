"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("screening", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("patient", sa.String),
        sa.Column("lane", sa.String),
        sa.Column("dedup", sa.String, unique=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("strikes", sa.Integer, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    waiting, running = sa.text("due IS NOT NULL"), sa.text("state = 'running'")
    op.create_index("ix_jobs_screening", "jobs", ["screening"])
    op.create_index("ix_jobs_patient", "jobs", ["patient"])
    op.create_index("ix_jobs_changed", "jobs", ["changed"])
    op.create_index("jobs_due", "jobs", ["kind", "due"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("jobs_lane", "jobs", ["lane"], unique=True, sqlite_where=running, postgresql_where=running)
    op.create_index("jobs_lanes", "jobs", ["lane", "created"])
    op.create_table(
        "screenings",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("study", sa.String, nullable=False),
        sa.Column("patient", sa.String),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("status", sa.String),
        sa.Column("priority", sa.Integer),
        sa.Column("error", sa.String),
        sa.Column("rules", sa.String),
        sa.Column("trigger", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_index("screenings_changed", "screenings", ["changed", "id"])
    op.create_index("screenings_newest", "screenings", ["patient", "study", "created"])
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("screening", sa.String, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_idempotency_screening", "idempotency", ["screening"])
    op.create_index("ix_idempotency_expires", "idempotency", ["expires"])
    op.create_table(
        "subject_versions",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("written", sa.BigInteger, nullable=False),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("patient", sa.String),
        sa.Column("screening", sa.String),
    )
    op.create_table(
        "events",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("subscription", sa.String, primary_key=True),
        sa.Column("event", sa.String, primary_key=True),
        sa.Column("patient", sa.String),
        sa.Column("received", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_events_received", "events", ["received"])
    op.create_table(
        "seen_tokens",
        sa.Column("issuer", sa.String, primary_key=True),
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_seen_tokens_expires", "seen_tokens", ["expires"])
    op.create_table(
        "card_feedback",
        sa.Column("caller", sa.String, primary_key=True),
        sa.Column("card", sa.String, primary_key=True),
        sa.Column("outcome", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
    )
