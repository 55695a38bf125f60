"""Jobs on both stores: nothing accepted is lost, nothing is done by two, nothing is kept twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.store.store import SqlStore
from service.store.tables import jobs
from service.work.model import Claim, JobState, Key, Kind
from service.work.ports import KeyTaken, LeaseLost, QueueFull
from tests.store.conftest import BOTH, LEASE, LINE, Clock, Open, claimed, job, keep, result

pytestmark = pytest.mark.anyio
LATER = timedelta(seconds=5)


async def test_what_is_accepted_outlives_the_process(open_again: Open) -> None:
    """A job that was accepted is there, payload and all, when the store is opened again."""
    with open_again() as store:
        await store.accept(job())
    with open_again() as store:
        held = await claimed(store)

    assert (held.id, held.payload, held.attempts, held.strikes) == ("a", b"{}", 1, 0)


async def test_a_job_is_claimed_once(store: SqlStore) -> None:
    """What one worker has claimed, another does not get before the lease ends."""
    await store.accept(job())
    await claimed(store)

    assert await store.claim(BOTH, LEASE) is None


async def test_of_many_workers_each_gets_another_job(store: SqlStore) -> None:
    """Workers who claim at the same moment never get the same job, and no job is passed over."""
    for number in range(20):
        await store.accept(job(str(number)))
    held = await asyncio.gather(*(store.claim(BOTH, LEASE) for _ in range(30)))

    assert sorted(claim.id for claim in held if claim is not None) == sorted(map(str, range(20)))


async def test_the_first_kind_comes_first_and_then_the_oldest(store: SqlStore) -> None:
    """Posts that wait are claimed before screenings, and of a kind what waits longest."""
    for each in (job("s1"), job("s2"), job("p1", Kind.POST), job("p2", Kind.POST)):
        await store.accept(each)

    assert [(await claimed(store)).id for _ in range(4)] == ["p1", "p2", "s1", "s2"]


async def test_a_job_whose_lease_ran_out_is_claimed_again_and_counted(store: SqlStore, clock: Clock) -> None:
    """When its worker is heard of no more, a job goes to another one, with a strike."""
    await store.accept(job())
    first = await claimed(store)
    clock.pass_(seconds=31)
    second = await claimed(store)

    assert (second.id, second.fence, second.attempts, second.strikes) == ("a", first.fence + 1, 2, 1)


async def test_a_lease_is_extended(store: SqlStore, clock: Clock) -> None:
    """A worker that is heard of keeps its job."""
    await store.accept(job())
    held = await claimed(store)
    clock.pass_(seconds=20)
    await store.extend(held, LEASE)
    clock.pass_(seconds=20)

    assert await store.claim(BOTH, LEASE) is None


async def test_whoever_lost_the_lease_changes_nothing(store: SqlStore, clock: Clock) -> None:
    """A slow worker whose job went to another keeps no result, parks nothing, puts nothing back."""
    await store.accept(job())
    slow = await claimed(store)
    clock.pass_(seconds=31)
    await claimed(store)

    for late in (
        store.extend(slow, LEASE),
        store.screened(slow, result(), LINE, job("p", Kind.POST), lease=None),
        store.put_back(slow, LATER),
        store.park(slow, "why"),
        store.withdraw(slow),
    ):
        with pytest.raises(LeaseLost):
            await late
    assert (await store.screening("a"), await store.standing("a")) == (None, JobState.RUNNING)
    assert await store.claim([Kind.POST], LEASE) is None


async def test_a_result_its_post_and_the_end_of_the_job_are_kept_together(store: SqlStore, clock: Clock) -> None:
    """The result is there with the job that posts it, the job that made it is done, and its payload is gone."""
    await store.accept(job())
    none = await store.screened(await claimed(store), result(), LINE, job("p", Kind.POST, screening="a"), lease=None)
    kept = await store.screening("a")
    payload = store.database.now(
        lambda connection: connection.execute(select(jobs.c.payload).where(jobs.c.id == "a")).scalar_one()
    )
    clock.pass_(hours=1)
    post = await claimed(store)

    assert (none, payload) == (None, None)
    assert kept is not None
    assert (kept.document, kept.status, kept.patient) == (b'{"id":"a"}', "candidate", "Patient/1")
    assert (post.id, post.kind, post.screening, post.attempts) == ("p", Kind.POST, "a", 1)


async def test_a_result_is_kept_once(store: SqlStore) -> None:
    """Ending a job a second time keeps nothing: the lease ended with the job."""
    await store.accept(job())
    held = await claimed(store)
    await store.screened(held, result(), LINE, lease=None)

    with pytest.raises(LeaseLost):
        await store.screened(held, result(), LINE, lease=None)


async def test_the_next_job_can_be_held_at_once(store: SqlStore) -> None:
    """Who waits for the post claims it with the result, and no other worker gets it."""
    await store.accept(job())
    post = await store.screened(await claimed(store), result(), LINE, job("p", Kind.POST), lease=LEASE)

    assert post is not None
    assert await store.claim(BOTH, LEASE) is None
    await store.posted(post, b"posted", LINE)


async def test_a_job_is_put_back_for_later(store: SqlStore, clock: Clock) -> None:
    """A job that is put back is claimed when its time has come, not before."""
    await store.accept(job())
    await store.put_back(await claimed(store), LATER, "the server is down")
    early = await store.claim(BOTH, LEASE)
    clock.pass_(seconds=6)
    held = await claimed(store)

    assert early is None
    assert (held.attempts, held.strikes) == (2, 0)


async def test_of_one_lane_one_job_runs_at_a_time(store: SqlStore, clock: Clock) -> None:
    """While a lane's job runs its others wait, other lanes do not; a job whose lease ran out is not in its own way."""
    for each in (job("a", lane="L"), job("b", lane="L"), job("c", lane="M")):
        await store.accept(each)
    first, other = await claimed(store), await claimed(store)
    full = await store.claim(BOTH, LEASE)
    clock.pass_(seconds=31)
    again = await claimed(store)

    assert (first.id, other.id, full, again.id) == ("a", "c", None, "a")


