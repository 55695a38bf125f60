"""Looks at our Subscriptions every few minutes: whether the server still tells us, and what it did not tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from service import metrics
from service.errors import ServerError
from service.subscriptions.look import MARK
from service.subscriptions.orders import look_at_changes
from service.subscriptions.ports import STOPPED, Inbox, Watched
from service.work.failures import tell

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patrol:
    """Looks every ``seconds``; each process tells of what it sees, and one of them catches up."""

    watched: Watched
    inbox: Inbox
    seconds: float

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Go on until the end."""
        going = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            try:
                await self.once()
            except ServerError:
                metrics.subscriptions_unknown()
                log.warning("subscriptions-unknown")
            except Exception as error:  # noqa: BLE001 - a bug ends no patrol
                tell(error)
            await asyncio.sleep(self.seconds)

    async def once(self) -> None:
        """Count our Subscriptions, tell of those that stopped, and have changes looked for where there is any.

        Raises ``TryLater``, ``Never`` and ``StoreDown``.
        """
        standings = await self.watched.standings()
        there = any(each.id is not None for each in standings)
        if not there and await self.inbox.mark(MARK) is None:  # none was ever made
            standings = []
        counted = Counter(each.status for each in standings)
        metrics.subscriptions(counted)
        for status in STOPPED:
            if counted[status]:
                log.error("subscriptions-stopped", status=status, count=counted[status])
        if there:
            await self.inbox.received((), jobs=(look_at_changes(),))
