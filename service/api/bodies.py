"""Bodies of requests: bounded, decimals kept as written, NaN and bottomless nesting refused.

Of equal keys in one object the last wins.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request

from service.api.problems import Problem

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ScreeningRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/screenings``."""

    patient: str | None = None
    bundle: dict[str, Any] | None = None
    study: str | None = None
    as_of: date | None = None
    write_back: bool = False


_decoder = msgspec.json.Decoder(ScreeningRequest, float_hook=Decimal)


async def read_json(request: Request, limit: int) -> bytes:
    """Read the body, at most ``limit`` bytes. Raises a ``Problem``: 413, 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send plain application/json.")
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"The body may have {limit} bytes.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def decode(body: bytes, max_entries: int) -> ScreeningRequest:
    """Decode a screening request. Raises a ``Problem``: 400, 413, 422."""
    try:
        wanted = _decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except msgspec.ValidationError:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid-body",
            "The body has a member of another name or type than openapi.yaml gives it.",
        ) from None
    except RecursionError:
        raise Problem(HTTPStatus.BAD_REQUEST, "nested-too-deeply", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body is not JSON (RFC 8259; NaN is none).") from None
    if (wanted.patient is None) == (wanted.bundle is None):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "patient-or-bundle", "Send either patient or bundle.")
    entries = (wanted.bundle or {}).get("entry")
    if isinstance(entries, list) and len(entries) > max_entries:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-entries", f"The Bundle may have {max_entries} entries."
        )
    return wanted
