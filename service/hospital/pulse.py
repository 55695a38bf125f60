"""Whether a server is up, or only some of what it was asked fails: it is asked for something small of its database."""

from __future__ import annotations

from asyncio import sleep
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple

from service.errors import TryLater
from service.hospital.breaker import Paused
from service.hospital.client import FhirClient
from service.hospital.transport import Reply
from service.retry_after import http_date, retry_after

_SMALL = "Patient?_count=1&_elements=id"
_PATIENCE = 900.0  # seconds; a server that has to be left in peace for longer is down
_LEAST = 1.0  # second, between two questions


class Pulse(NamedTuple):
    """A server that is up."""

    waited: bool  # it was left in peace before, so that others who asked got nothing
    clock: datetime | None  # when it answered, where it tells


async def felt(client: FhirClient) -> Pulse:
    """Return as soon as the server answers; a refusal is an answer too.

    Where it is left in peace, which may be for what certain records do to it, or asks for a rest, that is waited for; a
    503 is believed the second time. Raises ``TryLater`` where it is down, and ``Never``.
    """
    once = client.lent(client.server.credentials, attempts=1)
    waited = doubted = False
    end = monotonic() + _PATIENCE
    while True:
        try:
            reply = await once.call("GET", _SMALL, "search of Patient", {"Accept": "application/fhir+json"})
            unavailable = reply.status == HTTPStatus.SERVICE_UNAVAILABLE
            if (wait := _rest(reply)) is None or (unavailable and doubted):
                break
            doubted = doubted or unavailable
            if monotonic() + wait > end:
                raise TryLater(f"{client.host} asks for a rest: HTTP {reply.status} to a small search.", wait)
        except Paused as pause:
            wait = pause.retry_after or 0.0
            if monotonic() + wait > end:
                raise
        await sleep(max(wait, _LEAST))
        waited = True
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TryLater(f"{client.host} is down: HTTP {reply.status} to a small search.")
    return Pulse(waited, http_date(reply.headers.get("date", "")))


def put_off(error: TryLater) -> bool:
    """Whether what failed is to be asked again when the server is up: it was not sent, or the server asked to wait."""
    return isinstance(error, Paused) or error.retry_after is not None


def _rest(reply: Reply) -> float | None:
    """Return the seconds for which the server asks to be left in peace."""
    busy = reply.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    return retry_after(reply.headers.get("retry-after"), datetime.now(UTC)) if busy else None
