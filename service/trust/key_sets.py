"""Public keys that others publish (JWK Sets, RFC 7517), kept for a while and asked for again with restraint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from service.errors import Never, TryLater

Jwk = dict[str, Any]
Fetch = Callable[[str], Awaitable[bytes]]  # raises ``TryLater`` and ``Never``

KEPT = 300.0  # seconds after which keys are asked for again: one that was withdrawn is believed no longer than that
PAUSE = 30.0  # seconds in which nobody makes us ask again, whatever keys their tokens name


class _Set(msgspec.Struct):
    keys: list[Jwk]


class _Kept(NamedTuple):
    keys: Mapping[str, Jwk]
    at: float


_decode = msgspec.json.Decoder(_Set).decode


class KeySets:
    """The keys of several issuers, each by the address of its set."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = monotonic) -> None:
        """Only addresses that an operator listed may be asked for here: ``fetch`` does not look at them."""
        self._fetch, self._clock = fetch, clock
        self._kept: dict[str, _Kept] = {}
        self._asked: dict[str, float] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def key(self, url: str, kid: str) -> Jwk | None:
        """Return the key of this id. Raises ``TryLater`` and ``Never`` where it cannot be asked for."""
        if (known := self._known(url, kid)) is not None:
            return known  # and waits for nobody who asks for an invented one
        async with self._asking.setdefault(url, asyncio.Lock()):
            if (known := self._known(url, kid)) is not None:
                return known
            kept = self._kept.get(url)
            asked = self._asked.get(url)
            if asked is None or self._clock() - asked >= PAUSE:
                self._asked[url] = self._clock()
                kept = self._kept[url] = _Kept(read_keys(await self._fetch(url)), self._clock())
            elif kept is None or self._clock() - kept.at >= KEPT:
                raise TryLater("The keys of a caller could not be fetched a moment ago.", PAUSE)
            return kept.keys.get(kid)

    def _known(self, url: str, kid: str) -> Jwk | None:
        kept = self._kept.get(url)
        return kept.keys.get(kid) if kept is not None and self._clock() - kept.at < KEPT else None


def read_keys(content: bytes) -> dict[str, Jwk]:
    """Return the keys of a JWK Set by their ids; one without an id is nobody's. Raises ``Never`` for anything else."""
    try:
        keys = _decode(content).keys
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Never("What should be a JWK Set is none: an object with an array of keys.") from None
    return {key["kid"]: key for key in keys if isinstance(key.get("kid"), str)}
