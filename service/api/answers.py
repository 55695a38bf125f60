"""How a kept result is answered: its bytes as they are, an error as a problem, what is under way with 202."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
from fastapi import Response

from service.api.problems import RETRY_AFTER_REFUSAL, Problem, not_screened
from service.eligibility.results import NotScreened
from service.work.model import UNDER_WAY, JobState, StoredScreening

MEDIA_TYPE = "application/json"
RETRY_AFTER = 2  # seconds, about what a screening takes

_ID = re.compile(r"[0-9a-f-]{36}\Z")
_decode = msgspec.json.Decoder(dict[str, dict[str, str] | str | None]).decode


def is_id(text: str) -> bool:
    """Whether a screening can have this id."""
    return _ID.match(text) is not None


def under_way(id_: str) -> Response:
    """Say where the result will be."""
    headers = {"Location": f"/api/v1/screenings/{id_}", "Retry-After": str(RETRY_AFTER)}
    return Response(msgspec.json.encode({"id": id_}), HTTPStatus.ACCEPTED, headers, MEDIA_TYPE)


def stored(id_: str, result: StoredScreening | None, standing: JobState | None) -> Response:
    """Answer for a screening whose newest job stands so. Raises a ``Problem``: 403, 404, 422, 503."""
    there = settled(result, standing)
    return under_way(id_) if there is None else Response(there.document, media_type=MEDIA_TYPE)


def settled(result: StoredScreening | None, standing: JobState | None) -> StoredScreening | None:
    """Return the result, ``None`` while it is under way. Raises as ``stored``."""
    if standing in UNDER_WAY:
        return None
    if result is not None and result.error is None:
        return result
    if result is not None:
        raise not_screened(_read_error(result.document))
    if standing is JobState.PARKED:
        detail = "It failed and was set aside: an operator has to look (candor jobs list)."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "parked", detail, retry_after=RETRY_AFTER_REFUSAL)
    raise Problem(HTTPStatus.NOT_FOUND, "unknown-screening", "There is no screening of this id.")


def _read_error(document: bytes) -> NotScreened:
    told = _decode(document)
    error = told["error"]
    assert isinstance(error, dict)  # noqa: S101 - service.screening.document writes it
    return NotScreened(str(told["patient"]), error["code"], error["detail"], error.get("replaced_by"))
