"""One run: people selected, each screened and told of, everybody's end kept as it comes, the report at the end.

Whatever breaks it off, it goes on where it was: whoever has an end is not screened again, and what is posted twice
changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import msgspec

from service.discovery.ending import Ending
from service.discovery.model import GONE, Facts, Kept, Run, Selection
from service.discovery.ports import People, RunLost, Runs, Told
from service.discovery.report import ReportMaker
from service.discovery.sections import Report
from service.errors import ServerError
from service.work.ports import StoreDown

KEEP = 50  # ends in one transaction
KEEP_AFTER = 1.0  # seconds


class Progress:
    """How far a run is: told to whoever watches, and kept with the lease; how long its stages took."""

    def __init__(self, told: Told, clock: Callable[[], float], stage: str) -> None:
        self._told, self._clock = told, clock
        self._began = self._since = clock()
        self._seconds: dict[str, float] = {}
        self.now: tuple[str, int, int | None] = (stage, 0, None)

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Hear how far a stage is."""
        self._count()
        self.now = (stage, done, total)
        self._told(stage, done, total)

    def _count(self) -> None:
        """Add the time since the last word to the stage that was told of."""
        now, stage = self._clock(), self.now[0]
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._since
        self._since = now

    @property
    def seconds(self) -> float:
        """All of it."""
        return round(self._clock() - self._began, 1)

    @property
    def timings(self) -> dict[str, float]:
        """By stage, in the order in which they began."""
        self._count()
        return {stage: round(seconds, 1) for stage, seconds in self._seconds.items()}

    @property
    def text(self) -> str:
        """As it is kept."""
        return json.dumps(dict(zip(("stage", "done", "total"), self.now, strict=True)))


@dataclass(frozen=True, slots=True)
class Discovery:
    """Carries out runs of one study."""

    runs: Runs
    ending: Ending
    lease: timedelta
    clock: Callable[[], float] = monotonic

    async def carry_out(self, run: Run, people: People, told: Told) -> Report:
        """Return the report. Raises ``InputError``, ``TryLater``, ``Never``, ``RunLost`` and ``StoreDown``."""
        progress = Progress(told, self.clock, "select" if run.selection is None else "screen")
        async with self._held(run, progress):
            selection = run.selection or await self._select(run, people, progress)
            run = run._replace(selection=selection)
            await self._screen(run, people, selection, progress)
            report = await self._report(run, people, selection, progress)
            await self.runs.finish(run, msgspec.json.encode(report))
        return report

    async def _select(self, run: Run, people: People, told: Told) -> Selection:
        known = await self.runs.known(run)
        found = await people.select(known, told)
        if run.order.limit is not None:
            found = msgspec.structs.replace(found, patients=found.patients[: run.order.limit])
        # Who is in what could not be read is looked for again the next time, and who was not ill yet on a day gone by.
        if found.unread or run.order.as_of < run.started.astimezone().date():
            found = msgspec.structs.replace(found, until=run.since)
        await self.runs.selected(run, found)
        return found

    async def _screen(self, run: Run, people: People, selection: Selection, told: Told) -> None:
        left = dict.fromkeys(await self.runs.left(run))
        total, ends, kept_at = len(selection.patients), list[Kept](), self.clock()
        told("screen", total - len(left), total)
        if not left:
            return
        try:
            async for end in self.ending.of_each(run, people.screened(list(left), run.order.as_of, told)):
                if left.pop(end.patient, end) is end:  # nobody asked for, or ended already
                    continue
                ends.append(end)
                if len(ends) >= KEEP or self.clock() - kept_at >= KEEP_AFTER:
                    await self.runs.ended(run, ends, run.order.caller)
                    ends, kept_at = [], self.clock()
                told("screen", total - len(left), total)
        except ServerError:  # whoever resumes the run gets further, also where certain people break it off
            await self.runs.ended(run, ends, run.order.caller)
            raise
        ends += [Kept(patient, None, GONE) for patient in left]
        await self.runs.ended(run, ends, run.order.caller)

    async def _report(self, run: Run, people: People, selection: Selection, progress: Progress) -> Report:
        """Make the report a page at a time in another thread, so that nobody waits for longer."""
        order, total = run.order, len(selection.patients)
        maker = ReportMaker(self.ending.screener.study, order.as_of)
        progress("report", 0, total)
        async for page in self.runs.ends(run):
            await asyncio.to_thread(maker.take, page)
            progress("report", maker.taken, total)
        if order.limit is None:  # else whoever is not here may only have been left out
            async for others in self.runs.absent(run):
                await asyncio.to_thread(maker.miss, others)
        facts = Facts(
            run.id,
            order.study,
            order.as_of,
            people.source,
            people.engine,
            selection,
            progress.seconds,
            run.since,
            order.dry_run,
            progress.timings,
        )
        return await asyncio.to_thread(maker.report, facts)

    @asynccontextmanager
    async def _held(self, run: Run, progress: Progress) -> AsyncIterator[None]:
        """Renew the lease while the body runs; when it is broken off, let go of the run at once."""
        beat = asyncio.create_task(self._beat(run, progress))
        try:
            yield
        except BaseException:
            with suppress(RunLost, StoreDown):
                await asyncio.shield(self.runs.hold(run, timedelta(), progress.text))
            raise
        finally:
            beat.cancel()

    async def _beat(self, run: Run, progress: Progress) -> None:
        with suppress(RunLost):  # the run's next step finds out
            while True:
                await asyncio.sleep(self.lease.total_seconds() / 3)
                with suppress(StoreDown):  # the lease may hold until the next beat
                    await self.runs.hold(run, self.lease, progress.text)
