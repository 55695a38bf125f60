"""Which of a patient's results stands, on both stores: the latest day's, and none once the patient was refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from service.store.store import SqlStore
from service.work.model import Claim, Filter, Kind
from tests.store.conftest import LEASE, LINE, job, keep, result

pytestmark = pytest.mark.anyio
YESTERDAY, TODAY, SOME_DAY = date(2026, 11, 22), date(2026, 11, 23), date(2099, 1, 1)
OPPOSED = {"error": "not-permitted", "status": None}
UNREADABLE = {"error": "patient-unreadable", "status": None}


async def to_post(store: SqlStore, id_: str, **more: Any) -> Claim:
    """Have a result made that is to be posted, and hold its post."""
    accepted = await store.accept(job(id_), lease=LEASE)
    assert accepted.claim is not None
    post = job(f"post {id_}", Kind.POST, screening=id_)
    held = await store.screened(accepted.claim, result(id_, **more), LINE, post, lease=LEASE)
    assert held is not None
    return held


async def refuse(store: SqlStore, id_: str, *, pulled: bool, **more: Any) -> None:
    """Have a patient refused, by the hospital's own records (``pulled``) or by those that a caller brought."""
    accepted = await store.accept(job(id_, patient="Patient/1" if pulled else None), lease=LEASE)
    assert accepted.claim is not None
    await store.screened(accepted.claim, result(id_, **more), LINE, lease=None)


async def listed(store: SqlStore) -> list[str]:
    """Return the ids of the list."""
    return [each.id for each in await store.screenings(Filter())]


async def test_a_later_result_to_be_posted_supersedes(store: SqlStore) -> None:
    """Of one day's results the last made is posted, others' results and those that nobody posts are in no way."""
    first = await to_post(store, "a")
    await keep(store, "kept only")
    alone = await store.superseded(first)
    others = [await to_post(store, "b", patient="Patient/2"), await to_post(store, "c", study="T")]
    second = await to_post(store, "d")

    assert alone is False
    assert [await store.superseded(each) for each in (first, *others, second)] == [True, False, False, False]


async def test_an_older_day_never_comes_over_a_newer_one(store: SqlStore) -> None:
    """A result for an earlier day that is made later is neither listed nor posted over the later day's."""
    newer = await to_post(store, "newer", as_of=TODAY)
    older = await to_post(store, "older", as_of=YESTERDAY)

    assert (await store.superseded(older), await store.superseded(newer)) == (True, False)
    assert await listed(store) == ["newer"]


async def test_a_day_to_come_hides_nothing_until_then(store: SqlStore) -> None:
    """A result for a day in the future stands until the next is made, not until that day."""
    future = await to_post(store, "future", as_of=SOME_DAY)
    alone = await listed(store)
    today = await to_post(store, "today", as_of=TODAY)

    assert (alone, await listed(store)) == (["future"], ["today"])
    assert (await store.superseded(future), await store.superseded(today)) == (True, False)


@pytest.mark.parametrize(
    ("refusal", "pulled", "ends"),
    [(OPPOSED, True, True), (OPPOSED, False, True), (UNREADABLE, True, True), (UNREADABLE, False, False)],
)
async def test_a_refusal_ends_what_stood(store: SqlStore, refusal: dict[str, Any], pulled: bool, ends: bool) -> None:
    """An opposition ends it, whoever brings it; any other refusal only where it is of the hospital's own records."""
    post = await to_post(store, "a")
    await refuse(store, "refused", pulled=pulled, **refusal)

    assert await store.superseded(post) is ends
    assert await listed(store) == ([] if ends else ["a"])


async def test_who_is_screened_again_after_a_refusal_is_listed_again(store: SqlStore) -> None:
    """A refusal counts until the patient is screened again, for its day or a later one."""
    await refuse(store, "refused", pulled=True, as_of=TODAY, **OPPOSED)
    older = await to_post(store, "older", as_of=YESTERDAY)
    before = await listed(store)
    again = await to_post(store, "again", as_of=TODAY)

    assert (before, await listed(store)) == ([], ["again"])
    assert (await store.superseded(older), await store.superseded(again)) == (True, False)


async def test_a_refusal_for_an_earlier_day_counts_from_when_it_was_made(store: SqlStore) -> None:
    """Whoever is found opposed now is not posted, whatever day that was asked for."""
    post = await to_post(store, "a", as_of=TODAY)
    await refuse(store, "refused", pulled=True, as_of=YESTERDAY, **OPPOSED)

    assert await store.superseded(post) is True
    assert await listed(store) == []


async def test_what_a_search_of_the_hospital_found_counts_as_posted_and_pulled(store: SqlStore) -> None:
    """It posts without a job, so that nothing older is posted over it; whom it cannot screen is listed no more."""
    before = await to_post(store, "before", as_of=YESTERDAY)
    await keep(store, "night", as_of=TODAY, trigger="discovery")
    late = await to_post(store, "late", as_of=YESTERDAY)
    after = await to_post(store, "after", as_of=TODAY)
    superseded = [await store.superseded(each) for each in (before, late, after)]
    await keep(store, "refused", trigger="discovery", **UNREADABLE)

    assert superseded == [True, True, False]
    assert (await store.superseded(after), await listed(store)) == (True, [])
