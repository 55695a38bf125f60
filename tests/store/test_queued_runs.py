"""Runs that callers ask a service for: each waits with its job, and makes way when no service carries it out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.discovery.model import Kept, Run, RunOrder, RunState, Selection, Terms
from service.discovery.ports import RunUnderWay
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.model import Claim, Key, Kind, NewJob
from service.work.ports import KeyTaken
from tests.store.conftest import LEASE, Clock
from tests.store.test_runs import DAY, LATER, ORDER, STUDY, TERMS, begin, kept, replace_, whole

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(store: SqlStore, clock: Clock) -> SqlStore:
    """Give the store by the same clock."""
    return SqlStore(store.database, clock)


async def queue(runs: SqlRuns, id_: str, order: RunOrder = ORDER, key: Key | None = None) -> str:
    """Ask for a run; return the id of the one that is kept."""
    return await runs.queue(id_, order, NewJob(id_, Kind.DISCOVER, id_, b"{}", lane=f"discover {order.study}"), key)


async def claim(jobs: SqlStore) -> Claim:
    """Claim its job."""
    found = await jobs.claim([Kind.DISCOVER], LEASE)
    assert found is not None
    return found


async def state(runs: SqlRuns, id_: str) -> tuple[RunState, str | None]:
    """Return how a run stands, and why."""
    run = await runs.read(id_)
    assert run is not None
    return run.state, run.reason


async def take(runs: SqlRuns, id_: str, terms: Terms = TERMS) -> Run:
    """Take a run that waits."""
    run = await runs.take(id_, terms, LEASE)
    assert run is not None
    return run


async def test_what_is_looked_through_is_decided_when_the_run_begins(runs: SqlRuns, clock: Clock) -> None:
    """It may wait for long: by then everybody may be due."""
    await whole(runs, "a", kept("Patient/1"))
    await queue(runs, "b")
    run = await take(runs, "b")
    assert run.since == LATER
    await runs.selected(run, Selection(seen=1, patients=[], until=LATER))
    await runs.finish(run, b"{}")
    await queue(runs, "c")
    clock.pass_(days=8)
    assert (await take(runs, "c")).since is None


async def test_one_asked_for_while_another_is_under_way_is_refused(runs: SqlRuns) -> None:
    """Whether that one waits or is carried out."""
    await queue(runs, "a")
    for refused in (queue(runs, "b"), begin(runs, "c"), begin(runs, "d", resume=True)):
        with pytest.raises(RunUnderWay):
            await refused
    await take(runs, "a")
    for refused in (queue(runs, "b"), begin(runs, "c"), begin(runs, "d", resume=True)):
        with pytest.raises(RunUnderWay):
            await refused


async def test_the_refusal_names_the_run_under_way(runs: SqlRuns) -> None:
    """Whoever is refused may follow it."""
    await queue(runs, "a")
    for refused in (queue(runs, "b"), begin(runs, "c")):
        with pytest.raises(RunUnderWay, match="under way: a") as caught:
            await refused
        assert caught.value.run == "a"


async def test_a_key_stands_for_one_run(runs: SqlRuns, jobs: SqlStore, clock: Clock) -> None:
    """For a week, whatever became of the run; another body is refused, and each caller has own keys."""
    assert await queue(runs, "a", key=Key("me", "k", "body")) == "a"
    assert await queue(runs, "b", key=Key("me", "k", "body")) == "a"
    with pytest.raises(KeyTaken):
        await queue(runs, "c", key=Key("me", "k", "other"))
    with pytest.raises(RunUnderWay):
        await queue(runs, "d", key=Key("you", "k", "body"))
    run = await take(runs, "a")
    await runs.selected(run, Selection(seen=0, patients=[]))
    await runs.finish(run, b"{}")
    assert await queue(runs, "b", key=Key("me", "k", "body")) == "a"
    assert await queue(runs, "d", key=Key("you", "k", "body")) == "d"
    for _ in range(2):  # one job each, and no more
        await jobs.done(await claim(jobs))
    assert await jobs.claim([Kind.DISCOVER], LEASE) is None
    clock.pass_(days=7)
    await jobs.purge(None)
    assert await queue(runs, "e", replace_(study="another"), Key("me", "k", "other")) == "e"


async def test_a_key_goes_with_its_run(runs: SqlRuns, jobs: SqlStore, clock: Clock) -> None:
    """A run that is deleted as old is answered with no more."""
    await queue(runs, "a", key=Key("me", "k", "body"))
    held = await claim(jobs)
    run = await take(runs, "a")
    await runs.selected(run, Selection(seen=0, patients=[]))
    await runs.finish(run, b"{}")
    await jobs.done(held)
    clock.pass_(days=2)
    await jobs.purge(timedelta(days=1))
    assert await runs.read("a") is None
    assert await queue(runs, "b", key=Key("me", "k", "body")) == "b"


async def test_a_key_that_comes_many_times_at_once_is_one_run(runs: SqlRuns) -> None:
    """None of them is refused for the run that it asked for itself."""
    key = Key("me", "k", "body")
    kept = await asyncio.gather(*(queue(runs, str(number), key=key) for number in range(10)))
    assert len(set(kept)) == 1


async def test_a_command_that_broke_off_blocks_nobody(runs: SqlRuns, clock: Clock) -> None:
    """Its lease is over, and there is no job that would go on with it."""
    await begin(runs, "a")
    clock.pass_(minutes=5)
    await queue(runs, "b")
    assert (await state(runs, "a"))[0] is RunState.FAILED
    assert (await take(runs, "b")).id == "b"


async def test_a_run_whose_job_broke_off_goes_on_by_its_job_alone(runs: SqlRuns, jobs: SqlStore, clock: Clock) -> None:
    """The service comes back for it; where none does for hours, others need not wait."""
    await queue(runs, "a")
    await claim(jobs)
    first = await take(runs, "a")
    await runs.selected(first, Selection(seen=2, patients=["Patient/1", "Patient/2"], until=LATER))
    await runs.ended(first, [kept("Patient/1")], "cron")
    clock.pass_(minutes=5)
    with pytest.raises(RunUnderWay):
        await begin(runs, "b", resume=True)
    again = await take(runs, "a")
    assert await runs.left(again) == ["Patient/2"]
    clock.pass_(hours=6)
    assert (await begin(runs, "b")).id == "b"
    assert await runs.take("a", TERMS, LEASE) is None


async def test_a_run_whose_job_is_set_aside_has_failed(runs: SqlRuns, jobs: SqlStore) -> None:
    """It says why, blocks nobody, and goes on when the job is put back, unless another was begun."""
    await queue(runs, "a")
    held = await claim(jobs)
    run = await take(runs, "a")
    await runs.put_off(run, "the server is down")
    assert await state(runs, "a") == (RunState.QUEUED, "the server is down")
    await jobs.park(held, "the server is down for good")
    assert await state(runs, "a") == (RunState.FAILED, "the server is down for good")
    assert (await take(runs, "a")).state is RunState.RUNNING
    await runs.put_off(await take_again(runs, "a"), "no")
    await queue(runs, "b")
    assert await runs.take("a", TERMS, LEASE) is None


async def take_again(runs: SqlRuns, id_: str) -> Run:
    """Return a run that is in our hands."""
    run = await runs.read(id_)
    assert run is not None
    return run


async def test_a_run_that_ended_is_not_carried_out_again(runs: SqlRuns) -> None:
    """Its job may have broken off between the run's end and its own."""
    await queue(runs, "a")
    run = await take(runs, "a")
    await runs.selected(run, Selection(seen=0, patients=[]))
    await runs.finish(run, b"{}")
    assert await runs.take("a", TERMS, LEASE) is None
    assert await runs.take("unknown", TERMS, LEASE) is None


