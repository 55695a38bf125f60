"""What is kept of a notification: events once, the jobs that they ask for, and what may have been missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from service.store.database import opened
from service.store.store import SqlStore
from service.subscriptions.door import Notices
from service.subscriptions.notification import Named, Notification, Topic, TopicEvent
from service.subscriptions.orders import LookOrder, read_look_order
from service.subscriptions.secrets import NotificationSecrets
from service.work.model import Kind
from service.work.ports import QueueFull
from tests.store.conftest import LEASE, Clock

pytestmark = pytest.mark.anyio
CHANGES = LookOrder()


@dataclass
class Door:
    """The door over a store, and what a worker finds there."""

    store: SqlStore
    clock: Clock
    bound: int = 100
    woken: list[bool] = field(default_factory=list)

    async def take(self, *notifications: Notification) -> list[LookOrder]:
        """Take notifications in, and return what is to be looked at then."""
        notices = Notices(NotificationSecrets((), True), self.store, self.bound, lambda: self.woken.append(True))
        for each in notifications:
            await notices.take(each)
        return await self.asked()

    async def asked(self) -> list[LookOrder]:
        """Return what the jobs that are due ask for, and end them."""
        self.clock.pass_(seconds=3)
        orders = []
        while (claim := await self.store.claim([Kind.LOOK], LEASE)) is not None:
            orders.append(read_look_order(claim.payload))
            await self.store.done(claim)
        return orders


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Give the door."""
    clock = Clock()
    with opened(None, tmp_path, alone=True) as database:
        yield Door(SqlStore(database, clock), clock)


def events(*numbers: int, type_: str = "event-notification", counted: int | None = None, at: str = "t") -> Topic:
    """Return a topic's notification of events about an Observation each."""
    told = tuple(TopicEvent(number, at, Named(f"Observation/{number}", "Patient/1")) for number in numbers)
    return Topic(subscription="Subscription/s", type=type_, status="active", counted=counted, events=told)


def heartbeat(counted: int) -> Topic:
    """Return a heartbeat."""
    return events(type_="heartbeat", counted=counted)


def look(number: int) -> LookOrder:
    """Return the order that such an event asks for."""
    return LookOrder(f"Observation/{number}", "Patient/1")


async def test_a_resource_is_looked_at(door: Door) -> None:
    """R4 with a resource: it is looked at, once however often it is told while that waits."""
    told = Named("Observation/1", "Patient/1")

    assert await door.take(told, told) == [look(1)]
    assert await door.take(told) == [look(1)]
    assert door.woken


async def test_nothing_is_told_but_that_something_changed(door: Door) -> None:
    """R4 without: all that changed is looked for, a moment later and once for several."""
    assert await door.take(Named(), Named(), Named()) == [CHANGES]


async def test_events_in_their_order(door: Door) -> None:
    """The first, the next and several at once: each is looked at, nothing was missed."""
    assert await door.take(events(1), events(2), events(3, 4)) == [look(1), look(2), look(3), look(4)]


async def test_an_event_that_comes_again(door: Door) -> None:
    """A delivery that is repeated asks for nothing; the same number at another time is another event."""
    await door.take(events(1), events(2))

    assert await door.take(events(2)) == []
    assert await door.take(events(2, at="later")) == [look(2)]


async def test_a_gap_is_looked_for(door: Door) -> None:
    """Where a number is not the next one, what changed is looked for too; it is told again when it comes late."""
    await door.take(events(1))

    assert await door.take(events(3)) == [look(3), CHANGES]
    assert await door.take(events(4)) == [look(4)]
    assert await door.take(events(2)) == [look(2)]


async def test_a_gap_inside_a_notification_is_looked_for(door: Door) -> None:
    """Several at once of which one lacks: it is missed too, and once; a number that comes twice fills no gap."""
    await door.take(events(1), events(2))

    assert await door.take(events(3, 5)) == [look(3), look(5), CHANGES]
    assert await door.take(events(5, 6)) == [look(6)]
    assert await door.take(events(7, 7, 9)) == [look(7), look(9), CHANGES]


async def test_a_subscription_begins_again_without_a_word(door: Door) -> None:
    """Number 1 after others: what changed is looked for, and from there on a gap shows again."""
    await door.take(events(*range(1, 8)))

    assert await door.take(events(1, 2, at="later")) == [look(1), look(2), CHANGES]
    assert await door.take(events(3, at="later")) == [look(3)]
    assert await door.take(events(5, at="later")) == [look(5), CHANGES]


async def test_a_heartbeat_that_counts_less(door: Door) -> None:
    """The Subscription has begun again: what changed is looked for; one that does not count tells nothing."""
    await door.take(events(*range(1, 8)))

    assert await door.take(heartbeat(2)) == [CHANGES]
    assert await door.take(events(type_="heartbeat"), events(3, at="later")) == [look(3)]


async def test_the_first_that_comes_is_not_the_first_that_was(door: Door) -> None:
    """A Subscription that begins with number 3 has lost two."""
    assert await door.take(events(3)) == [look(3), CHANGES]


async def test_a_heartbeat_tells_of_what_was_lost(door: Door) -> None:
    """A heartbeat that counts no further asks for nothing; one that counts further has changes looked for, once."""
    await door.take(events(1), events(2))

    assert await door.take(heartbeat(2)) == []
    assert await door.take(heartbeat(3)) == [CHANGES]
    assert await door.take(heartbeat(3)) == []


async def test_a_handshake_counts_anew(door: Door) -> None:
    """A new Subscription misses nothing; one that begins again may have."""
    hello = events(type_="handshake", counted=0)

    assert await door.take(hello) == []
    assert await door.take(events(1)) == [look(1)]
    assert await door.take(hello) == [CHANGES]
    assert await door.take(events(1, at="later")) == [look(1)]


async def test_an_event_without_a_focus(door: Door) -> None:
    """Empty: what changed is looked for."""
    told = Topic(
        subscription="s", type="event-notification", status="active", counted=1, events=(TopicEvent(1, "t", Named()),)
    )

    assert await door.take(told) == [CHANGES]


async def test_subscriptions_are_counted_each_by_itself(door: Door) -> None:
    """The same number of another Subscription is another event."""
    other = Topic(subscription="other", type="event-notification", status=None, counted=1, events=events(1).events)

    assert await door.take(events(1)) == [look(1)]
    assert await door.take(other) == [look(1)]


async def test_more_than_may_wait_is_told_again(door: Door) -> None:
    """Where the queue is full nothing is kept, not even the number: the server tells it again."""
    door.bound = 1
    with pytest.raises(QueueFull):
        await door.take(events(1), events(2))
    await door.asked()
    door.clock.pass_(seconds=timedelta(minutes=1).total_seconds())

    assert await door.take(events(2)) == [look(2)]
