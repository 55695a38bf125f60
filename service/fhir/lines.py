"""Lines of NDJSON as exports write them: blank lines, byte order marks, CRLF; none can fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from service.fhir.decode import BYTE_ORDER_MARK

LONGEST = 64 * 1024 * 1024  # bytes a line; longer ones are refused, so that no file can fill the memory
_BLOCK = 1024 * 1024


class Line(NamedTuple):
    """One line that is not blank; ``data`` is None when it is too long to be read."""

    number: int
    offset: int  # where it begins in the content
    data: bytes | None


def lines_of(content: BinaryIO) -> Iterator[Line]:
    """Yield the lines from the beginning of a file."""
    offset = number = 0
    while data := content.readline(LONGEST):
        number += 1
        start, offset = offset, offset + len(data)
        if len(data) == LONGEST and not data.endswith(b"\n"):
            offset += _skip_line(content)
            yield Line(number, start, None)
        elif text := clean(data, start):
            yield Line(number, start, text)


def clean(data: bytes, offset: int) -> bytes:
    """Return the text of a line or file that begins there, without a byte order mark and blanks around it."""
    return (data.removeprefix(BYTE_ORDER_MARK) if offset == 0 else data).strip()


def _skip_line(content: BinaryIO) -> int:
    skipped = 0
    while data := content.readline(_BLOCK):
        skipped += len(data)
        if data.endswith(b"\n"):
            break
    return skipped
