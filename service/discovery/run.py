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
from service.discovery.report import make_report
from service.discovery.sections import Report
from service.errors import ServerError
from service.work.ports import StoreDown

KEEP = 50  # ends in one transaction
KEEP_AFTER = 1.0  # seconds


class Progress:
    """How far a run is: told to whoever watches, and kept with the lease."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.now: tuple[str, int, int | None] = ("begin", 0, None)

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Hear how far a stage is."""
        self.now = (stage, done, total)
        self._told(stage, done, total)

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
        began, progress = self.clock(), Progress(told)
        async with self._held(run, progress):
            selection = run.selection or await self._select(run, people, progress)
            await self._screen(run, people, selection, progress)
            facts = Facts(
                run.id,
                run.order.study,
                run.order.as_of,
                people.source,
                people.engine,
                selection,
                round(self.clock() - began, 1),
                run.since,
                run.order.limit,
                run.order.dry_run,
            )
            study = self.ending.screener.study
            report = await self.runs.told(run, lambda ended, before: make_report(study, facts, ended, before))
            await self.runs.finish(run, msgspec.json.encode(report))
        return report

    async def _select(self, run: Run, people: People, told: Told) -> Selection:
        known = await self.runs.known(run.order.study)
        found = await people.select(known, told)
        if run.order.limit is not None:
            found = msgspec.structs.replace(found, patients=found.patients[: run.order.limit])
        if found.unread:  # who is in what could not be read is looked for again the next time
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
