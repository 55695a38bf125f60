"""Public keys fetched from the addresses that an operator listed."""

from __future__ import annotations

from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from service.errors import Never
from service.hospital.origins import Origin, is_loopback
from service.hospital.refusals import refusal
from service.hospital.transport import Tls, Transport

_SECONDS = 5.0  # a caller waits meanwhile
_WHAT = "public keys"


class PublishedKeys:
    """Fetches JWK Sets without any token; use it as an async context manager."""

    def __init__(self, tls: Tls | None) -> None:
        self._transport = Transport(connections=2, seconds=_SECONDS, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(self, url: str) -> bytes:
        """Return what is there. Raises ``TryLater`` and ``Never``."""
        if not may_be_asked(url):
            raise Never("Public keys are taken over https, or from this machine: the address that is given is neither.")
        reply = await self._transport.send("GET", url, _WHAT, {"Accept": "application/json"})
        if reply.status != 200:  # noqa: PLR2004 - OK, and no redirect
            raise refusal(reply.status, _WHAT, urlsplit(url).hostname or "", headers=reply.headers)
        return reply.content


def may_be_asked(url: str) -> bool:
    """Whether keys may come from there: over TLS, or from this machine."""
    try:
        origin = Origin.parse(url)
    except ValueError:
        return False
    return origin.scheme == "https" or is_loopback(origin.host)
