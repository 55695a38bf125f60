"""The schema brought up to date at start, by the steps in ``migrations``; a newer one is refused."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from service.errors import SettingError

HEAD = "0008"  # the last step
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 4_721_662_106  # PostgreSQL's advisory lock while the schema changes; any number that nobody else uses


def migrate(connection: Connection) -> None:
    """Bring the schema up to date; of several processes one does it. Raises ``SettingError`` for a newer schema."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not refuse_newer(connection):
        return
    from alembic import command  # noqa: PLC0415 - as below
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def refuse_other_schema(connection: Connection) -> None:
    """Raise ``SettingError`` where the schema is not the one of this version."""
    if refuse_newer(connection):
        raise SettingError("CANDOR_STORE: its schema is of an older version, or there is none: start the service once.")


def refuse_newer(connection: Connection) -> bool:
    """Return whether there is anything to do. Raises ``SettingError`` where a newer version did it."""
    here = _revision(connection)
    if here == HEAD:
        return False
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - it takes long to load, and is needed once

    steps = ScriptDirectory(str(_FOLDER))
    known = {step.revision for step in steps.walk_revisions()}
    if here is not None and here not in known:
        raise SettingError(
            f"CANDOR_STORE: its schema ({here}) is of a newer version of this software: install that version again, "
            "or restore the backup made before it."
        )
    return True


def _revision(connection: Connection) -> str | None:
    """Return the step that the schema is at."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
