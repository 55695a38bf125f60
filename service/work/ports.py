"""What the doors and the worker ask of a store; ``service.store`` fills it on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from service.errors import CandorError
from service.work.model import (
    Accepted,
    Audit,
    Claim,
    Filter,
    JobCount,
    JobState,
    Key,
    Kind,
    NewJob,
    StoredScreening,
)


class QueueFull(CandorError):  # noqa: N818 - named for what the caller has to do
    """As many jobs wait as are taken."""


class KeyTaken(CandorError):  # noqa: N818
    """The ``Idempotency-Key`` came with another body before."""


class LeaseLost(CandorError):  # noqa: N818
    """The lease ended, and somebody else may have the job: nothing was kept of what was to be kept."""


class StoreDown(CandorError):  # noqa: N818
    """The store cannot be reached or takes nothing just now."""


class Store(Protocol):
    """Where accepted work and its results are kept. Every method may raise ``StoreDown``, and then changed nothing."""

    async def accept(
        self, job: NewJob, *, key: Key | None = None, bound: int | None = None, lease: timedelta | None = None
    ) -> Accepted:
        """Keep a job; with a ``lease`` it is claimed at once.

        Raises ``QueueFull`` where ``bound`` jobs of its kind are under way, those left out that are to wait for longer
        than a minute first; and ``KeyTaken``.
        """
        ...

    async def claim(self, kinds: Sequence[Kind], lease: timedelta) -> Claim | None:
        """Take a job that is due, the first of ``kinds`` first; one whose lease ran out counts as broken off."""
        ...

    async def extend(self, claim: Claim, lease: timedelta) -> None:
        """Hold the job for another ``lease`` from now. Raises ``LeaseLost``."""
        ...

    async def screened(
        self,
        claim: Claim,
        result: StoredScreening,
        audit: Audit,
        then: NewJob | None = None,
        *,
        lease: timedelta | None,
    ) -> Claim | None:
        """In one transaction: keep the result, the audit line and the job ``then``, and end the claimed job.

        With a ``lease`` the job ``then`` is claimed at once, and returned. Raises ``LeaseLost``.
        """
        ...

    async def posted(self, claim: Claim, document: bytes, audit: Audit) -> None:
        """In one transaction: keep the result with what became of posting it, and end the job. Raises ``LeaseLost``."""
        ...

    async def recent(self, study: str, patient: str, within: timedelta) -> list[StoredScreening]:
        """Return the patient's results that changed ``within`` the last time, newest first."""
        ...

    async def done(self, claim: Claim) -> None:
        """End a job that makes no result. Raises ``LeaseLost``."""
        ...

    async def superseded(self, claim: Claim) -> bool:
        """Whether what the job would post is no longer the newest.

        There is a post of the patient's result for a later day, or made later for the same; or the patient was refused
        since, for opposition or by the hospital's own records.
        """
        ...

    async def document(self, claim: Claim) -> bytes:
        """Return the document of the result that the job is about. Raises ``LeaseLost`` where it was deleted."""
        ...

    async def put_back(self, claim: Claim, wait: timedelta, reason: str | None = None, *, strike: bool = False) -> None:
        """Have the job claimed again after ``wait``. Raises ``LeaseLost``."""
        ...

    async def park(self, claim: Claim, reason: str, document: bytes | None = None) -> None:
        """Set the job aside, and keep what its result says then. Raises ``LeaseLost``."""
        ...

    async def withdraw(self, claim: Claim) -> None:
        """Forget a job whose caller was told that nothing was done; a promised one waits. Raises ``LeaseLost``."""
        ...

    async def promise(self, id_: str) -> bool:
        """Have the jobs about a screening withdrawn no more: somebody is told of it; whether there is one."""
        ...

    async def screening(self, id_: str) -> StoredScreening | None:
        """Return a result that is kept."""
        ...

    async def standing(self, id_: str) -> JobState | None:
        """Return how the newest job about a screening stands; ``None``: there never was one."""
        ...

    async def screenings(self, wanted: Filter) -> list[StoredScreening]:
        """Return results."""
        ...

    async def note(self, lines: Sequence[Audit]) -> None:
        """Add to the record of who did what."""
        ...

    async def counts(self) -> list[JobCount]:
        """Return how many jobs of each kind stand how."""
        ...

    async def purge(self, kept: timedelta | None) -> int:
        """Delete what expired, and what was ``kept`` so long (``None``: it stays); return how many results went."""
        ...

    async def check(self) -> None:
        """Raise ``StoreDown`` where the store could not take work now."""
        ...
