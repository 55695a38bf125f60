"""``/api/v1/discovery-runs``: have the whole hospital searched, watch it, read the report."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from service.api import discovery_models, models
from service.api.access import MayRun
from service.api.answers import MEDIA_TYPE, is_id
from service.api.bodies import misnamed, parse, read_json
from service.api.problems import Problem, described
from service.api.service import Service, TheService
from service.api.wishes import KEY, read_wish
from service.discovery.door import RunDoor
from service.discovery.model import Run, RunOrder, RunState
from service.screening.patient import screening_day

router = APIRouter(prefix="/api/v1", tags=["discovery"])

RETRY_AFTER = 10  # seconds
_UNDER_WAY = {RunState.QUEUED, RunState.RUNNING}
_NOTHING = msgspec.Raw(b"null")


class RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/discovery-runs``."""

    study: str | None = None
    as_of: date | None = None
    source: Literal["rest", "bulk"] = "rest"
    full: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    dry_run: bool = False


_decoder = msgspec.json.Decoder(RunRequest)


@router.post(
    "/discovery-runs",
    operation_id="startRun",
    summary="Search the whole hospital",
    response_class=Response,
    status_code=202,
    responses={
        202: {
            "model": models.UnderWay,
            "description": "It is kept: watch it at `Location`.",
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "Where the run is."},
                "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
            },
        },
        **described(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        409: {
            "description": (
                "A run of this study is under way (`run-under-way`: `run` names it), no hospital server is configured, "
                "or the `Idempotency-Key` came with another body before."
            ),
            "content": described(HTTPStatus.CONFLICT)[409]["content"],
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RunRequest"}}},
        },
        "parameters": [KEY],
    },
)
async def start(request: Request, service: TheService, caller: MayRun) -> Response:
    """Find everybody who might qualify, screen them, and post what changed.

    One run of a study at a time. It survives a stop of the service: it goes on where it was.
    With an `Idempotency-Key` it is begun once, however often it is asked for.
    """
    wish = read_wish(request)
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    wanted = _decode(body)
    order = RunOrder(
        study=service.screener(wanted.study).study.record.id,
        as_of=screening_day(wanted.as_of),
        source=wanted.source,
        full=wanted.full,
        limit=wanted.limit,
        dry_run=wanted.dry_run,
        caller=caller.name,
        day_named=wanted.as_of is not None,
    )
    id_ = await _door(service).start(order, wish.key_of(caller.name, b"runs\n" + body))
    headers = {"Location": f"/api/v1/discovery-runs/{id_}", "Retry-After": str(RETRY_AFTER)}
    return Response(msgspec.json.encode({"id": id_}), HTTPStatus.ACCEPTED, headers, MEDIA_TYPE)


@router.get(
    "/discovery-runs/{id}",
    operation_id="readRun",
    summary="Watch a run, and read its report",
    response_class=Response,
    responses={
        200: {"model": discovery_models.DiscoveryRun, "description": "How far it is, and its report when it is done."},
        **described(HTTPStatus.SERVICE_UNAVAILABLE),
        404: {"description": "There is no such run.", "content": described(HTTPStatus.NOT_FOUND)[404]["content"]},
    },
)
async def read(id: str, service: TheService, caller: MayRun) -> Response:  # noqa: A002 - the contract's word
    """Answer with `Retry-After` while the run is under way. A run that failed says why.

    `candor discover --resume` with the same options goes on with it; another POST begins anew.
    """
    run = await _door(service).read(id) if is_id(id) else None
    if run is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-run", "There is no run of this id.")
    if run.report is not None:  # it names patients
        await service.desk.noted(caller.name, run.id)
    headers = {"Retry-After": str(RETRY_AFTER)} if run.state in _UNDER_WAY else {}
    return Response(_document(run), HTTPStatus.OK, headers, MEDIA_TYPE)


def _document(run: Run) -> bytes:
    order = run.order
    return msgspec.json.encode({
        "id": run.id,
        "study": order.study,
        "as_of": order.as_of,
        "source": order.source,
        "engine": order.engine,
        "dry_run": order.dry_run,
        "state": run.state,
        "progress": _NOTHING if run.progress is None else msgspec.Raw(run.progress.encode()),
        "reason": run.reason,
        "started": run.started,
        "report": _NOTHING if run.report is None else msgspec.Raw(run.report),
    })  # fmt: skip


def _door(service: Service) -> RunDoor:
    assert service.runs is not None  # noqa: S101 - the application always opens it
    return service.runs


def _decode(body: bytes) -> RunRequest:
    try:
        return parse(_decoder, body)
    except msgspec.ValidationError as error:
        raise misnamed(error, RunRequest) from None
