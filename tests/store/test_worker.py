"""The worker on both stores: how jobs end, how failed ones go on, and what is left when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog

from service.demo import charts
from service.errors import Never, TryLater
from service.store import upkeep
from service.store.store import SqlStore
from service.work.failures import BROKEN_OFF, STRIKES
from service.work.model import JobState
from service.work.orders import ScreenOrder
from service.work.ports import LeaseLost, StoreDown
from service.work.run import Jobs
from tests.store.conftest import BOTH, ORDER, Shop

pytestmark = pytest.mark.anyio


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not await true():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


async def test_a_request_is_screened_and_then_posted(shop: Shop) -> None:
    """What was posted is the result as it was judged, and the document says what became of it."""
    id_ = await shop.accept()
    await shop.step()
    before = await shop.document(id_)
    await shop.step()
    judged = shop.worker.jobs.screeners["NCT06722105"].screen_bundle(charts()["07-diagnosis-alone"], ORDER.as_of)

    assert shop.results.posted == [judged]
    assert await shop.document(id_) == before | {"written": {"done": True, "resources": ["ResearchSubject/1"]}}


async def test_a_server_that_says_later_is_asked_later(shop: Shop) -> None:
    """While the server is down the job waits at least as long as the server says, and is no strike."""
    shop.records.failure = TryLater("The server is down.", 60.0)
    id_ = await shop.accept()
    await shop.step()
    [waiting] = shop.jobs(JobState.READY)
    shop.clock.pass_(seconds=59)
    early = await shop.store.claim(BOTH, shop.worker.lease)
    shop.records.failure = None
    shop.clock.pass_(seconds=2)
    await shop.step()

    assert (waiting.reason, early) == ("The server is down.", None)
    assert (await shop.document(id_))["patient"] == "Patient/demo-07"


async def test_a_server_that_refuses_is_not_asked_again(shop: Shop) -> None:
    """Where trying again does not help, the job is set aside with the reason."""
    shop.records.failure = Never("The server refuses: 403.")
    await shop.accept()
    await shop.step()
    [parked] = shop.jobs(JobState.PARKED)

    assert parked.reason == "The server refuses: 403."


async def test_a_post_that_is_refused_can_be_put_back(shop: Shop) -> None:
    """A result that was refused says so; when the job is put back and goes well, it says that."""
    shop.results.failure = Never("The server refuses: 422.")
    id_ = await shop.accept()
    for _ in range(2):
        await shop.step()
    refused = (await shop.document(id_))["written"]
    shop.results.failure = None
    shop.store.database.now(upkeep.requeue, shop.clock(), None, "me")
    await shop.step()

    assert refused == {"done": False, "why": "refused"}
    assert (await shop.document(id_))["written"]["done"] is True


async def test_poison_is_set_aside_and_others_go_on(shop: Shop) -> None:
    """A job that fails by a bug each time is set aside; its reason names our line and nothing of the patient."""
    shop.records.failure = ValueError("Smith has 12 g/dL")
    await shop.accept()
    for _ in range(STRIKES):
        await shop.step()
        shop.clock.pass_(hours=1)
    [parked] = shop.jobs(JobState.PARKED)
    shop.records.failure = None
    other = await shop.accept()
    await shop.step()

    assert parked.attempts == STRIKES
    assert parked.reason is not None
    assert "ValueError at " in parked.reason
    assert "service/screening/patient.py" in parked.reason
    assert "Smith" not in parked.reason
    assert (await shop.document(other))["patient"] == "Patient/demo-07"


async def test_a_job_that_ends_its_process_each_time_is_set_aside(shop: Shop) -> None:
    """A job under which the process dies again and again is not run for ever."""
    await shop.accept()
    for _ in range(BROKEN_OFF):
        await shop.store.claim(BOTH, shop.worker.lease)
        shop.clock.pass_(minutes=1)
    await shop.step()
    [parked] = shop.jobs(JobState.PARKED)

    assert parked.reason == f"broke off {BROKEN_OFF} times: its lease ran out"


async def test_a_bundle_that_cannot_be_read_has_its_answer_kept(shop: Shop) -> None:
    """What a caller brought and cannot be used is no failure of the job: the answer says what is wrong."""
    id_ = await shop.accept(ScreenOrder(study="NCT06722105", as_of=ORDER.as_of, bundle=b'{"resourceType":"Bundle"}'))  # type: ignore[arg-type]
    await shop.step()

    assert (await shop.document(id_))["error"]["code"] == "no-patient"


async def test_a_patient_who_is_forgotten_while_a_result_waits_is_no_bug(shop: Shop) -> None:
    """The job that was at it finds that it is not its any more; nothing of the patient comes back."""
    await shop.accept()
    await shop.step()
    claim = await shop.store.claim(BOTH, shop.worker.lease)
    assert claim is not None
    shop.store.database.now(upkeep.forget, shop.clock(), "Patient/demo-07", "me")
    with structlog.testing.capture_logs() as logged:
        failed = await shop.worker.run(claim)

    assert isinstance(failed, LeaseLost)
    assert [each["event"] for each in logged] == ["lease-lost"]
    assert (shop.results.posted, await shop.store.screening(claim.screening)) == ([], None)


async def test_an_older_result_is_not_posted_over_a_newer_one(shop: Shop) -> None:
    """Where a newer result of the patient waits to be posted, or was, the older one is not posted any more."""
    shop.results.failure = TryLater("The server is down.", 0.0)
    older, newer = await shop.accept(), await shop.accept()
    for _ in ("screen the older", "fail to post it", "screen the newer"):
        await shop.step()
    shop.clock.pass_(hours=1)
    shop.results.failure = None
    while shop.jobs(JobState.READY):
        await shop.step()
        shop.clock.pass_(hours=1)

    assert (await shop.document(older))["written"] == {"done": False, "why": "superseded"}
    assert (await shop.document(newer))["written"]["done"] is True
    assert len(shop.results.posted) == 1


async def test_the_worker_does_what_is_accepted_and_stops(shop: Shop) -> None:
    """A running worker is told of new work; when it has stopped nothing is claimed any more."""
    async with shop.worker.started():
        id_ = await shop.accept()
        await until(lambda: _is(shop, id_, JobState.DONE))
    after = await shop.accept()
    await asyncio.sleep(0.05)

    assert len(shop.results.posted) == 1
    assert await shop.store.standing(after) is JobState.READY


async def test_a_job_that_does_not_end_is_given_back_at_the_stop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the worker stops, a job that does not end soon goes back to the queue at once, without a strike."""
    monkeypatch.setattr("service.work.worker.GRACE", 0.05)
    begun = asyncio.Event()

    async def hang(_: str) -> Any:
        begun.set()
        await asyncio.sleep(60)

    shop.records.fetch = hang  # type: ignore[method-assign]
    async with shop.worker.started():
        await shop.accept()
        await asyncio.wait_for(begun.wait(), 10)
    held = await shop.store.claim(BOTH, shop.worker.lease)

    assert held is not None
    assert (held.attempts, held.strikes) == (2, 0)


