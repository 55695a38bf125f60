"""What an answer of a FHIR server means, and which failures are tried again."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from random import uniform
from time import monotonic
from typing import NamedTuple

from service.errors import Never, NotFhirError, TryLater
from service.fhir.decode import decode
from service.hospital.breaker import Paused
from service.hospital.ports import Resource
from service.hospital.refusals import refusal
from service.hospital.transport import Reply

_SPREAD = 0.5  # seconds


class Answer(NamedTuple):
    """What a server answered to one request."""

    body: Resource
    etag: str | None = None
    location: str | None = None
    status: int = HTTPStatus.OK


def repeated(kind: type[TryLater], seconds: float) -> Callable[[Exception], bool | float]:
    """Decide which errors are tried again, and after how long: what the server asked for, within the budget."""
    end = monotonic() + seconds

    def again(error: Exception) -> bool | float:
        if not isinstance(error, kind) or isinstance(error, Paused):
            return False
        if error.retry_after is None:
            return True
        wait = error.retry_after + uniform(0, _SPREAD)  # noqa: S311 - so that not all come back at once
        return wait if monotonic() + wait < end else False

    return again


def read_answer(reply: Reply, what: str, host: str) -> Answer:
    """Return what a server answered to ``what``. Raises ``TryLater``, ``Refused`` and ``Never``."""
    try:
        body = decode(reply.content) if reply.content else {}
        broken = False
    except NotFhirError as error:
        body, broken = None, error.code == "not-json"
    if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise refusal(reply.status, what, host, body, reply.headers)
    if body is None and "html" in reply.headers.get("content-type", ""):
        raise Never(f"{host} answered the {what} with a web page: is this the base URL of its FHIR server?")
    if broken:
        raise TryLater(f"{host} answered the {what} with broken JSON.")
    if body is None:
        raise Never(f"{host} answered the {what} with JSON that is no FHIR: is this the base URL of its FHIR server?")
    return Answer(body, reply.headers.get("etag"), reply.headers.get("location"), reply.status)
