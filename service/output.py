"""Where the command line's results go: what an output has to do, and JSON lines; tables are drawn in ``terminal``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from service.eligibility.results import NotScreened, Screening
from service.errors import InputError
from service.screening.document import Document, document, encode


class Output(Protocol):
    """Where results go as they come."""

    def put(self, result: Screening | NotScreened, written: Document | None = None) -> None:
        """Take one patient's result."""
        ...

    def end(self) -> None:
        """Say what can only be said after the last one."""
        ...


class JsonLines:
    """One JSON document a line on stdout, flushed as it goes; of one patient, that is one object."""

    def put(self, result: Screening | NotScreened, written: Document | None = None) -> None:
        """Write one line."""
        self.line(encode(document(result, id=str(uuid4()), written=written)))

    def line(self, document: bytes) -> None:
        """Write what is JSON already. A reader that has read enough, such as ``head``, ends the program quietly."""
        try:
            sys.stdout.buffer.write(document + b"\n")
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            drop_rest()
            raise SystemExit(0) from None

    def end(self) -> None:
        """Nothing is left to say."""


def try_writing(file: Path) -> None:
    """Raise ``InputError`` where a file cannot be written, before work is done for it; what is in it stays."""
    there = file.exists()
    if there and not (file.is_file() or file.is_dir()):  # what reads a pipe takes the first end for the last
        return
    failed = list[InputError]()
    with writing(file, failed):
        file.open("ab").close()
        if not there:
            file.unlink()
    for error in failed:
        raise error


@contextmanager
def writing(file: Path, failed: list[InputError]) -> Iterator[None]:
    """Write a file; where that fails, add the error."""
    try:
        yield
    except OSError as error:
        failed.append(InputError(f"{file} cannot be written: {error.strerror}.", "file-unwritable"))


def drop_rest() -> None:
    """Let what stdout still holds go nowhere: the interpreter would fail to write it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
