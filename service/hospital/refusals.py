"""What a server's refusal means: try later, never, or read again and decide anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from service.errors import Never, TryLater
from service.fhir.outcome import is_outcome, outcome_text
from service.retry_after import retry_after

_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
TURNED_AWAY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}  # for who asks, whatever is asked
# What servers answer about a type or an interaction that they do not have.
UNKNOWN = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}
GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
# Stale If-Match and lost races: servers answer either.
_CONFLICTS = {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: " Check the token.",
    HTTPStatus.FORBIDDEN: " Ask for the scope that allows it.",
    **dict.fromkeys((301, 302, 303, 307, 308), " Redirects are not followed: configure the URL that it leads to."),
}


class Unsent(TryLater):
    """The request was not worked on (no connection, 429): even a write may be tried again."""


class Refused(Never):
    """The server refuses for good; ``status`` is its HTTP status, ``in_fhir`` whether an OperationOutcome says so."""

    def __init__(self, message: str, status: int, *, in_fhir: bool = False) -> None:
        """Keep the status, by which callers choose another way."""
        self.status, self.in_fhir = status, in_fhir
        super().__init__(message)


class Conflict(Refused):
    """Somebody else wrote first (409, 412): read again and decide anew."""


def refusal(
    status: int, what: str, host: str, body: object = None, headers: Mapping[str, str] | None = None
) -> TryLater | Refused:
    """Return the error for an HTTP status of 300 or more; ``what`` was asked, in words without ids."""
    said = outcome_text(body)
    message = f"{host} refused the {what}: HTTP {status}" + (f" ({said})." if said else ".") + _REMEDIES.get(status, "")
    if status in _PASSING:
        kind = Unsent if status == HTTPStatus.TOO_MANY_REQUESTS else TryLater
        return kind(message, retry_after((headers or {}).get("retry-after"), datetime.now(UTC)))
    in_fhir = is_outcome(body)
    if status == HTTPStatus.NOT_FOUND and not in_fhir:
        message += " Is this the base URL of its FHIR server?"
    return (Conflict if status in _CONFLICTS else Refused)(message, status, in_fhir=in_fhir)
