"""``/api/v1/screenings``: a Bundle or a patient in, one screening out."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from service.api import models
from service.api.bodies import decode, read_json
from service.api.problems import described, not_screened
from service.api.service import TheService
from service.eligibility.results import NotScreened
from service.screening.document import document, encode
from service.screening.patient import reference_of, today

router = APIRouter(prefix="/api/v1", tags=["screenings"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScreeningRequest"}}},
    }
}


@router.post(
    "/screenings",
    operation_id="screen",
    summary="Screen one patient",
    response_class=Response,
    responses={
        200: {"model": models.Screening, "description": "All criteria judged, with the evidence."},
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
    openapi_extra=_BODY,
)
async def screen(request: Request, service: TheService) -> Response:
    """Judge every criterion for a patient of the hospital (`patient`) or for records that are sent (`bundle`).

    Numbers keep their decimals as written. Of equal keys in one JSON object the last wins.
    The headers `Idempotency-Key` and `Prefer` have no effect.
    """
    # Whoever sends slowly keeps nobody from a place.
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    with service.place():
        loop = asyncio.get_running_loop()
        wanted = await loop.run_in_executor(service.worker, decode, body, service.limits.entries)
        screener, as_of = service.screener(wanted.study), wanted.as_of or today()
        if wanted.patient is None:
            answer = await screener.answer_bundle(bytes(wanted.bundle), as_of, write_back=wanted.write_back)
        else:
            patient = reference_of(wanted.patient)
            answer = await screener.answer_patient(patient, as_of, write_back=wanted.write_back)
        if isinstance(answer.result, NotScreened):
            raise not_screened(answer.result)
        written = document(answer.result, id=str(uuid4()), written=answer.written_document)
        return Response(encode(written), media_type="application/json")
