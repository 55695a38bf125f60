"""The worker on both stores: how jobs end, how failed ones go on, and what is left when it stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from service.demo import charts
from service.errors import Never, TryLater
from service.screening.patient import Screener
from service.store import upkeep
from service.store.store import SqlStore
from service.work.desk import Desk
from service.work.failures import BROKEN_OFF, STRIKES
from service.work.model import JobState, JobStatus, Key
from service.work.orders import ScreenOrder
from service.work.run import Jobs
from service.work.worker import Worker
from tests.e2e.conftest import FakeRecords, FakeResults
from tests.store.conftest import BOTH, Clock
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio
ORDER = ScreenOrder(study="NCT06722105", as_of=date(2026, 11, 23), patient="Patient/demo-07", write_back=True)


@dataclass
class Shop:
    """A worker, its desk, and the hospital around it."""

    store: SqlStore
    records: FakeRecords
    results: FakeResults
    worker: Worker
    desk: Desk
    clock: Clock

    async def accept(self, order: ScreenOrder = ORDER) -> str:
        """Take a request in, to be done later."""
        return (await self.desk.accept(order, None, at_once=False)).screening

    async def step(self) -> Exception | None:
        """Run the one job that is due."""
        claim = await self.store.claim(BOTH, self.worker.lease)
        assert claim is not None
        return await self.worker.run(claim)

    async def document(self, id_: str) -> dict[str, Any]:
        """Return a result as callers see it."""
        kept = await self.store.screening(id_)
        assert kept is not None
        shown: dict[str, Any] = json.loads(kept.document)
        return shown

    def jobs(self, *states: JobState) -> list[JobStatus]:
        """Return jobs as operators see them."""
        return self.store.database.now(upkeep.jobs_in, states, 99)


@pytest.fixture
def shop(store: SqlStore, clock: Clock) -> Shop:
    """Give a worker that has not begun."""
    records = FakeRecords({"Patient/demo-07": charts()["07-diagnosis-alone"]})
    results = FakeResults()
    screener = Screener(shipped_study(), shipped_reader(), records=records, results=results)
    worker = Worker(Jobs(store, {"NCT06722105": screener}), timedelta(seconds=30), tasks=2)
    return Shop(store, records, results, worker, Desk(worker, bound=10), clock)


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


async def test_who_waited_for_an_attempt_that_was_withdrawn_is_told_to_send_it_again(shop: Shop) -> None:
    """A resend with the same key, that waits while the first fails, is told later as the first was; then it is new."""
    key = Key("me", "k", "body")
    first = await shop.desk.accept(ORDER, key, at_once=True)
    resend = await shop.desk.accept(ORDER, key, at_once=True)
    waits = asyncio.create_task(shop.desk.awaited(resend.screening))
    shop.records.failure = TryLater("The server is down.", 60.0)
    with pytest.raises(TryLater, match="is down"):
        await shop.desk.run(first)
    with pytest.raises(TryLater, match="send it again") as told:
        await waits
    third = await shop.desk.accept(ORDER, key, at_once=True)

    assert (resend.again, resend.claim, told.value.retry_after) == (True, None, 2.0)
    assert (third.again, third.claim is None) == (False, False)


async def test_what_a_resend_was_promised_is_done_though_the_first_attempt_failed(shop: Shop) -> None:
    """Who resends with the same key and is told that it is kept, finds it, whatever the first caller was told."""
    key = Key("me", "k", "body")
    first = await shop.desk.accept(ORDER, key, at_once=True)
    resend = await shop.desk.accept(ORDER, key, at_once=False)
    shop.records.failure = TryLater("The server is down.", 60.0)
    with pytest.raises(TryLater):
        await shop.desk.run(first)
    shop.records.failure = None
    await shop.step()

    assert resend.screening == first.screening
    assert (await shop.document(resend.screening))["patient"] == "Patient/demo-07"
    assert (await shop.desk.accept(ORDER, key, at_once=True)).again is True


async def test_who_waits_in_vain_for_an_attempt_is_promised_it(shop: Shop) -> None:
    """A resend that waited long enough is told that it is under way, and so it stays."""
    key = Key("me", "k", "body")
    first = await shop.desk.accept(ORDER, key, at_once=True)
    shown = await shop.desk.awaited(first.screening, seconds=0.01)
    shop.records.failure = TryLater("The server is down.", 60.0)
    with pytest.raises(TryLater):
        await shop.desk.run(first)

    assert shown == (None, JobState.RUNNING)
    assert await shop.store.standing(first.screening) is JobState.READY


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


async def _is(shop: Shop, id_: str, state: JobState) -> bool:
    return await shop.store.standing(id_) is state
