"""Errors as problem details (RFC 9457) with a ``code``, where FHIR is spoken as OperationOutcomes.

They repeat nothing that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.cds.advise import DataMissing
from service.discovery.ports import RunUnderWay
from service.eligibility.results import NotScreened
from service.errors import CandorError, InputError, Never, TryLater
from service.fhir.write_error import write_error
from service.trust.signed import Untrusted
from service.work.failures import place_of
from service.work.ports import KeyTaken, QueueFull, StoreDown

MEDIA_TYPE, FHIR_MEDIA_TYPE = "application/problem+json", "application/fhir+json"
# Below these paths errors are OperationOutcomes.
_OUTCOMES = {"/fhir/": FHIR_MEDIA_TYPE, "/subscriptions/": FHIR_MEDIA_TYPE, "/cds-services": "application/json"}
RETRY_AFTER = 30  # seconds, where the hospital server did not say
RETRY_AFTER_REFUSAL = 300  # seconds; somebody has to change a setting first

STATUS_OF_CODE = {
    "no-hospital-server": HTTPStatus.CONFLICT,
    "not-permitted": HTTPStatus.FORBIDDEN,
    "patient-not-found": HTTPStatus.NOT_FOUND,
}  # every other code of a patient or of what was sent is 422
CODE_OF_STATUS = {HTTPStatus.NOT_FOUND: "not-found", HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed"}

_TOLD: tuple[tuple[type[CandorError], HTTPStatus, str, float | None], ...] = (
    (Never, HTTPStatus.SERVICE_UNAVAILABLE, "hospital-server-refuses", RETRY_AFTER_REFUSAL),
    (QueueFull, HTTPStatus.TOO_MANY_REQUESTS, "queue-full", RETRY_AFTER),
    (KeyTaken, HTTPStatus.CONFLICT, "idempotency-key-reused", None),
    (RunUnderWay, HTTPStatus.CONFLICT, "run-under-way", None),
    (StoreDown, HTTPStatus.SERVICE_UNAVAILABLE, "store-down", RETRY_AFTER),
    (Untrusted, HTTPStatus.UNAUTHORIZED, "untrusted", None),
    (DataMissing, HTTPStatus.PRECONDITION_FAILED, "data-missing", None),
)

MEANING = {
    HTTPStatus.BAD_REQUEST: "Not JSON, NaN, or nested too deeply.",
    HTTPStatus.FORBIDDEN: "The patient may not be screened (`not-permitted`), or the token lacks the scope or role.",
    HTTPStatus.NOT_FOUND: "Unknown patient, study or screening.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.CONFLICT: "No hospital server is configured, or the `Idempotency-Key` came with another body before.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body or the Bundle is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json in UTF-8.",
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "Neither or both of `patient` and `bundle`, a `bundle` that is no Bundle, no or several patients in it, "
        "`patient-replaced` or `patient-unreadable`."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: "As many screenings as allowed are under way; see `Retry-After`.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The hospital server, the store or the issuer is down; see `Retry-After`.",
}

log = structlog.get_logger()


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer that is an error; ``extension``: further members; ``challenge``: what WWW-Authenticate says."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        extension: Mapping[str, str | None] | None = None,
        challenge: str | None = None,
    ) -> None:
        """Keep what the answer says."""
        self.status, self.code, self.detail = status, code, detail
        self.retry_after, self.extension, self.challenge = retry_after, extension or {}, challenge
        super().__init__(code)

    def response(self, path: str) -> Response:
        """Return the answer in the form of the door that ``path`` leads to."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            headers["Connection"] = "close"  # the rest of the body is not waited for
        if self.challenge is not None or self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = self.challenge or "Bearer"
        outcome = next((media_type for door, media_type in _OUTCOMES.items() if path.startswith(door)), None)
        if outcome is not None:
            return Response(
                msgspec.json.encode(write_error(self.code, self.detail)), int(self.status), headers, outcome
            )
        content = {"title": self.status.phrase, "status": int(self.status), "code": self.code, "detail": self.detail}
        content |= {name: value for name, value in self.extension.items() if value is not None}
        return Response(msgspec.json.encode(content), int(self.status), headers, MEDIA_TYPE)


def not_screened(result: NotScreened) -> Problem:
    """Return the error that stands in place of one patient's result."""
    status = STATUS_OF_CODE.get(result.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(status, result.code, result.detail, extension={"replaced_by": result.replaced_by})


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case InputError():
            status = STATUS_OF_CODE.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)
            return Problem(status, error.code, str(error))
        case TryLater():
            retry_after = error.retry_after or RETRY_AFTER
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "hospital-server-down", str(error), retry_after=retry_after)
        case Never() | QueueFull() | KeyTaken() | RunUnderWay() | StoreDown() | Untrusted() | DataMissing():
            _, status, code, wait = next(told for told in _TOLD if isinstance(error, told[0]))
            extension = {"run": error.run} if isinstance(error, RunUnderWay) else None
            return Problem(status, code, str(error), retry_after=wait, extension=extension)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            return Problem(status, CODE_OF_STATUS.get(status, "refused"), f"{status.description or status.phrase}.")
        case RequestValidationError():
            return Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "A parameter has no such form: see openapi.yaml."
            )
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed; its log says where.")


async def _answer(request: Request, error: Exception) -> Response:
    response = _problem_of(error).response(request.url.path)
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})  # Allow
    return response


class LastResort:
    """Answers for a bug, and logs where it is: a traceback's message could hold clinical values."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; an answer that has begun cannot be replaced."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            log.info("client-gone")  # nobody is left to answer
        except Exception as error:
            if scope["type"] != "http":
                raise
            place = place_of(error)
            log.error("bug", error=type(error).__name__, file=place.filename, line=place.lineno)  # noqa: TRY400 - no message
            if not begun:
                await _problem_of(error).response(scope["path"])(scope, receive, send)


def install(app: FastAPI) -> None:
    """Have every error of ``app`` answered as a problem."""
    for kind in (Problem, CandorError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    app.add_middleware(LastResort)


OF_A_SCREENING = (  # what can go wrong where somebody asks for one
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

OF_A_RESULT = (  # where somebody asks for one that is kept
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these errors."""
    return {int(status): {"description": MEANING[status], "content": _CONTENT} for status in statuses}


_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
ANY_OTHER: dict[int | str, dict[str, Any]] = {"default": {"description": "Any other error.", "content": _CONTENT}}
