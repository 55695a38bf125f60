"""Bodies of requests: bounded, decimals kept as written, NaN and bottomless nesting refused.

Of equal keys in one object the last wins.
"""

from __future__ import annotations

from datetime import date
from http import HTTPStatus

import msgspec
from fastapi import Request

from service.api.problems import Problem

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_NOTHING, _NULL = msgspec.Raw(), msgspec.Raw(b"null")


class ScreeningRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/screenings``."""

    patient: str | None = None
    bundle: msgspec.Raw = _NOTHING
    study: str | None = None
    as_of: date | None = None
    write_back: bool = False


class _Entries(msgspec.Struct):
    entry: list[msgspec.Raw] = []


_decoder = msgspec.json.Decoder(ScreeningRequest)
_entries = msgspec.json.Decoder(_Entries)


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
    text = body.removeprefix(BYTE_ORDER_MARK)
    try:
        if not text.isascii():
            text.decode()  # the Bundle is passed over here: the reader decodes what it needs of it
        wanted = _decoder.decode(text)
    except msgspec.ValidationError:
        raise _misnamed() from None
    except RecursionError:
        raise Problem(HTTPStatus.BAD_REQUEST, "nested-too-deeply", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body is not JSON (RFC 8259; NaN is none).") from None
    bundle = b"" if wanted.bundle == _NULL else bytes(wanted.bundle)
    if bundle and not bundle.startswith(b"{"):
        raise _misnamed()
    if (wanted.patient is None) is not bool(bundle):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "patient-or-bundle", "Send either patient or bundle.")
    if _entries_in(bundle) > max_entries:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-entries", f"The Bundle may have {max_entries} entries."
        )
    return wanted


def _entries_in(bundle: bytes) -> int:
    try:
        return len(_entries.decode(bundle).entry) if bundle else 0
    except msgspec.ValidationError:  # what is no list is for the reader
        return 0


def _misnamed() -> Problem:
    detail = "The body has a member of another name or type than openapi.yaml gives it."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-body", detail)
