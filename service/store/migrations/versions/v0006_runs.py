"""Discovery runs, and the people of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("study", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("for_good", sa.Boolean, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("held_until", sa.BigInteger),
        sa.Column("order", sa.LargeBinary, nullable=False),
        sa.Column("rules", sa.String, nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("selection", sa.LargeBinary),
        sa.Column("progress", sa.String),
        sa.Column("reason", sa.String),
        sa.Column("report", sa.LargeBinary),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    under_way = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "runs_under_way", "runs", ["study"], unique=True, sqlite_where=under_way, postgresql_where=under_way
    )
    op.create_index("runs_started", "runs", ["study", "started"])
    op.create_table(
        "run_people",
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("patient", sa.String, primary_key=True),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("document", sa.LargeBinary),
        sa.Column("coverage", sa.LargeBinary),
    )
    op.create_index("run_people_patient", "run_people", ["patient"])
