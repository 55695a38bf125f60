"""Files that are packed with zstd: streamed, and one that breaks off is no shorter file but an error."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import zstandard

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READ = 4096  # bytes at a time: what they can hold at most stays within 128 MiB


class Unpacked(io.RawIOBase):
    """The content of a file of one or more frames. Reading raises ``EOFError`` or ``OSError`` where it is damaged."""

    def __init__(self, packed: BinaryIO) -> None:
        """Read from the beginning of ``packed``, which stays open."""
        self._packed = packed
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._given = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: Buffer) -> int:
        """Fill as much of ``target`` as is unpacked at once; 0 at the end."""
        while not self._given:
            if not (data := self._packed.read(_READ)):
                if self._frame is not None:
                    raise EOFError("The archive breaks off.")
                return 0
            self._given = memoryview(self._unpack(data))
        with memoryview(target) as view:
            size = min(len(view), len(self._given))
            view[:size] = self._given[:size]
        self._given = self._given[size:]
        return size

    def _unpack(self, data: bytes) -> bytes:
        found = []
        try:
            while data:
                self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
                found.append(self._frame.decompress(data))
                data = self._frame.unused_data if self._frame.eof else b""
                self._frame = None if self._frame.eof else self._frame
        except zstandard.ZstdError:
            raise OSError("The archive is damaged.") from None
        return b"".join(found)
