"""Whom an export holds that a study looks for, and their results, by Spark: the port ``People``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pyspark import RDD, Broadcast
from pyspark.sql import SparkSession

from service import __version__
from service.discovery.model import Found, Selection, Uncoded
from service.discovery.ports import Told
from service.eligibility.entry import entry_of
from service.errors import SettingError
from service.screening.patient import Judged, Screener
from service.screening.stored import decode, read_document
from service.spark import judging, looking
from service.spark.jobs import JobFailed, Jobs
from service.spark.judging import Verdict
from service.spark.looked import Looked
from service.spark.rows import SAID, heard, without_content
from service.spark.sessions import session_for
from service.spark.texts import Texts

_PEOPLE = 50  # in one part of those who are screened: the results of some parts come to the driver together
_MOST_PARTS = 5_000


class SparkPeople:
    """A folder, read and judged by Spark; each object is for one run."""

    engine = "spark"

    def __init__(
        self,
        screener: Screener,
        source: str | Path,
        *,
        session: SparkSession | None = None,
        master: str = "local[2]",
        work: Path | None = None,
        whole_count: bool = False,
    ) -> None:
        """``source``: a folder or file of this machine, or an address such as ``hdfs://…`` that Spark can read.

        Without a ``session`` that of ``spark-submit`` is used, or one of our own on ``master``, whose files lie in
        ``work``. Nothing begins before ``select`` or ``screened``. ``whole_count``: Conditions without a code are
        counted in all lines, not in a sample.
        """
        self.source, self._whole = str(source), whole_count
        # What travels: the rules as they are loaded; no connection, no secret.
        self._screener = replace(screener, records=None, results=None, worker=None)
        self._begin = partial(session_for, session, master, work)
        self._opened: tuple[Jobs, Texts] | None = None
        self._looked: Looked | None = None

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Find whom the entry rule names, and who of those known is in the source.

        Raises ``InputError``, ``SettingError`` and ``TryLater``, as ``screened`` does.
        """
        looked = self._looked = await self._look(known, told)
        chosen = looked.chosen(self._screener.study)
        everything = self._whole or entry_of(self._screener.study) is None
        unread = looked.unread(None if everything else chosen | known)
        if doubtful := frozenset(chosen & looked.doubtful):
            again = await self._look(doubtful, told)
            chosen -= doubtful - again.present
        return Selection(
            seen=looked.people,
            patients=sorted(chosen | looked.present),
            unread=[str(each) for each in unread],
            uncoded=Uncoded(looked.uncoded, looked.conditions, sampled=not self._whole),
        )

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of these people who has a chart in the source with the result."""
        looked = self._looked = self._looked or await self._look(frozenset(), told)
        jobs, texts = await self._open()
        with (
            _lent(jobs, (texts.numbers, frozenset(patients), frozenset(looked.some))) as of_whom,
            _lent(jobs, (self._screener, looked.reading, as_of)) as by_what,
        ):
            count = min(max(-(-len(patients) // _PEOPLE), jobs.cores), _MOST_PARTS)
            charts = partial(_charts, texts, of_whom, by_what, count)
            parts = await jobs.run(charts, lambda part: told("collect", int(part * texts.size), texts.size))
            waves = [range(first, min(first + jobs.cores, count)) for first in range(0, count, jobs.cores)]
            ahead = self._of(jobs, parts, waves[0])
            try:
                for wave in [*waves[1:], None]:
                    found = await ahead
                    if wave is not None:
                        ahead = self._of(jobs, parts, wave)
                    for each in found:
                        yield each
            finally:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _look(self, known: frozenset[str], told: Told) -> Looked:
        jobs, texts = await self._open()
        entry = entry_of(self._screener.study)
        wanted = looking.Wanted(self._screener.study.lexicon, entry.concepts if entry else None, known, self._whole)
        try:
            return await self._look_at(jobs, texts, wanted, told)
        except JobFailed:
            if not await jobs.run(texts.find_damage):
                raise
            return await self._look_at(jobs, texts, wanted, told)

    async def _look_at(self, jobs: Jobs, texts: Texts, wanted: looking.Wanted, told: Told) -> Looked:
        def look() -> Looked:
            with _lent(jobs, (texts.numbers, wanted)) as lent:
                rows = texts.frame().mapInArrow(without_content(lambda rows: looking.look(rows, *lent.value)), SAID)
                looks = [heard(row[0]) for row in rows.collect()]
            if any(look.version != __version__ for look in looks):
                raise SettingError(f"Spark's executors have another version of candor than {__version__}.")
            return Looked(looks, texts.files, texts.unread)

        return await jobs.run(look, lambda part: told("select", int(part * texts.size), texts.size))

    async def _open(self) -> tuple[Jobs, Texts]:
        if self._opened is None:
            self._opened = await asyncio.to_thread(self._open_now)
        return self._opened

    def _open_now(self) -> tuple[Jobs, Texts]:
        session = self._begin()
        return Jobs(session), Texts(session, self.source)

    def _of(self, jobs: Jobs, parts: RDD[Any], numbers: Sequence[int]) -> asyncio.Task[list[Found]]:
        def found() -> list[Found]:
            rows = jobs.context.runJob(parts, lambda rows: rows, list(numbers))
            return [self._found(heard(row[0])) for row in rows]

        return asyncio.create_task(jobs.run(found))

    def _found(self, verdict: Verdict) -> Found:
        patient, document, order, refused, error, coverage = verdict
        judged = None
        if refused is not None:
            judged = Judged(refused, None)
        elif document is not None and order is not None:
            study, without_disease = self._screener.study, order.without_disease
            judged = Judged(read_document(decode(document), study, without_disease=without_disease), order.person)
        return Found(patient, judged, error, coverage)


def _charts(
    texts: Texts,
    of_whom: Broadcast[tuple[Any, ...]],
    by_what: Broadcast[tuple[Any, ...]],
    count: int,
) -> RDD[Any]:
    """Return the verdicts, in so many parts; where Spark plans as it goes, the charts are brought together by now."""
    picked = texts.frame().mapInArrow(without_content(lambda rows: judging.pick(rows, *of_whom.value)), judging.PICKED)
    charts = picked.repartition(count, judging.OWNER).sortWithinPartitions(judging.OWNER, *judging.ORDER)
    return charts.mapInArrow(without_content(lambda rows: judging.judge(rows, *by_what.value)), SAID).rdd


@contextmanager
def _lent(jobs: Jobs, value: Any) -> Iterator[Broadcast[Any]]:
    """Give every executor a value for as long as the body runs."""
    lent = jobs.context.broadcast(value)
    try:
        yield lent
    finally:
        lent.destroy()
