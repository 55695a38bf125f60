"""What the doors use: requests are taken in here, run at once or left to the worker, and results handed out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from service.errors import TryLater
from service.work.model import (
    UNDER_WAY,
    Accepted,
    Audit,
    Filter,
    JobCount,
    JobState,
    Key,
    Kind,
    NewJob,
    StoredScreening,
)
from service.work.orders import ScreenOrder, write_order
from service.work.ports import LeaseLost
from service.work.worker import Worker

PATIENCE = 20.0  # seconds that a second request with the same key waits for the first
_PAUSE = 0.1
_AGAIN = 2.0  # seconds


@dataclass(slots=True)
class Desk:
    """Where requests are kept before anyone is told that they are."""

    worker: Worker
    bound: int  # jobs that may be under way
    closed: bool = field(default=False, init=False)

    async def accept(self, order: ScreenOrder, key: Key | None, *, at_once: bool) -> Accepted:
        """Keep a request; ``at_once``: claimed for ``run``, else for whichever worker is free.

        Raises ``QueueFull``, ``KeyTaken``, ``StoreDown``, and ``TryLater`` where the key's attempt was just withdrawn.
        """
        id_ = str(uuid4())
        job = NewJob(id_, Kind.SCREEN, id_, write_order(order), order.patient)
        accepted = await self.worker.jobs.store.accept(
            job, key=key, bound=self.bound, lease=self.worker.lease if at_once else None
        )
        if accepted.again and not at_once:
            await self._promise(accepted.screening)
        self.worker.wake()
        return accepted

    async def run(self, accepted: Accepted) -> None:
        """Run at once what its caller waits for; what fails is told to the caller and kept no longer.

        A result that is kept and could not be posted is posted later. Raises ``TryLater``, ``Never`` and ``StoreDown``.
        """
        claim, jobs = accepted.claim, self.worker.jobs
        if claim is None:
            return
        try:
            async with self.worker.held(claim):
                post = await jobs.screen(claim, lease=self.worker.lease)
        except LeaseLost:  # another process has it now
            return
        except Exception:
            with suppress(LeaseLost):
                await jobs.store.withdraw(claim)
            raise
        failed = await self.worker.run(post) if post is not None else None
        if failed is not None and not isinstance(failed, LeaseLost):
            raise failed

    async def result(self, id_: str) -> tuple[StoredScreening | None, JobState | None]:
        """Return a result, and how the newest job about it stands. Raises ``StoreDown``."""
        store = self.worker.jobs.store
        standing = await store.standing(id_)
        return await store.screening(id_), standing

    async def awaited(self, id_: str, seconds: float = PATIENCE) -> tuple[StoredScreening | None, JobState | None]:
        """Return as ``result`` does, when nothing is under way any more or after ``seconds``.

        Raises ``StoreDown``, and ``TryLater`` where the attempt that this one waited for was withdrawn.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self.worker.jobs.store.standing(id_)) in UNDER_WAY:  # noqa: ASYNC110 - maybe of another process
                    await asyncio.sleep(_PAUSE)
        result, standing = await self.result(id_)
        if result is None:
            await self._promise(id_)
        return result, standing

    async def _promise(self, id_: str) -> None:
        if not await self.worker.jobs.store.promise(id_):
            raise TryLater("The first attempt failed, and nothing of it was kept: send it again.", _AGAIN)

    async def listed(self, wanted: Filter) -> list[StoredScreening]:
        """Return results. Raises ``StoreDown``."""
        return await self.worker.jobs.store.screenings(wanted)

    async def shown(self, caller: str, *read: StoredScreening) -> None:
        """Record that a caller reads results: done before they are handed out. Raises ``StoreDown``."""
        if read:
            await self.worker.jobs.store.note([Audit("read", caller, each.patient, each.id) for each in read])

    async def noted(self, caller: str, run: str) -> None:
        """Record that a caller reads the report of a run: done before it is handed out. Raises ``StoreDown``."""
        await self.worker.jobs.store.note([Audit("read-report", caller, screening=run)])

    async def counts(self) -> list[JobCount]:
        """Return how many jobs of each kind stand how. Raises ``StoreDown``."""
        return await self.worker.jobs.store.counts()

    async def check(self) -> None:
        """Raise ``StoreDown`` where nothing could be kept now."""
        await self.worker.jobs.store.check()

    def close(self) -> None:
        """Claim no more, and say that the service is not ready: it is about to stop."""
        self.closed = True
        self.worker.stop_claiming()
