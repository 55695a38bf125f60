"""``/subscriptions/notifications``: what FHIR servers tell of changes, by R4's rest-hook or as a topic's Bundle."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response

from service.api.bodies import check_media_type, parse, read_any
from service.api.problems import FHIR_MEDIA_TYPE, Problem
from service.api.service import Service, TheService
from service.errors import NotFhirError
from service.subscriptions.notification import ID, TYPE, Named, Notification, Topic, named, named_by, read_notification

router = APIRouter(prefix="/subscriptions/notifications", tags=["subscriptions"])

Type = Annotated[str, Path(pattern=rf"^{TYPE}$", description="The type of the resource that changed.")]
Id = Annotated[str, Path(pattern=rf"^{ID}$", description="Its id.")]

_resource = msgspec.json.Decoder(dict[str, Any])
_OUTCOME = {FHIR_MEDIA_TYPE: {"schema": {"type": "object"}}}
_MEANING = {
    HTTPStatus.BAD_REQUEST: "Not JSON, NaN, or nested too deeply.",
    HTTPStatus.UNAUTHORIZED: "Neither the secret that the Subscription was registered with, nor signed with it.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.CONFLICT: "No hospital server is configured.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "A body that is not application/fhir+json in UTF-8.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "JSON that is no notification, or a path that names no resource.",
    HTTPStatus.TOO_MANY_REQUESTS: "As many jobs as allowed are under way; see `Retry-After`.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store is down; see `Retry-After`.",
}
_DESCRIBED: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {"description": "It is kept, and what it asks for is done soon. There is no body."},
        **{int(status): {"description": said, "content": _OUTCOME} for status, said in _MEANING.items()},
        "default": {"description": "Any other error.", "content": _OUTCOME},
    },
    "openapi_extra": {
        "requestBody": {"required": False, "content": {FHIR_MEDIA_TYPE: {"schema": {"type": "object"}}}},
        "parameters": [
            {
                "name": "X-Signature",
                "in": "header",
                "description": "HMAC-SHA256 of the body under a secret, in hexadecimal; instead of `Authorization`.",
                "schema": {"type": "string"},
            }
        ],
    },
}


@router.post("", operation_id="notify", summary="Tell that something changed", **_DESCRIBED)
@router.put("", operation_id="notifyByPut", summary="Tell that something changed", **_DESCRIBED)
async def notify(request: Request, service: TheService) -> Response:
    """Take a notification: nothing (something changed), a resource, or a topic's Bundle.

    Nothing of a resource is believed but which it is: it is read from the hospital's server.
    """
    body = await _read(request, service)
    return await _take(service, await service.off_loop(_notification, body) if body else Named())


@router.post("/{type}/{id}", operation_id="notifyOfResource", summary="Tell which resource changed", **_DESCRIBED)
@router.put("/{type}/{id}", operation_id="notifyOfResourceByPut", summary="Tell which resource changed", **_DESCRIBED)
async def notify_of(type: Type, id: Id, request: Request, service: TheService) -> Response:  # noqa: A002 - FHIR's words
    """Take the notification of a resource, with its body or without."""
    body = await _read(request, service)
    said = await service.off_loop(_resource_named, body) if body else Named()
    return await _take(service, named(f"{type}/{id}", said.patient))


async def _read(request: Request, service: Service) -> bytes:
    """Return the body of a server's that may notify us; a stranger's is read only where it bears a signature.

    Raises ``Problem`` and ``Untrusted``.
    """
    if service.notices is None:
        raise Problem(
            HTTPStatus.CONFLICT, "no-hospital-server", "No hospital server is configured: set CANDOR_FHIR_URL."
        )
    secrets, limits = service.notices.secrets, service.limits
    authorization, signature = request.headers.get("authorization"), request.headers.get("x-signature")
    if signature is None or secrets.shown(authorization):
        secrets.admit(authorization, None, b"")
        body = await read_any(request, limits.body_bytes, limits.body_seconds)
    else:
        with service.unproven.one():
            body = await read_any(request, limits.body_bytes, limits.body_seconds)
            await service.off_loop(secrets.admit, authorization, signature, body)
    if body:
        check_media_type(request, (FHIR_MEDIA_TYPE, "application/json"))
    return body


async def _take(service: Service, notification: Notification) -> Response:
    assert service.notices is not None  # noqa: S101 - `_read` told the caller
    await service.notices.take(notification)
    return Response()


def _notification(body: bytes) -> Notification:
    try:
        told = read_notification(_parse(body))
    except NotFhirError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error)) from None
    if (
        isinstance(told, Topic)
        and not "".join((told.subscription, *(each.timestamp for each in told.events))).isprintable()
    ):
        detail = "The notification holds characters that FHIR does not allow."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-a-notification", detail)
    return told


def _resource_named(body: bytes) -> Named:
    return named_by(_parse(body))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        return parse(_resource, body)
    except msgspec.ValidationError:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-fhir", "The body is no FHIR resource.") from None
