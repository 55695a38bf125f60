"""``GET /api/v1/screenings``: what is kept, the newest of each patient and study, page by page."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, AwareDatetime

from service.api import models
from service.api.access import MayRead, names_for, shown_to
from service.api.answers import MEDIA_TYPE, is_id
from service.api.bodies import in_utc
from service.api.problems import Problem, described
from service.api.service import TheService
from service.screening.research import Pseudonyms
from service.trust.sealed import seal, unseal
from service.work.model import Filter, StoredScreening

router = APIRouter(prefix="/api/v1", tags=["screenings"])

_DEFAULT, _MOST = 50, 200
Status = Literal["ineligible", "potential-candidate", "candidate"]


class _Place(msgspec.Struct, array_like=True):
    """The last screening of a page."""

    changed: Annotated[datetime, msgspec.Meta(tz=True)]
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
        Annotated[AwareDatetime, AfterValidator(in_utc)] | None,
        Query(
            description="Kept or posted at that time or later, with its offset. Ask with a minute's overlap. "
            "For the role research it is the beginning of that month."
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _DEFAULT,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List the newest screening of each patient and study that fits, those that changed longest ago first.

    Patients who could not be screened are not listed.
    """
    if study is not None:
        service.screener(study)  # 404 for one that is not loaded
    names = names_for(caller, service)
    after = None if cursor is None else _read(cursor, names)
    since = changed_since
    if since is not None and names is not None:  # anything finer could be asked for until it tells the moment
        since = since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = await service.desk.listed(Filter(study, status, priority, since, after, limit + 1))
    page, more = found[:limit], len(found) > limit
    following = _write(page[-1], names) if more else None
    return Response(_page(await shown_to(caller, service, *page), following), media_type=MEDIA_TYPE)


def _page(items: Iterable[StoredScreening], following: str | None) -> bytes:
    """Put the documents together, each byte for byte."""
    documents = b",".join(each.document for each in items)
    return b'{"items":[' + documents + b'],"next":' + msgspec.json.encode(following) + b"}"


def _write(last: StoredScreening, names: Pseudonyms | None) -> str:
    """Return the cursor; it holds a moment, which researchers do not see."""
    assert last.changed is not None  # noqa: S101 - the store sets it
    place = msgspec.msgpack.encode(_Place(last.changed, last.id))
    return urlsafe_b64encode(place).decode() if names is None else seal(names.key, place)


def _read(cursor: str, names: Pseudonyms | None) -> tuple[datetime, str]:
    try:
        place = _decoder.decode(urlsafe_b64decode(cursor.encode()) if names is None else unseal(names.key, cursor))
        known = is_id(place.id)
    except (ValueError, msgspec.MsgspecError):
        known = False
    if not known:
        detail = "The cursor is none that this service gave as next."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-cursor", detail)
    return place.changed, place.id