async def test_a_long_job_keeps_its_lease(shop: Shop) -> None:
    """While a job runs its lease is renewed, so that nobody else takes it."""
    shop.worker.lease = timedelta(seconds=2)
    shop.store = SqlStore(shop.store.database)  # by the clock of the machine
    shop.worker.jobs = Jobs(shop.store, shop.worker.jobs.screeners)
    fetch, others = shop.records.fetch, []

    async def slowly(patient: str) -> Any:
        for _ in range(10):
            await asyncio.sleep(0.3)
            others.append(await shop.store.claim(BOTH, shop.worker.lease))
        return await fetch(patient)

    shop.records.fetch = slowly  # type: ignore[method-assign]
    await shop.accept()

    assert await shop.step() is None
    assert others == [None] * 10


async def test_a_store_that_is_down_for_a_while_stops_no_worker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store answers again the worker goes on."""
    monkeypatch.setattr("service.work.worker.POLL", 0.02)
    async with shop.worker.started():
        shop.store.database.now(lambda connection: connection.exec_driver_sql("ALTER TABLE jobs RENAME TO gone"))
        await asyncio.sleep(0.1)
        shop.store.database.now(lambda connection: connection.exec_driver_sql("ALTER TABLE gone RENAME TO jobs"))
        id_ = await shop.accept()
        await until(lambda: _is(shop, id_, JobState.DONE))


async def test_a_purge_that_fails_is_told_and_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the store is down or it is a bug: the log says so, and what is old goes the next time."""
    monkeypatch.setattr("service.work.worker.PURGE", 0.01)
    purged, failures = asyncio.Event(), [StoreDown("down"), ValueError("Smith has 12 g/dL")]

    async def purge(_: timedelta | None) -> int:
        if failures:
            raise failures.pop(0)
        purged.set()
        return 0

    monkeypatch.setattr(SqlStore, "purge", lambda _, kept: purge(kept))
    with structlog.testing.capture_logs() as logged:
        async with shop.worker.started():
            await asyncio.wait_for(purged.wait(), 10)

    assert [each["event"] for each in logged] == ["store-down", "bug"]
    assert "Smith" not in str(logged)


async def _is(shop: Shop, id_: str, state: JobState) -> bool:
    return await shop.store.standing(id_) is state
