"""Whether a server is up, or only some of what it was asked fails: it is asked for something small of its database."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple

from service.errors import TryLater
from service.hospital.breaker import Paused
from service.hospital.client import FhirClient

_SMALL = "Patient?_count=1&_elements=id"
_PATIENCE = 60.0  # seconds; a server that has to be left in peace for longer is down


class Pulse(NamedTuple):
    """A server that is up."""

    waited: bool  # it was left in peace before, so that others who asked got nothing
    clock: datetime | None  # when it answered, where it tells


async def felt(client: FhirClient) -> Pulse:
    """Return as soon as the server answers; a refusal is an answer too.

    Where it is left in peace, which may be for what certain records do to it, that is waited for. Raises ``TryLater``
    where it is down, and ``Never``.
    """
    once = client.lent(client.server.credentials, attempts=1)
    waited, end = False, monotonic() + _PATIENCE
    while True:
        try:
            reply = await once.call("GET", _SMALL, "search of Patient", {"Accept": "application/fhir+json"})
        except Paused as pause:
            wait = pause.retry_after or 0.0
            if monotonic() + wait > end:
                raise
            await sleep(wait)
            waited = True
            continue
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TryLater(f"{client.host} is down: HTTP {reply.status} to a small search.")
        return Pulse(waited, _clock(reply.headers))


def _clock(headers: Mapping[str, str]) -> datetime | None:
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
