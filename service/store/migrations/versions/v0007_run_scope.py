"""What a run looks through, and who of its people is looked at again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; runs from before them are not gone on from: the next one looks through everybody."""
    op.add_column("runs", sa.Column("scope", sa.String, nullable=False, server_default=""))
    op.add_column("run_people", sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()))
