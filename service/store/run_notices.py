"""Of which runs somebody has yet to be told: of those, too, after whose end the process ended at once."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from service.discovery.model import RunState
from service.store.tables import runs


def untold(connection: Connection, study: str) -> list[tuple[str, bytes]]:
    """Return the study's runs that are done and of which nobody was told, oldest first: the id and the report."""
    done = (runs.c.study == study, runs.c.state == RunState.DONE, ~runs.c.told)
    rows = connection.execute(select(runs.c.id, runs.c.report).where(*done).order_by(runs.c.changed))
    return [(row.id, row.report) for row in rows]


def was_told(connection: Connection, id_: str) -> None:
    """Have a run told of no more."""
    connection.execute(update(runs).where(runs.c.id == id_).values(told=True))
