"""What the doors have to remember, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.store.store import SqlStore
from service.work.model import Kind
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


async def test_a_notification_is_kept_once_with_its_job(store: SqlStore) -> None:
    """The same event again makes no job; several events of a patient that waits are one job."""
    told = [
        await store.notified("server", "sub", event, "Patient/1", job(f"j{number}", dedup="S Patient/1"))
        for number, event in enumerate(["1", "1", "2"])
    ]
    first, second = await store.claim(BOTH, LEASE), await store.claim(BOTH, LEASE)

    assert told == [True, False, True]
    assert (first is not None and first.kind, second) == (Kind.SCREEN, None)
