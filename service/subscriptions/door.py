"""What the HTTP door uses: a notification is kept, with what it asks for, before anyone is told that it was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.subscriptions.notification import Notification, Topic, TopicEvent
from service.subscriptions.orders import look_at, look_at_changes
from service.subscriptions.ports import STOPPED, Inbox
from service.subscriptions.secrets import NotificationSecrets
from service.work.model import Event

_HANDSHAKE, _EVENTS = "handshake", "event-notification"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notices:
    """Takes notifications in."""

    secrets: NotificationSecrets
    inbox: Inbox
    bound: int  # jobs of one kind that may be under way
    wake: Callable[[], None]  # tells the worker that there is work

    async def take(self, notification: Notification) -> None:
        """Keep a notification. Raises ``QueueFull`` and ``StoreDown``: then the server has to tell it again."""
        if isinstance(notification, Topic):
            await self._take_topic(notification)
        else:
            await self.inbox.received((), jobs=(look_at(notification),), bound=self.bound)
        self.wake()

    async def _take_topic(self, told: Topic) -> None:
        if told.status in STOPPED:
            log.error("subscriptions-stopped", status=told.status, count=1)
        mark = f"events {told.subscription}"
        known = await self.inbox.mark(mark)
        come_to, missed = _counted(told, known)
        if missed:
            log.info("events-missed")
        events = [_event(told.subscription, each) for each in told.events]
        jobs = (look_at_changes(),) if missed else ()
        await self.inbox.received(events, jobs=jobs, bound=self.bound, marks={mark: come_to})


def _counted(told: Topic, known: int | None) -> tuple[int, bool]:
    """Return the number that the Subscription has come to, and whether any before it may have been missed.

    Some begin again without a handshake: with number 1, or with a heartbeat that counts less than before. What looks
    so and is a delivery come late costs a look at what changed, and no more.
    """
    before = known or 0
    if told.type == _HANDSHAKE:  # it counts from here on
        return told.counted or 0, known is not None
    if told.type != _EVENTS:
        counted = before if told.counted is None else told.counted
        return counted, counted != before
    numbers = {each.number for each in told.events if each.number is not None}
    if not numbers:
        return before, True
    if 1 in numbers and max(numbers) < before:
        return max(numbers), True
    new = {number for number in numbers if number > before}
    come_to = max(new, default=before)
    return come_to, len(new) < come_to - before


def _event(subscription: str, told: TopicEvent) -> Event:
    """A number may come again for something else, when a Subscription has begun anew."""
    named = told.named
    key = f"{told.number} {told.timestamp} {named.reference}"
    return Event("topic", subscription, key, named.patient, (look_at(named),))
