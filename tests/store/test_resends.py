"""Requests that come again while the first attempt fails: none is told that it is kept where it is not."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import TryLater
from service.work.model import JobState, Key
from tests.store.conftest import ORDER, Shop

pytestmark = pytest.mark.anyio


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
