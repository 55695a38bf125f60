"""Versions of ResearchSubjects are kept by their full address: of those before, nobody knows the server."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forget those without a server; our own GuidanceResponse there tells whose they are."""
    op.execute("DELETE FROM subject_versions")
