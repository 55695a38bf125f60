"""Public keys of others: kept for a while, asked for again with restraint, and never by what a token names."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from service.errors import Never, TryLater
from service.trust.key_sets import KEPT, PAUSE, KeySets, read_keys

URL = "https://ehr.example/jwks.json"


class Publisher:
    """An address with keys; counts how often it is asked."""

    def __init__(self, *kids: str) -> None:
        """Publish keys of these ids."""
        self.kids, self.asked, self.failure = list(kids), 0, None
        self.now = 1_000.0
        self.keys = KeySets(self.fetch, clock=lambda: self.now)

    async def fetch(self, url: str) -> bytes:
        """Give the keys."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        assert url == URL
        return json.dumps({"keys": [{"kid": kid, "kty": "EC"} for kid in self.kids]}).encode()

    async def kid(self, kid: str) -> str | None:
        """Return the id of the key that is found."""
        key = await self.keys.key(URL, kid)
        return None if key is None else str(key["kid"])


@pytest.mark.anyio
async def test_keys_are_asked_for_once() -> None:
    """While keys are fresh, nobody is asked again, however many callers come at once."""
    publisher = Publisher("a")

    assert await asyncio.gather(*(publisher.kid("a") for _ in range(50))) == ["a"] * 50
    assert publisher.asked == 1


@pytest.mark.anyio
async def test_a_new_key_is_found_and_unknown_ones_ask_no_more_than_every_pause() -> None:
    """A key that is not known is asked for, but tokens that name invented keys cannot make us hammer the publisher."""
    publisher = Publisher("a")
    await publisher.kid("a")
    publisher.kids.append("b")

    assert [await publisher.kid("b") for _ in range(9)] == [None] * 9
    publisher.now += PAUSE
    assert await publisher.kid("b") == "b"
    assert [await publisher.kid("invented") for _ in range(9)] == [None] * 9
    assert publisher.asked == 2


@pytest.mark.anyio
async def test_a_withdrawn_key_is_believed_no_longer_than_keys_are_kept() -> None:
    """After a while the set is asked for anew, and what is not in it any more is nobody's."""
    publisher = Publisher("a", "b")
    await publisher.kid("a")
    publisher.kids.remove("a")
    publisher.now += KEPT - 1

    assert await publisher.kid("a") == "a"
    publisher.now += 1
    assert await publisher.kid("a") is None
    assert publisher.asked == 2


@pytest.mark.anyio
async def test_keys_that_cannot_be_had_are_told_and_not_asked_for_at_once_again() -> None:
    """A publisher that is down is left alone for the pause; callers are told to come later."""
    publisher = Publisher("a")
    publisher.failure = TryLater("down")
    for _ in range(3):
        with pytest.raises(TryLater):
            await publisher.kid("a")
    publisher.failure, publisher.now = None, publisher.now + PAUSE

    assert await publisher.kid("a") == "a"
    assert publisher.asked == 2


@pytest.mark.anyio
async def test_old_keys_are_not_believed_because_their_publisher_is_down() -> None:
    """Who can cut us off from the publisher does not keep a withdrawn key alive."""
    publisher = Publisher("a")
    await publisher.kid("a")
    publisher.now, publisher.failure = publisher.now + KEPT, TryLater("down")
    for _ in range(2):
        with pytest.raises(TryLater):
            await publisher.kid("a")


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"keys": {}}', b'{"keys": [1]}', b"\xff", b"{}"])
def test_what_is_no_set_is_refused(content: bytes) -> None:
    """A page of HTML, a list, a set without keys."""
    with pytest.raises(Never, match="JWK Set"):
        read_keys(content)


def test_a_key_without_an_id_is_nobodys() -> None:
    """Tokens name their key by its id."""
    keys: list[dict[str, Any]] = [{"kty": "EC"}, {"kty": "EC", "kid": 1}, {"kty": "EC", "kid": "a"}]

    assert list(read_keys(json.dumps({"keys": keys}).encode())) == ["a"]