@pytest.mark.parametrize("changed", [{"rules": "sha256:2"}, {"scope": "elsewhere"}])
async def test_a_job_goes_on_under_new_terms_from_the_beginning(
    runs: SqlRuns, clock: Clock, changed: dict[str, Any]
) -> None:
    """The service was started anew with other rules or another server: nobody is judged by the old ones."""
    await whole(runs, "before", kept("Patient/1"))
    await queue(runs, "a")
    first = await take(runs, "a")
    assert first.since == LATER
    await runs.selected(first, Selection(seen=2, patients=["Patient/1", "Patient/2"], until=LATER))
    await runs.ended(first, [Kept("Patient/1", None, "try-later")], "cron")
    clock.pass_(minutes=5)
    again = await take(runs, "a", TERMS._replace(**changed))
    assert (again.selection, again.since) == (None, None)
    await runs.selected(again, Selection(seen=2, patients=["Patient/1"], until=LATER))
    assert await runs.left(again) == ["Patient/1"]


async def test_runs_are_in_order_whatever_clocks_say(runs: SqlRuns, clock: Clock) -> None:
    """Of two machines one may be behind; the last run is the one that was begun last."""
    await whole(runs, "a", kept("Patient/1"))
    clock.pass_(minutes=-10)
    await whole(runs, "b", kept("Patient/1"), order=replace_(as_of=DAY + timedelta(days=1)))
    last = await runs.last(STUDY)
    assert last is not None
    assert last.id == "b"


@pytest.mark.parametrize("wrong", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_was_wrong_for_a_night_blocks_nobody(runs: SqlRuns, clock: Clock, wrong: timedelta) -> None:
    """A run killed under it is not held for a year, and everybody is looked through when that is due."""
    clock.now += wrong
    await whole(runs, "a", kept("Patient/1"))
    await begin(runs, "b")
    clock.now -= wrong
    run = await begin(runs, "c")
    assert run.since is None


async def test_a_run_that_another_has_followed_is_taken_no_more(runs: SqlRuns) -> None:
    """It failed, and its job was put back when a command had begun anew: only one of a study is under way."""
    await queue(runs, "a")
    run = await take(runs, "a")
    await runs.fail(run, "no")
    await begin(runs, "b")
    assert await runs.take("a", TERMS, LEASE) is None
