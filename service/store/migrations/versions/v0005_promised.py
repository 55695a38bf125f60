"""Whether somebody was told that a job will be done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; who does not know it promises nothing."""
    op.add_column("jobs", sa.Column("promised", sa.Boolean, nullable=False, server_default=sa.false()))
