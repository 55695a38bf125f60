"""Claims jobs that are due and runs them, each under a lease that is renewed while it runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from service import tracing
from service.work.failures import BROKEN_OFF, Verdict, judge, tell
from service.work.model import Claim, Kind
from service.work.ports import LeaseLost, StoreDown
from service.work.run import Jobs

POLL = 1.0  # seconds between looks for jobs that other processes left, or that are due now
PURGE = 3600.0  # seconds between deletions of what is old
GRACE = 10.0  # seconds that running jobs have to end by themselves when the service stops
# What changed is looked at before more is judged, so that one screening sees it all; what is judged is posted.
ORDER = (Kind.LOOK, Kind.POST, Kind.SCREEN)
LONG = (Kind.DISCOVER,)  # takes hours: it has a task of its own, so that nobody waits for it

log = structlog.get_logger()


@dataclass(slots=True)
class Worker:
    """Runs up to ``tasks`` jobs at a time, and one search of the whole hospital.

    Several processes with the same store share the work.
    """

    jobs: Jobs
    lease: timedelta
    tasks: int
    kept: timedelta | None = None  # how long results are kept; ``None``: for good
    _stopping: bool = False
    _news: tuple[asyncio.Event, asyncio.Event] = field(default_factory=lambda: (asyncio.Event(), asyncio.Event()))
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Work until the end; then no more is claimed, and what does not end soon is put back."""
        news, of_long = self._news
        crew = [*((ORDER, news) for _ in range(self.tasks)), (LONG, of_long)]
        self._running = {asyncio.create_task(self._work_on(*each)) for each in crew}
        purging = asyncio.create_task(self._purge_on())
        try:
            yield
        finally:
            purging.cancel()
            self.stop_claiming()
            if self._running:
                await asyncio.wait(self._running, timeout=GRACE)
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def stop_claiming(self) -> None:
        """Take nothing more; what runs goes on."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Look for work now: a job was just kept."""
        for news in self._news:
            news.set()

    async def run(self, claim: Claim) -> Exception | None:
        """Run one job and settle how it goes on; return what went wrong, if anything."""
        if claim.strikes >= BROKEN_OFF:  # each time it was run, the process ended or hung
            await self._settle(claim, Verdict(f"broke off {claim.strikes} times: its lease ran out", None))
            return None
        try:
            with tracing.span(f"job {claim.kind}"):
                async with self.held(claim):
                    await self.jobs.run(claim)
        except LeaseLost as error:
            log.warning("lease-lost")
            return error
        except StoreDown as error:  # its lease runs out, or it is put back at the next start
            log.warning("store-down")
            return error
        except Exception as error:  # noqa: BLE001 - a bug ends this job and not the worker
            await self._settle(claim, judge(claim, error))
            return error
        return None

    @asynccontextmanager
    async def held(self, claim: Claim) -> AsyncIterator[None]:
        """Renew the lease while the body runs; when this task is cancelled, give the job back."""
        beat = asyncio.create_task(self._beat(claim))
        try:
            yield
        except asyncio.CancelledError:
            with suppress(LeaseLost, StoreDown):
                await asyncio.shield(self.jobs.store.put_back(claim, timedelta()))
            raise
        finally:
            beat.cancel()

    async def _beat(self, claim: Claim) -> None:
        with suppress(LeaseLost):  # the job's own end finds out
            while True:
                await asyncio.sleep(self.lease.total_seconds() / 3)
                with suppress(StoreDown):  # the lease may hold until the next beat
                    await self.jobs.store.extend(claim, self.lease)

    async def _work_on(self, kinds: Sequence[Kind], news: asyncio.Event) -> None:
        while not self._stopping:
            news.clear()  # whoever clears it looks for work after that
            try:
                claim = await self.jobs.store.claim(kinds, self.lease)
                if claim is not None:
                    await self.run(claim)
                    continue
            except Exception as error:  # noqa: BLE001 - a bug ends no worker
                tell(error)
            await self._wait(news)

    async def _purge_on(self) -> None:
        while True:
            try:
                await self.jobs.store.purge(self.kept)
            except Exception as error:  # noqa: BLE001 - a bug ends no worker
                tell(error)
            await asyncio.sleep(PURGE)

    async def _wait(self, news: asyncio.Event) -> None:
        if not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), POLL * random.uniform(0.5, 1.5))  # noqa: S311 - no secret

    async def _settle(self, claim: Claim, verdict: Verdict) -> None:
        with suppress(LeaseLost, StoreDown):
            if verdict.wait is None:
                await self.jobs.give_up(claim, verdict.reason)
                log.error("job-parked")
            else:
                await self.jobs.store.put_back(claim, verdict.wait, verdict.reason, strike=verdict.strike)
