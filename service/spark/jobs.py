"""Spark jobs started from the event loop: off it, with their progress told, cancelled with whoever waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from pyspark.sql import SparkSession

from service import __version__
from service.errors import CandorError, SettingError, TryLater

T = TypeVar("T")

_POLL = 1.0  # seconds
_NOT_THERE = "No module named 'service"  # on an executor


class JobFailed(TryLater):
    """A job of Spark's failed: a lost executor, a full disk, a damaged file; the run may be resumed."""


class Jobs:
    """Runs jobs in one Spark application."""

    def __init__(self, session: SparkSession) -> None:
        """Work in this session."""
        self.session, self.context = session, session.sparkContext

    @property
    def cores(self) -> int:
        """How many tasks run at a time, as far as Spark tells."""
        return max(self.context.defaultParallelism, 1)

    async def run(self, work: Callable[[], T], told: Callable[[float], None] = lambda _: None) -> T:
        """Return what the work returns; ``told`` hears how much of its jobs is done.

        Raises what is ours, ``SettingError`` where executors lack this software, and else ``JobFailed``.
        """
        group = uuid4().hex
        task = asyncio.ensure_future(asyncio.to_thread(self._grouped, group, work))
        try:
            while not (await asyncio.wait({task}, timeout=_POLL))[0]:
                told(await asyncio.to_thread(self._done, group))
        except asyncio.CancelledError:
            self.context.cancelJobGroup(group)
            task.add_done_callback(lambda ended: ended.exception())  # nobody asks any more
            raise
        return task.result()

    def _grouped(self, group: str, work: Callable[[], T]) -> T:
        self.context.setJobGroup(group, "candor", interruptOnCancel=True)
        try:
            return work()
        except CandorError:
            raise
        except Exception as error:  # noqa: BLE001 - Spark's messages hold whatever the worker's hold
            if _NOT_THERE in str(error):
                raise SettingError(
                    f"Spark's executors lack candor {__version__}: see docs/discovery-spark.md on what travels."
                ) from None
            raise JobFailed(f"A Spark job failed ({type(error).__name__}): its own logs tell more.") from None

    def _done(self, group: str) -> float:
        """Return how much of the group's tasks are done, of those that Spark has planned."""
        tracker, done, planned = self.context.statusTracker(), 0, 0
        jobs = filter(None, map(tracker.getJobInfo, tracker.getJobIdsForGroup(group)))
        for stage in filter(None, (tracker.getStageInfo(each) for job in jobs for each in job.stageIds)):
            done, planned = done + stage.numCompletedTasks, planned + stage.numTasks
        return done / planned if planned else 0.0
