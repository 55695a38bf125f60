"""The job that looks: at one resource that was named, or at all that changed since the last time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from service.errors import ServerError
from service.screening.patient import today
from service.subscriptions.orders import read_look_order
from service.subscriptions.ports import Change, Inbox, Watched
from service.work.announcing import screening_after_change
from service.work.model import Claim, Event, NewJob

MARK = "changes"  # up to when changes are known, in microseconds since 1970
# A server may show a change minutes after the time that it gives it, and its clock may differ from ours.
OVERLAP = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """Turns changes into screenings of the patients whose they are; each version of a resource counts once."""

    watched: Watched
    inbox: Inbox
    studies: Sequence[str]
    base: str  # of the server: what we wrote is known by its full address

    async def run(self, claim: Claim) -> None:
        """Do a job. Raises ``TryLater``, ``Never``, ``LeaseLost`` and ``StoreDown``; to do it again does no harm."""
        order = read_look_order(claim.payload)
        if order.reference is None:
            await self._catch_up_if_possible()
        else:
            change = await self.watched.look(order.reference)
            if change is not None:
                await self._keep([change])
            elif order.patient is not None:  # it is gone: whoever had it is judged without it
                await self.inbox.received((), jobs=self._screenings(order.patient))
        await self.inbox.done(claim)

    async def _catch_up_if_possible(self) -> None:
        """Where the server does not answer the mark stays, and the next patrol has it tried again."""
        try:
            await self._catch_up()
        except ServerError:
            log.warning("changes-unknown")

    async def _catch_up(self) -> None:
        """Look at all that changed since the mark; it moves when everything was seen."""
        begun = datetime.now(UTC)
        since = await self._since()
        if since is None:
            return
        new = 0
        async for page in self.watched.changes(since - OVERLAP):
            begun = min(begun, page.at or begun)
            new += await self._keep(page.found)
        await self.inbox.received((), marks={MARK: (begun - _EPOCH) // _MICROSECOND})
        log.info("caught-up", count=new)

    async def _since(self) -> datetime | None:
        """Return the mark; the first time, when our first Subscription was made; ``None``: there is none."""
        mark = await self.inbox.mark(MARK)
        if mark is not None:
            return _EPOCH + mark * _MICROSECOND
        made = [each.since for each in await self.watched.standings() if each.since is not None]
        return min(made, default=None)

    async def _keep(self, found: Iterable[Change]) -> int:
        events = [self._event(each) for each in found if not await self._is_ours(each)]
        return await self.inbox.received(events)

    async def _is_ours(self, change: Change) -> bool:
        subject = change.reference.startswith("ResearchSubject/")
        return subject and await self.inbox.ours(f"{self.base}/{change.reference}/_history/{change.version}")

    def _event(self, change: Change) -> Event:
        kind, _, id_ = change.reference.partition("/")
        jobs = self._screenings(change.patient) if change.patient is not None else ()
        version = change.version or uuid4()  # what has no version is new each time
        return Event(MARK, kind, f"{id_}/_history/{version}", change.patient, jobs)

    def _screenings(self, patient: str) -> tuple[NewJob, ...]:
        return tuple(screening_after_change(study, patient, today()) for study in self.studies)
