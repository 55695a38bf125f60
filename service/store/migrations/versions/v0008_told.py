"""Whether those who are to hear of a run that is done were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of the runs from before it nobody is told again."""
    op.add_column("runs", sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE runs SET told = true")
