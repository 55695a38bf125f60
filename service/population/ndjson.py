"""Files of exports and their lines: plain, gzip, zstd; no FHIR yet."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from service.fhir.lines import LONGEST, Line, clean, lines_of

READ_ERRORS = (OSError, EOFError, zlib.error)  # unreadable, or a damaged or truncated archive
_BLOCK = 1024 * 1024
PACKED = (".gz", ".zst")
_TICK = 256  # lines between two reports of progress


def kind_of(path: Path) -> str | None:
    """``json``, ``ndjson`` or, for a file that is neither by its name, None."""
    name = unpacked_name(path).lower()
    if name.endswith((".ndjson", ".jsonl")):
        return "ndjson"
    return "json" if name.endswith(".json") else None


def is_packed(path: Path) -> bool:
    """Whether the file is compressed, with gzip or zstd."""
    return path.suffix.lower() in PACKED


def unpacked_name(path: Path) -> str:
    """``Patient.ndjson`` of ``Patient.ndjson.gz``."""
    return path.stem if is_packed(path) else path.name


@contextmanager
def open_file(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open for reading: the content, unpacked, and the file itself, whose position tells the progress."""
    with path.open("rb") as raw:
        if path.suffix.lower() == ".zst":
            from service.population.zstd import Unpacked  # noqa: PLC0415 - loaded where it is needed

            with io.BufferedReader(Unpacked(raw)) as content:
                yield content, raw
        elif is_packed(path):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("BinaryIO", unpacked), raw
        else:
            yield raw, raw


def read_lines(path: Path, progress: Callable[[int], None]) -> Iterator[Line]:
    """Yield the lines of a file; ``progress`` is told how many bytes of the file were read since it was last told.

    Raises one of ``READ_ERRORS`` where the file breaks off.
    """
    told = 0
    with open_file(path) as (content, raw):
        for line in lines_of(content):
            yield line
            if line.number % _TICK == 0:
                position = raw.tell()
                progress(position - told)
                told = position
        progress(raw.tell() - told)


def read_line_at(path: Path, offset: int) -> bytes:
    """Return the line that begins there; the file must not be packed."""
    with path.open("rb") as file:
        file.seek(offset)
        return clean(file.readline(LONGEST), offset)


def read_document(path: Path) -> bytes:
    """Return a whole file, unpacked."""
    with open_file(path) as (content, _):
        return clean(content.read(), 0)


def line_number(path: Path, offset: int) -> int:
    """Return the number of the line that begins there in the unpacked content."""
    return line_numbers(path, [offset])[offset]


def line_numbers(path: Path, offsets: Collection[int]) -> dict[int, int]:
    """Return the numbers of the lines that begin there in the unpacked content; the file is read once."""
    numbers: dict[int, int] = {}
    position, line = 0, 1
    with open_file(path) as (content, _):
        for offset in sorted(offsets):
            while position < offset and (data := content.read(min(_BLOCK, offset - position))):
                position += len(data)
                line += data.count(b"\n")
            numbers[offset] = line
    return numbers


def unpack(path: Path, folder: Path) -> Path:
    """Write the unpacked content into a folder, as far as ``read_lines`` can read it, and return the new file."""
    target = folder / f"{len(list(folder.iterdir()))}-{path.stem}"
    # Line by line, for whole blocks lose what stands before the place where an archive breaks off.
    with open_file(path) as (content, _), target.open("wb") as plain, suppress(*READ_ERRORS):
        while data := content.readline(LONGEST):
            plain.write(data)
    return target
