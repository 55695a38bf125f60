"""What is not done is counted without looking at all that is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the index of what is not done; nobody asks for the newest of a lane any more."""
    not_done = sa.text("state <> 'done'")
    op.drop_index("jobs_lanes", "jobs", if_exists=True)
    op.create_index(
        "jobs_not_done",
        "jobs",
        ["kind", "state"],
        sqlite_where=not_done,
        postgresql_where=not_done,
        if_not_exists=True,
    )