async def test_a_job_cannot_be_held_at_once_while_its_lane_is_taken(store: SqlStore) -> None:
    """Who would hold the next job of a lane where one runs gets none, and it waits."""
    await store.accept(job("a", lane="L"), lease=LEASE)
    accepted = await store.accept(job("b", lane="L"), lease=LEASE)

    assert accepted.claim is None
    assert await store.standing("b") is JobState.READY


async def test_of_the_same_request_one_waits(store: SqlStore) -> None:
    """A burst of the same wish is one job; once it is claimed, a new wish is a new job."""
    first = await store.accept(job("a", dedup="same"))
    burst = await store.accept(job("b", dedup="same"))
    await claimed(store)
    after = await store.accept(job("c", dedup="same"))

    assert (first.screening, burst.screening, after.screening) == ("a", "a", "c")


async def test_the_queue_is_bounded(store: SqlStore) -> None:
    """When as many jobs of a kind are under way as may be, no more is kept; done ones do not count."""
    await keep(store, "done")
    await store.accept(job("a"), bound=2)
    await store.accept(job("b"), bound=2, lease=LEASE)
    with pytest.raises(QueueFull):
        await store.accept(job("c"), bound=2)

    assert await store.standing("c") is None
    await store.accept(job("p", Kind.POST), bound=2)


async def test_what_is_to_wait_for_long_takes_no_place(store: SqlStore, clock: Clock) -> None:
    """What is to be announced tomorrow fills no queue until then; what has begun and was put back fills one."""
    await store.accept(job("tomorrow", wait=timedelta(days=1)), bound=1)
    await store.accept(job("a"), bound=1)
    await store.put_back(await claimed(store), timedelta(hours=1))
    with pytest.raises(QueueFull):
        await store.accept(job("b"), bound=1)
    await store.done(await _after(store, clock, hours=2))
    clock.pass_(days=1)
    with pytest.raises(QueueFull):
        await store.accept(job("c"), bound=1)


async def test_a_key_stands_for_one_request(store: SqlStore, clock: Clock) -> None:
    """For a week a key and body give the same screening, and another body is refused; each caller has own keys."""
    await store.accept(job("a"), key=Key("me", "k", "body"))
    again = await store.accept(job("b"), key=Key("me", "k", "body"))
    with pytest.raises(KeyTaken):
        await store.accept(job("c"), key=Key("me", "k", "other"))
    others = await store.accept(job("d"), key=Key("you", "k", "other"))
    clock.pass_(days=8)
    expired = await store.accept(job("e"), key=Key("me", "k", "other"))

    assert (again.screening, again.again, again.claim) == ("a", True, None)
    assert (others.screening, expired.screening) == ("d", "e")
    assert (await store.standing("b"), await store.standing("c")) == (None, None)


async def test_a_key_that_comes_many_times_at_once_is_one_request(store: SqlStore) -> None:
    """Requests with the same key at the same moment are one job."""
    key = Key("me", "k", "body")
    accepted = await asyncio.gather(*(store.accept(job(str(number)), key=key) for number in range(10)))

    assert len({each.screening for each in accepted}) == 1
    assert await store.claim(BOTH, LEASE) is not None
    assert await store.claim(BOTH, LEASE) is None


async def test_what_is_withdrawn_never_was(store: SqlStore) -> None:
    """A request whose caller was told that nothing was done leaves nothing, and its key is free."""
    accepted = await store.accept(job("a"), key=Key("me", "k", "body"), lease=LEASE)
    assert accepted.claim is not None
    await store.withdraw(accepted.claim)
    again = await store.accept(job("b"), key=Key("me", "k", "body"))

    assert (await store.standing("a"), again.screening, again.again) == (None, "b", False)


async def test_a_parked_job_waits_for_a_person(store: SqlStore, clock: Clock) -> None:
    """A job that is set aside is not claimed, however long it stands; its result says what it is told to say."""
    await store.accept(job())
    post = await store.screened(await claimed(store), result(), LINE, job("p", Kind.POST, screening="a"), lease=LEASE)
    assert post is not None
    await store.park(post, "the server refuses", b"not posted")
    clock.pass_(days=100)
    kept = await store.screening("a")

    assert await store.claim(BOTH, LEASE) is None
    assert await store.standing("a") is JobState.PARKED
    assert kept is not None
    assert kept.document == b"not posted"


async def test_nothing_is_done_by_two_when_leases_are_short(store: SqlStore, clock: Clock) -> None:
    """However leases run out among workers, each job keeps one result."""
    for number in range(12):
        await store.accept(job(str(number)))
    kept: list[str] = []

    async def work(patience: int) -> None:
        while (held := await store.claim(BOTH, timedelta(seconds=1))) is not None:
            for _ in range(patience):
                await asyncio.sleep(0)
                clock.pass_(seconds=0.3)
            try:
                await store.screened(held, result(held.screening), LINE, lease=None)
            except LeaseLost:
                continue
            kept.append(held.id)

    await asyncio.gather(*(work(patience) for patience in (1, 2, 3, 5)))
    clock.pass_(seconds=5)
    await work(0)

    assert sorted(kept) == sorted(map(str, range(12)))


async def _after(store: SqlStore, clock: Clock, **time: float) -> Claim:
    clock.pass_(**time)
    return await claimed(store)
