"""What the doors have to remember, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.store.store import SqlStore
from service.work.model import Event, Kind, NewJob
from service.work.ports import QueueFull
from tests.store.conftest import BOTH, LEASE, Clock, Open, job

pytestmark = pytest.mark.anyio


async def test_versions_that_we_wrote_are_known_again(open_again: Open) -> None:
    """A version that was written is ours after a restart too; telling it twice does no harm."""
    version = "ResearchSubject/1/_history/2"
    with open_again() as store:
        await store.wrote(version)
        await store.wrote(version)
    with open_again() as store:
        assert (await store.ours(version), await store.ours("ResearchSubject/1/_history/3")) == (True, False)


async def test_a_token_is_new_once(store: SqlStore, clock: Clock) -> None:
    """The same token of the same issuer is new once; when it has expired it is not kept."""
    expires = clock.now + timedelta(minutes=5)
    told = [await store.first_use(issuer, "t", expires) for issuer in ("a", "a", "b")]
    clock.pass_(minutes=6)
    await store.purge(None)

    assert told == [True, False, True]
    assert await store.first_use("a", "t", expires)


async def test_feedback_is_kept_once_and_by_caller(store: SqlStore, clock: Clock) -> None:
    """Feedback may come several times; a card is dismissed for the caller that said so."""
    heard = [("c1", "overridden", clock.now), ("c2", "accepted", clock.now)]
    await store.heard("a", heard)
    await store.heard("a", heard)

    assert [await store.dismissed(caller, card) for caller, card in (("a", "c1"), ("a", "c2"), ("b", "c1"))] == [
        True,
        False,
        False,
    ]


def told(event: str, *jobs: NewJob) -> Event:
    """Return an event about a patient."""
    return Event("topic", "Subscription/1", event, "Patient/1", jobs)


async def test_an_event_is_kept_once_with_its_jobs(store: SqlStore) -> None:
    """The same event again makes no job; several events of a patient that waits are one job."""
    new = [
        await store.received([told(event, job(f"j{number}", dedup="S Patient/1"))])
        for number, event in enumerate(["1", "1", "2"])
    ]
    first, second = await store.claim(BOTH, LEASE), await store.claim(BOTH, LEASE)

    assert new == [1, 0, 1]
    assert (first is not None and first.kind, second) == (Kind.SCREEN, None)


async def test_a_job_waits_as_long_as_it_is_told_to(store: SqlStore, clock: Clock) -> None:
    """A job with a wait is claimed after it, and not before."""
    await store.received([told("1", job(wait=timedelta(seconds=5)))])
    early = await store.claim(BOTH, LEASE)
    clock.pass_(seconds=6)

    assert (early, await store.claim(BOTH, LEASE) is not None) == (None, True)


async def test_events_and_marks_are_kept_together_or_not_at_all(open_again: Open) -> None:
    """Marks stay over a restart; where the queue is full neither event nor mark is kept."""
    with open_again() as store:
        await store.received([told("1", job("a"))], marks={"changes": 5})
        await store.received([], marks={"changes": 6})
        with pytest.raises(QueueFull):
            await store.received([told("2", job("b"))], bound=1, marks={"changes": 7})
    with open_again() as store:
        assert (await store.mark("changes"), await store.mark("other")) == (6, None)
        assert await store.received([told("1", job("c")), told("2", job("d"))]) == 1


async def test_events_are_forgotten_when_servers_do_not_repeat_them_any_more(store: SqlStore, clock: Clock) -> None:
    """An event is known for a week, whatever the retention of results."""
    await store.received([told("1")])
    clock.pass_(days=6)
    await store.purge(None)
    before = await store.received([told("1")])
    clock.pass_(days=2)
    await store.purge(None)

    assert (before, await store.received([told("1")])) == (0, 1)
