"""Bodies of requests: bounded, decimals kept as written, NaN and bottomless nesting refused.

Of equal keys in one object the last wins.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from email.message import Message
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from fastapi import Request

from service.api.problems import Problem
from service.fhir.decode import BYTE_ORDER_MARK

Decoded = TypeVar("Decoded")

_NOTHING, _NULL = msgspec.Raw(), msgspec.Raw(b"null")


class ScreeningRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/screenings``."""

    patient: str | None = None
    bundle: msgspec.Raw = _NOTHING
    study: str | None = None
    as_of: date | None = None
    write_back: bool = False


class _Outline(msgspec.Struct):
    kind: Any = msgspec.field(name="resourceType", default=None)
    entry: msgspec.Raw = _NOTHING


_decoder = msgspec.json.Decoder(ScreeningRequest)
_outline = msgspec.json.Decoder(_Outline)
_entries = msgspec.json.Decoder(list[msgspec.Raw])
_PLACE = re.compile(r"at `\$\.(\w+)`\Z")


async def read_json(
    request: Request, limit: int, seconds: float, media_types: Sequence[str] = ("application/json",)
) -> bytes:
    """Read the body, at most ``limit`` bytes and for at most ``seconds``. Raises a ``Problem``: 408, 413, 415."""
    check_media_type(request, media_types)
    return await read_any(request, limit, seconds)


def check_media_type(request: Request, media_types: Sequence[str]) -> None:
    """Raise a ``Problem`` (415) for a body that says it is something else."""
    if not _is_plain(request, media_types):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", f"Send plain {media_types[0]}, in UTF-8.")


async def read_any(request: Request, limit: int, seconds: float) -> bytes:
    """Read a body of any type, at most ``limit`` bytes and for at most ``seconds``. Raises a ``Problem``: 408, 413."""
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit)
    except TimeoutError:
        detail = f"The body has to arrive within {seconds:g} seconds."
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail) from None


def _is_plain(request: Request, media_types: Sequence[str]) -> bool:
    content = Message()
    content["Content-Type"] = request.headers.get("content-type", "")
    return (
        content.get_content_type() in media_types
        and str(content.get_param("charset", "utf-8")).lower() in ("utf-8", "utf8", "us-ascii")
        and request.headers.get("content-encoding", "identity") == "identity"
    )


async def _read(request: Request, limit: int) -> bytes:
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
        wanted = parse(_decoder, body)
    except msgspec.ValidationError as error:
        raise misnamed(error, ScreeningRequest) from None
    bundle = b"" if wanted.bundle == _NULL else bytes(wanted.bundle)
    if (wanted.patient is None) is not bool(bundle):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "patient-or-bundle", "Send either patient or bundle.")
    if bundle:
        check_entries(bundle, max_entries)
    return wanted


def parse(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded:
    """Decode a body. Raises a ``Problem`` (400), and ``ValidationError`` for JSON of another shape."""
    text = body.removeprefix(BYTE_ORDER_MARK)
    try:
        if not text.isascii():
            text.decode()  # the Bundle is passed over here: the reader decodes what it needs of it
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise Problem(HTTPStatus.BAD_REQUEST, "nested-too-deeply", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body is not JSON (RFC 8259; NaN is none).") from None


def check_entries(bundle: bytes, most: int) -> None:
    """Raise a ``Problem`` for what is no Bundle (422), or one of more than ``most`` entries (413)."""
    if _entries_in(bundle) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-entries", f"The Bundle may have {most} entries.")


def _entries_in(bundle: bytes) -> int:
    outline = _outline.decode(bundle) if bundle.startswith(b"{") else None
    if outline is None or outline.kind != "Bundle":
        raise invalid("The member bundle is no FHIR Bundle.")
    entries = bytes(outline.entry)
    return len(_entries.decode(entries)) if entries.startswith(b"[") else 0  # what is no list is for the reader


def misnamed(error: msgspec.ValidationError, shape: type[msgspec.Struct]) -> Problem:
    """Name the member of ``shape`` that is wrong if it is one of ours: any other name is the caller's text."""
    place = _PLACE.search(str(error))
    if place and place[1] in shape.__struct_fields__:
        return invalid(f"The member {place[1]} has another type than openapi.yaml gives it.")
    return invalid(f"The body is an object of these members: {', '.join(shape.__struct_fields__)}.")


def in_utc(moment: datetime) -> datetime:
    """Return the same moment by UTC. Raises ``ValueError`` where that lies beyond the calendar."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("A moment lies in the years 1 to 9999, by UTC.") from None


def invalid(detail: str) -> Problem:
    """Return the error of a body that is JSON and not of the shape that was asked for."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-body", detail)
