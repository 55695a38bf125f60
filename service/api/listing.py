"""``GET /api/v1/screenings``: what is kept, the newest of each patient and study, page by page."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from service.api import models
from service.api.access import MayRead, shown_to
from service.api.answers import MEDIA_TYPE, is_id
from service.api.problems import Problem, described
from service.api.service import TheService
from service.work.model import Filter, StoredScreening

router = APIRouter(prefix="/api/v1", tags=["screenings"])

_DEFAULT, _MOST = 50, 200
Status = Literal["ineligible", "potential-candidate", "candidate"]


class _Place(msgspec.Struct, array_like=True):
    """The last screening of a page."""

    changed: datetime
    id: str


_decoder = msgspec.msgpack.Decoder(_Place)


@router.get(
    "/screenings",
    operation_id="listScreenings",
    summary="List screenings",
    response_class=Response,
    responses={
        200: {"model": models.Screenings, "description": "A page; `next` is the cursor of the one after it."},
        **described(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_screenings(  # noqa: PLR0913, PLR0917 - one a parameter of the call
    service: TheService,
    caller: MayRead,
    status: Annotated[Status | None, Query(description="The machine's view.")] = None,
    priority: Annotated[int | None, Query(ge=1, le=4)] = None,
    study: Annotated[str | None, Query(description="The study's id.")] = None,
    changed_since: Annotated[
        AwareDatetime | None,
        Query(description="Kept or posted at that time or later, with its offset. Ask with a minute's overlap."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _DEFAULT,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List the newest screening of each patient and study that fits, those that changed longest ago first.

    Patients who could not be screened are not listed.
    """
    if study is not None:
        service.screener(study)  # 404 for one that is not loaded
    after = None if cursor is None else _read(cursor)
    since = None if changed_since is None else changed_since.astimezone(UTC)
    found = await service.desk.listed(Filter(study, status, priority, since, after, limit + 1))
    page, more = found[:limit], len(found) > limit
    following = _write(page[-1]) if more else None
    return Response(_page(await shown_to(caller, service, *page), following), media_type=MEDIA_TYPE)


def _page(items: Iterable[StoredScreening], following: str | None) -> bytes:
    """Put the documents together, each byte for byte."""
    documents = b",".join(each.document for each in items)
    return b'{"items":[' + documents + b'],"next":' + msgspec.json.encode(following) + b"}"


def _write(last: StoredScreening) -> str:
    assert last.changed is not None  # noqa: S101 - the store sets it
    return urlsafe_b64encode(msgspec.msgpack.encode(_Place(last.changed, last.id))).decode()


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        place = _decoder.decode(urlsafe_b64decode(cursor.encode()))
        known = is_id(place.id)
    except (ValueError, msgspec.MsgspecError):
        known = False
    if not known:
        detail = "The cursor is none that this service gave as next."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-cursor", detail)
    return place.changed, place.id
