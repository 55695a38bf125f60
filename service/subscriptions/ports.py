"""What Subscriptions ask of the world outside: the hospital's server, and a place where events are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from service.work.model import Claim, Event, NewJob

MISSING = "missing"  # the status of a Subscription that the studies need and the server does not have
STOPPED = ("error", "off", MISSING)  # of those nothing comes


class Change(NamedTuple):
    """A version of a resource that the server has, and whose it is."""

    reference: str  # Type/id
    version: str | None
    patient: str | None


class Changes(NamedTuple):
    """A page of what changed, and when the server answered it, by its own clock."""

    found: Sequence[Change]
    at: datetime | None


class Standing(NamedTuple):
    """A Subscription that leads to us: requested, active, error or off, or missing."""

    criteria: str
    status: str
    id: str | None = None
    since: datetime | None = None  # when it was last changed
    error: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether nothing comes of it."""
        return self.status in STOPPED


class Watched(Protocol):
    """The hospital's server, as far as changes go. Every method raises ``TryLater`` and ``Never``."""

    async def standings(self) -> list[Standing]:
        """Return the Subscriptions there that lead to us, and those that are missing."""
        ...

    async def look(self, reference: str) -> Change | None:
        """Read ``Type/id``; ``None``: it is not there (any more), or not on this server."""
        ...

    def changes(self, since: datetime) -> AsyncIterator[Changes]:
        """Give, page by page, what the studies need and changed at or after a moment."""
        ...


class Inbox(Protocol):
    """Where events are kept. Every method may raise ``StoreDown``, and then changed nothing."""

    async def received(
        self,
        events: Sequence[Event],
        *,
        jobs: Sequence[NewJob] = (),
        bound: int | None = None,
        marks: Mapping[str, int] | None = None,
    ) -> int:
        """In one transaction: keep events that are new with their jobs, further jobs, and marks.

        Returns how many events were new.

        Raises ``QueueFull`` where ``bound`` jobs of a kind are under way.
        """
        ...

    async def mark(self, name: str) -> int | None:
        """Return what a mark says; ``None``: it was never set."""
        ...

    async def ours(self, version: str) -> bool:
        """Whether a version of a ResearchSubject, by its full address, is one that we wrote."""
        ...

    async def done(self, claim: Claim) -> None:
        """End a job. Raises ``LeaseLost``."""
        ...
