"""The schema brought up to date at start, by the steps in ``migrations``; a newer one is refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.errors import SettingError

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 4_721_662_106  # PostgreSQL's advisory lock while the schema changes; any number that nobody else uses


def migrate(connection: Connection) -> None:
    """Bring the schema up to date; of several processes one does it. Raises ``SettingError`` for a newer schema."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if refuse_newer(connection):
        command.upgrade(config, "head")


def refuse_other_schema(connection: Connection) -> None:
    """Raise ``SettingError`` where the schema is not the one of this version."""
    if refuse_newer(connection):
        raise SettingError("CANDOR_STORE: its schema is of an older version, or there is none: start the service once.")


def refuse_newer(connection: Connection) -> bool:
    """Return whether there is anything to do. Raises ``SettingError`` where a newer version did it."""
    steps = ScriptDirectory(str(_FOLDER))
    here = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in steps.walk_revisions()}
    if here is not None and here not in known:
        raise SettingError(
            f"CANDOR_STORE: its schema ({here}) is of a newer version of this software: install that version again, "
            "or restore the backup made before it."
        )
    return here != steps.get_current_head()
