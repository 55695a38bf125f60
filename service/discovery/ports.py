"""What a run asks of outside: people to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Protocol

from service.discovery.model import Found, Selection


class Told(Protocol):
    """Hears how far a stage of the run has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """``stage``: what is being done (export, select, collect, screen); the numbers are bytes or people."""
        ...


class People(Protocol):
    """A source with the engine that reads it. Every method raises ``InputError``, ``TryLater`` and ``Never``."""

    source: str  # rest, bulk, or the folder
    engine: str  # local, spark

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Find whom the entry rule names, and who of those ``known`` (Patient/id) is in the source."""
        ...

    def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of these people of the selection with the result, in any order; one that fails stops nothing."""
        ...
