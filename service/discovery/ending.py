"""What becomes of each selected person: the result is posted where that is asked for, and made ready to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from service import metrics
from service.discovery.model import NOT_POSTED, TRIGGER, Found, Kept, Run
from service.discovery.ports import Runs
from service.discovery.tasks import cancelled, some_done
from service.eligibility.results import NotScreened, Screening
from service.errors import Never, TryLater
from service.screening.patient import Answer, Judged, Screener
from service.screening.ports import Why, Written
from service.work.failures import tell
from service.work.keeping import to_keep
from service.work.ports import StoreDown

POSTS = 4  # at a time
HOPELESS = 10  # people in a row about whom nothing could be posted: the server is down
WAITS, SHORT = 3, 60.0  # how often a server is waited for that asks for no more than so many seconds


@dataclass(slots=True)
class Ending:
    """Ends people of a run: ``screener.results`` takes what is posted; without it nothing is."""

    screener: Screener
    runs: Runs
    posts: int = POSTS
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _failures: int = field(default=0, init=False)

    async def of_each(self, run: Run, found: AsyncIterator[Found]) -> AsyncIterator[Kept]:
        """Give each person's end, in any order. Raises ``TryLater`` where the server takes nothing any more."""
        under_way = set[asyncio.Task[Kept]]()
        try:
            async for each in found:
                under_way.add(asyncio.create_task(self._end(run, each)))
                while len(under_way) >= self.posts:
                    for end in await some_done(under_way):
                        yield end
            while under_way:
                for end in await some_done(under_way):
                    yield end
        finally:
            await cancelled(under_way)

    async def _end(self, run: Run, found: Found) -> Kept:
        if found.judged is None:
            return Kept(found.patient, None, found.error, coverage=found.coverage)
        order = run.order
        newer = await self.runs.overtaken(run, found.patient, found.at or run.at)
        if newer is not None and newer.document is not None:
            return Kept(found.patient, newer.document, coverage=found.coverage)
        answer, error = await self._answer(found.judged, write_back=not order.dry_run, later=newer is not None)
        result = answer.result
        if isinstance(result, NotScreened):
            result = result._replace(patient=found.patient)  # also where the Patient does not tell who it is
        metrics.screened(order.study, result, TRIGGER)
        id_, written = str(uuid5(NAMESPACE_URL, f"{run.id} {found.patient}")), answer.written_document
        kept = to_keep(id_, result, study=order.study, as_of=order.as_of, trigger=TRIGGER, written=written)
        return Kept(
            found.patient,
            kept.document,
            error,
            without_disease=isinstance(result, Screening) and result.without_disease,
            coverage=found.coverage,
            result=None if order.dry_run else kept,
        )

    async def _answer(self, judged: Judged, *, write_back: bool, later: bool) -> tuple[Answer, str | None]:
        """Return the answer, and the code of what failed; ``later``: a later day's result stands."""
        try:
            if later and write_back:
                result = await self.screener.with_persons_status(judged)
                return Answer(result, Written(done=False, why=Why.SUPERSEDED)), None
            answer = await self._patiently(judged, write_back=write_back)
        except StoreDown:
            raise
        except TryLater:
            self._failures += 1
            if self._failures >= HOPELESS:
                raise
            return Answer(judged.result), NOT_POSTED
        except Never:
            return Answer(judged.result), NOT_POSTED
        except Exception as bug:  # noqa: BLE001 - one patient stops nothing; what it says could hold clinical values
            tell(bug)
            return Answer(judged.result), NOT_POSTED
        if answer.written is not None:  # else the server was not asked to take anything
            self._failures = 0
        return answer, None

    async def _patiently(self, judged: Judged, *, write_back: bool) -> Answer:
        """Answer; a server that asks for a short rest, or is left in peace for what others did to it, is waited for."""
        for _ in range(WAITS):
            try:
                return await self.screener.answer(judged, write_back=write_back)
            except TryLater as error:
                if error.retry_after is None or error.retry_after > SHORT:
                    raise
                await self.sleep(error.retry_after)
        return await self.screener.answer(judged, write_back=write_back)
