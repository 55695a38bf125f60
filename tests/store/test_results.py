"""Results on both stores: kept byte for byte, with their history; listed, purged and forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select

from service.store import upkeep
from service.store.store import SqlStore
from service.store.tables import audit, metadata
from service.work.model import Audit, Event, Filter, JobState, Key, Kind
from service.work.orders import ScreenOrder, write_order
from tests.store.conftest import LEASE, LINE, Clock, claimed, job, keep, result

pytestmark = pytest.mark.anyio


async def ids(store: SqlStore, **filters: object) -> list[str]:
    """Return the ids of a list."""
    return [each.id for each in await store.screenings(Filter(**filters))]  # type: ignore[arg-type]


async def test_a_result_is_kept_byte_for_byte(store: SqlStore) -> None:
    """The document comes back as the bytes that were kept, with all that stands beside it."""
    document = '{"id":"a","é":"\\u0000 1.50"}'.encode()
    await keep(store, "a", document=document, priority=2, rules="sha256:1")
    kept = await store.screening("a")

    assert kept is not None
    assert kept.document == document
    assert kept == result("a", document=document, priority=2, rules="sha256:1", changed=kept.changed)


async def test_the_list_holds_the_newest_of_each_patient_and_study(store: SqlStore) -> None:
    """An older result of the same patient and study is history; unreadable records that somebody brought hide none."""
    await keep(store, "a")
    await keep(store, "b", patient="Patient/2")
    await keep(store, "c", study="T")
    await keep(store, "d")
    await keep(store, "e", error="patient-unreadable", status=None)

    assert await ids(store) == ["b", "c", "d"]
    assert await store.screening("a") is not None


async def test_the_list_is_filtered_and_goes_on_after_a_place(store: SqlStore, clock: Clock) -> None:
    """Filters and place narrow the list; a result that was posted since stands at the end."""
    await store.accept(job("a"))
    post = await store.screened(
        await claimed(store), result("a"), LINE, job("p", Kind.POST, screening="a"), lease=LEASE
    )
    clock.pass_(seconds=5)
    await keep(store, "b", patient="Patient/2", status="ineligible", priority=None)
    await keep(store, "c", patient="Patient/3", priority=3)
    between = clock()
    [first] = await store.screenings(Filter(limit=1))
    assert first.changed is not None
    after = await ids(store, after=(first.changed, first.id))
    assert post is not None
    await store.posted(post, b"posted", LINE)

    assert (first.id, after) == ("a", ["b", "c"])
    assert await ids(store) == ["b", "c", "a"]
    assert await ids(store, since=between) == ["a"]
    assert await ids(store, status="ineligible") == ["b"]
    assert await ids(store, priority=3, study="S") == ["c"]


async def test_who_asked_is_kept_with_the_result(store: SqlStore) -> None:
    """Each result has its line in the audit, with time, caller and patient."""
    await store.accept(job("a"))
    await store.screened(await claimed(store), result(), Audit("screened", "me", "Patient/1", "a"), lease=None)
    row = store.database.now(lambda connection: connection.execute(select(audit)).one())

    assert (row.action, row.caller, row.patient, row.screening) == ("screened", "me", "Patient/1", "a")


async def test_a_parked_job_is_put_back_by_command(store: SqlStore, clock: Clock) -> None:
    """A job that an operator puts back is claimed again, its strikes forgotten; who did it is kept."""
    for id_ in ("a", "b"):
        await store.accept(job(id_))
        await store.park(await claimed(store), "why")
    shown = store.database.now(upkeep.jobs_in, [JobState.PARKED], 9)
    back = store.database.now(upkeep.requeue, clock(), ["a", "nothing"], "me")
    held = await claimed(store)

    assert [(each.id, each.state, each.reason) for each in shown] == [("b", "parked", "why"), ("a", "parked", "why")]
    assert (back, held.id, held.strikes, held.attempts) == (1, "a", 0, 1)
    assert store.database.now(upkeep.requeue, clock(), None, "me") == 1


async def test_jobs_are_counted(store: SqlStore, clock: Clock) -> None:
    """How many jobs that are not done stand how, and since when the oldest, is told for each kind."""
    await keep(store, "done")
    first = clock.now
    for each in (job("a"), job("b"), job("p", Kind.POST)):
        await store.accept(each)
    await claimed(store, Kind.SCREEN)
    counted = {(each.kind, each.state): (each.number, each.oldest) for each in await store.counts()}

    assert {name: number for name, (number, _) in counted.items()} == {
        (Kind.POST, JobState.READY): 1,
        (Kind.SCREEN, JobState.READY): 1,
        (Kind.SCREEN, JobState.RUNNING): 1,
    }
    assert counted[Kind.SCREEN, JobState.RUNNING][1] - first < timedelta(seconds=1)


async def test_what_is_old_is_purged(store: SqlStore, clock: Clock) -> None:
    """Results, ended and parked jobs older than the retention go; what is under way or newer stays."""
    await keep(store, "old")
    await store.accept(job("parked"))
    await store.park(await claimed(store), "why")
    await store.accept(job("waits"), key=Key("me", "k", "body"))
    await store.keep(result("waits"), LINE)
    clock.pass_(days=30)
    await keep(store, "new")
    gone = await store.purge(timedelta(days=20))

    assert gone == 1
    assert [await store.standing(id_) for id_ in ("old", "parked", "new")] == [None, None, JobState.DONE]
    assert await store.standing("waits") is JobState.READY
    assert [await store.screening(id_) is None for id_ in ("old", "waits", "new")] == [True, False, False]
    assert await store.purge(None) == 0
    assert not (await store.accept(job("again"), key=Key("me", "k", "other"))).again


async def test_a_key_goes_with_its_result(store: SqlStore, clock: Clock) -> None:
    """A key that came for a result that was purged is free; one whose result or job is there still stands for it."""
    await store.accept(job("under way"), key=Key("me", "under way", "body"))
    for id_ in ("old", "new"):
        accepted = await store.accept(job(id_), key=Key("me", id_, "body"), lease=LEASE)
        assert accepted.claim is not None
        await store.screened(accepted.claim, result(id_), LINE, lease=None)
        clock.pass_(days=2)
    await store.purge(timedelta(days=3))
    again = {id_: await store.accept(job(f"{id_} again"), key=Key("me", id_, "body")) for id_ in ("old", "new")}
    waiting = await store.accept(job("other"), key=Key("me", "under way", "body"))

    assert (again["old"].again, again["old"].screening) == (False, "old again")
    assert (again["new"].again, again["new"].screening) == (True, "new")
    assert (waiting.again, waiting.screening) == (True, "under way")


async def test_a_patient_is_forgotten(store: SqlStore, clock: Clock) -> None:
    """Nothing in the store names a forgotten patient; other patients' results stay, and so does that it was done."""
    await keep(store, "a", patient="Patient/canary", document=b"canary")
    await keep(store, "b", patient="Patient/2")
    await store.accept(job("c", patient="Patient/canary", lane="S Patient/canary"), key=Key("me", "k", "body"))
    waiting = job("d", patient="Patient/canary", dedup="S Patient/canary")
    await store.received([Event("topic", "1", "1", "Patient/canary", (waiting,))])
    gone = store.database.now(upkeep.forget, clock(), "Patient/canary", "me")
    rows = [
        repr(row)
        for table in metadata.sorted_tables
        for row in store.database.now(lambda connection, of=table: connection.execute(select(of)).all())
    ]

    assert gone == 1
    assert not [row for row in rows if "canary" in row]
    assert (await store.screening("b"), await store.standing("b")) != (None, None)
    assert any("forgotten" in row for row in rows)
    assert not (await store.accept(job("e"), key=Key("me", "k", "other"))).again


