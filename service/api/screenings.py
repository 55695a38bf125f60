"""``/api/v1/screenings``: a Bundle or a patient in, one screening out, now or later."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from service.api import models
from service.api.answers import is_id, stored, under_way
from service.api.bodies import ScreeningRequest, decode, read_json
from service.api.problems import Problem, described
from service.api.service import Service, TheService
from service.screening.patient import reference_of, today
from service.work.model import Key
from service.work.orders import ScreenOrder

router = APIRouter(prefix="/api/v1", tags=["screenings"])

CALLER = "anyone"  # nobody's token is verified yet
_KEY_LENGTH = 255

_SCREENED: dict[int | str, dict[str, Any]] = {
    200: {"model": models.Screening, "description": "All criteria judged, with the evidence."},
    202: {
        "model": models.UnderWay,
        "description": "It is kept and under way: ask again at `Location`, after `Retry-After` seconds.",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "Where the result will be."},
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
        },
    },
}
_POST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScreeningRequest"}}},
    },
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "description": "`respond-async` (RFC 7240): answered as soon as the request is kept.",
            "schema": {"type": "string"},
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key with the same body gives the same screening, for seven days.",
            "schema": {"type": "string", "minLength": 1, "maxLength": _KEY_LENGTH, "pattern": "^[!-~]+$"},
        },
    ],
}


@router.post(
    "/screenings",
    operation_id="screen",
    summary="Screen one patient",
    response_class=Response,
    responses={
        **_SCREENED,
        **described(
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
        ),
    },
    openapi_extra=_POST,
)
async def screen(request: Request, service: TheService) -> Response:
    """Judge every criterion for a patient of the hospital (`patient`) or for records that are sent (`bundle`).

    Numbers keep their decimals as written. Of equal keys in one JSON object the last wins.
    Whatever is answered with 2xx is kept: it gets one result, whatever happens to the service.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _is_key(key):
        detail = f"An Idempotency-Key is 1 to {_KEY_LENGTH} printable ASCII characters without spaces."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-idempotency-key", detail)
    # Whoever sends slowly keeps nobody from a place.
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    later = _prefers_later(request)
    with service.place():
        loop = asyncio.get_running_loop()
        wanted = await loop.run_in_executor(service.worker, decode, body, service.limits.entries)
        known_by = Key(CALLER, key, sha256(body).hexdigest()) if key is not None else None
        accepted = await service.desk.accept(_order(service, wanted), known_by, at_once=not later)
        if not later:
            await service.desk.run(accepted)
    if later:
        return under_way(accepted.screening)
    return stored(accepted.screening, *await service.desk.awaited(accepted.screening))


@router.get(
    "/screenings/{id}",
    operation_id="readScreening",
    summary="Read one screening",
    response_class=Response,
    responses={
        **_SCREENED,
        **described(
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
)
async def read(id: str, service: TheService) -> Response:  # noqa: A002 - the contract's word
    """Answer as the request itself would have been answered; 202 while it is under way."""
    return stored(id, *(await service.desk.result(id) if is_id(id) else (None, None)))


def _order(service: Service, wanted: ScreeningRequest) -> ScreenOrder:
    """Return what is to be done. Raises a ``Problem`` and ``InputError`` where it cannot be."""
    screener = service.screener(wanted.study)
    screener.needs(patient=wanted.patient is not None, write_back=wanted.write_back)
    return ScreenOrder(
        study=screener.study.record.id,
        as_of=wanted.as_of or today(),
        patient=None if wanted.patient is None else reference_of(wanted.patient),
        bundle=msgspec.Raw(b"null") if wanted.patient is not None else wanted.bundle,
        write_back=wanted.write_back,
        caller=CALLER,
    )


def _prefers_later(request: Request) -> bool:
    wishes = ",".join(request.headers.getlist("prefer")).split(",")
    return any(wish.partition(";")[0].strip().lower() == "respond-async" for wish in wishes)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= _KEY_LENGTH and all("!" <= character <= "~" for character in key)
