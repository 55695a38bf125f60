"""A file of an export while it is fetched: written where there is room, and gone on with where it is the same still."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from service.errors import SettingError, TryLater

_SPARE = 256 * 1024 * 1024  # bytes that stay free on the disk
_LOOK = 64 * 1024 * 1024  # bytes written between two looks at the disk
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")
_STRONG = re.compile(r'"[^"]*"\Z')  # RFC 9110 § 8.8.3: a weak one begins with W/


class Room:
    """The room on a disk for all that is fetched at a time: what each is to need yet is nobody else's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._needed: dict[object, int] = {}
        self._written = 0

    def claim(self, who: object, needed: int) -> None:
        """Keep so many bytes, 0 where nobody tells. Raises ``SettingError`` where they are not there."""
        self._needed[who] = needed
        self._look()

    def used(self, who: object, size: int) -> None:
        """Hear that so many were written. Raises ``SettingError`` where others have filled the disk."""
        self._needed[who] = max(0, self._needed[who] - size)
        self._written += size
        if self._written >= _LOOK:
            self._look()

    def leave(self, who: object) -> None:
        """Keep nothing more."""
        self._needed.pop(who, None)

    def _look(self) -> None:
        self._written = 0
        if shutil.disk_usage(self._folder).free < sum(self._needed.values()) + _SPARE:
            raise SettingError("CANDOR_HOME: the disk has no room for the export: free some, or set another folder.")


class _Mark(msgspec.Struct):
    """What tells a file from a later one at the same place."""

    etag: str
    size: int | None


class Part:
    """The sink of one download; what came of the file before it broke off stays for the next one."""

    def __init__(self, target: Path, room: Room, progress: Callable[[int], None]) -> None:
        self._target, self._room, self._progress = target, room, progress
        self._path, self._marked = (target.with_name(f"{target.name}.{end}") for end in ("part", "mark"))
        self._size: int | None = None

    def __enter__(self) -> Self:
        self._out = self._path.open("ab")
        self._mark = self._read_mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.leave(self)
        self._out.close()

    @property
    def there(self) -> int:
        """How many bytes have come."""
        return self._path.stat().st_size if self._path.exists() else 0

    def rest(self) -> dict[str, str]:
        """Return the headers that ask for what is not there yet, of the same file only (RFC 9110 § 13.1.5)."""
        at = self._out.tell()
        return {"Range": f"bytes={at}-", "If-Range": self._mark.etag} if at and self._mark is not None else {}

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take 200 and 206. Raises ``SettingError`` where the disk has no room for it."""
        if status == HTTPStatus.OK:
            self._begin_anew(headers)
        elif status == HTTPStatus.PARTIAL_CONTENT:
            self._go_on(headers)
        else:
            return False
        self._room.claim(self, 0 if self._size is None else max(0, self._size - self._out.tell()))
        return True

    def take(self, part: bytes) -> None:
        """Write."""
        self._out.write(part)
        self._room.used(self, len(part))
        self._progress(len(part))

    def finish(self) -> None:
        """Make it the file, once it is closed. Raises ``TryLater`` where it is not whole."""
        if self._size is not None and self.there != self._size:
            raise TryLater("only a part of it came")
        self._marked.unlink(missing_ok=True)
        self._path.replace(self._target)

    def forget(self) -> None:
        """Keep nothing of what came."""
        self._marked.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _begin_anew(self, headers: Mapping[str, str]) -> None:
        self._marked.unlink(missing_ok=True)
        self._out.truncate(0)
        as_it_is, length, etag = _plain(headers), headers.get("content-length", ""), headers.get("etag", "")
        self._size = int(length) if as_it_is and length.isdecimal() else None
        self._mark = _Mark(etag, self._size) if as_it_is and _STRONG.match(etag) else None
        if self._mark is not None:
            self._marked.write_bytes(msgspec.json.encode(self._mark))

    def _go_on(self, headers: Mapping[str, str]) -> None:
        """Take what follows. Raises ``TryLater`` for the rest of another file, or another part."""
        mark, told = self._mark, _RANGE.match(headers.get("content-range", "").strip())
        total = int(told[2]) if told and told[2] != "*" else None
        if (
            mark is None
            or told is None
            or int(told[1]) != self._out.tell()
            or (mark.size is not None and total is not None and total != mark.size)
            or headers.get("etag", mark.etag) != mark.etag
            or not _plain(headers)
        ):
            self._out.truncate(0)
            raise TryLater("it changed while it was fetched")
        self._size = total if mark.size is None else mark.size

    def _read_mark(self) -> _Mark | None:
        try:
            return msgspec.json.decode(self._marked.read_bytes(), type=_Mark)
        except (OSError, msgspec.MsgspecError):
            return None


def _plain(headers: Mapping[str, str]) -> bool:
    """Whether bytes of the answer are bytes of the file, so that sizes and places are those of the file."""
    return headers.get("content-encoding", "identity").lower() == "identity"