@pytest.mark.parametrize("parked", [False, True])
async def test_a_bundle_that_waits_or_was_parked_is_forgotten_with_its_patient(store: SqlStore, parked: bool) -> None:
    """What somebody brought of a patient goes too, though its job names nobody; others' Bundles stay, odd ones too."""
    brought = {
        "theirs": {"entry": [{"resource": {"resourceType": "Patient", "id": "canary"}}]},
        "another's": {"entry": [{"resource": {"resourceType": "Group", "id": "canary"}}, {"id": "canary"}, 1]},
        "nobody's": {"entry": {"resource": {"resourceType": "Patient", "id": "canary"}}},
    }
    for id_, bundle in brought.items():
        order = ScreenOrder(study="S", as_of=date(2026, 11, 23), bundle=msgspec.Raw(msgspec.json.encode(bundle)))
        await store.accept(job(id_)._replace(payload=write_order(order)), key=Key("me", id_, "body"))
        if parked:
            await store.park(await claimed(store), "why")
    store.database.now(upkeep.forget, datetime.now(UTC), "Patient/canary", "me")

    left = {id_: await store.standing(id_) for id_ in brought}
    stands = JobState.PARKED if parked else JobState.READY
    assert left == {"theirs": None, "another's": stands, "nobody's": stands}
    assert not (await store.accept(job("again"), key=Key("me", "theirs", "other"))).again


async def test_a_patients_recent_results_come_newest_first(store: SqlStore, clock: Clock) -> None:
    """Those of one patient and study that changed within a time, as they were kept."""
    await keep(store, "old")
    clock.pass_(hours=25)
    await keep(store, "a")
    await keep(store, "of another study", study="T")
    await keep(store, "of another patient", patient="Patient/2")
    await keep(store, "b")

    assert [each.id for each in await store.recent("S", "Patient/1", timedelta(days=1))] == ["b", "a"]


async def test_a_job_without_a_result_ends(store: SqlStore) -> None:
    """A job that looks at what a server told ends without a result, and is done."""
    await store.accept(job("a", Kind.LOOK))
    await store.done(await claimed(store, Kind.LOOK))

    assert (await store.standing("a"), await store.screening("a")) == (JobState.DONE, None)
