"""What a run looks through and for which day, in which order runs began, whom the next one looks at again.

Of a result: the last day for which a run found the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; runs from before them are not gone on from: the next one looks through everybody."""
    op.add_column("runs", sa.Column("number", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("as_of", sa.Date))
    op.add_column("runs", sa.Column("scope", sa.String, nullable=False, server_default=""))
    op.drop_index("runs_started", "runs")
    op.create_index("runs_begun", "runs", ["study", "number"])
    op.add_column("run_people", sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("screenings", sa.Column("confirmed", sa.Date))
