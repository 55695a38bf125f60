"""``/api/v1/screenings``: a Bundle or a patient in, one screening out, now or later."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from service.api import models
from service.api.access import MayRead, MayScreen, shown_to
from service.api.answers import is_id, stored, under_way
from service.api.bodies import ScreeningRequest, decode, read_json
from service.api.problems import OF_A_RESULT, OF_A_SCREENING, described
from service.api.service import Service, TheService
from service.api.wishes import WISHES, read_wish
from service.screening.patient import reference_of, screening_day
from service.work.orders import ScreenOrder

router = APIRouter(prefix="/api/v1", tags=["screenings"])

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
    "parameters": WISHES,
}


@router.post(
    "/screenings",
    operation_id="screen",
    summary="Screen one patient",
    response_class=Response,
    responses={**_SCREENED, **described(*OF_A_SCREENING)},
    openapi_extra=_POST,
)
async def screen(request: Request, service: TheService, caller: MayScreen) -> Response:
    """Judge every criterion for a patient of the hospital (`patient`) or for records that are sent (`bundle`).

    Numbers keep their decimals as written. Of equal keys in one JSON object the last wins.
    Whatever is answered with 2xx is kept: it gets one result, whatever happens to the service.
    """
    wish = read_wish(request)
    # Whoever sends slowly keeps nobody from a place.
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    with service.places.one():
        wanted = await service.off_loop(decode, body, service.limits.entries)
        key = await service.off_loop(wish.key_of, caller.name, body)
        id_ = await service.take(_order(service, wanted, caller.name), key, later=wish.later)
    return under_way(id_) if wish.later else stored(id_, *await service.desk.awaited(id_))


@router.get(
    "/screenings/{id}",
    operation_id="readScreening",
    summary="Read one screening",
    response_class=Response,
    responses={**_SCREENED, **described(*OF_A_RESULT)},
)
async def read(id: str, service: TheService, caller: MayRead) -> Response:  # noqa: A002 - the contract's word
    """Answer as the request itself would have been answered; 202 while it is under way."""
    result, standing = await service.desk.result(id) if is_id(id) else (None, None)
    if result is not None:
        (result,) = await shown_to(caller, service, result)
    return stored(id, result, standing)


def _order(service: Service, wanted: ScreeningRequest, caller: str) -> ScreenOrder:
    """Return what is to be done. Raises a ``Problem`` and ``InputError`` where it cannot be."""
    screener = service.screener(wanted.study)
    screener.needs(patient=wanted.patient is not None, write_back=wanted.write_back)
    return ScreenOrder(
        study=screener.study.record.id,
        as_of=screening_day(wanted.as_of),
        patient=None if wanted.patient is None else reference_of(wanted.patient),
        bundle=msgspec.Raw(b"null") if wanted.patient is not None else wanted.bundle,
        write_back=wanted.write_back,
        caller=caller,
    )
