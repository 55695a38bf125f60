"""Which files a source consists of, and what of it is passed over because it cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from service.errors import InputError
from service.population import ndjson


class Unread(NamedTuple):
    """A folder, a file or a line that was not read, and why; no content of it."""

    file: str
    line: int | None
    detail: str

    def __str__(self) -> str:
        """As people see it: the place and the reason."""
        place = printable(self.file) if self.line is None else f"{printable(self.file)}:{self.line}"
        return f"{place}: {self.detail}"


def printable(name: str) -> str:
    """Return the name of a file as it can be kept and shown: it need not be UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def find_files(path: Path, kind_of: Callable[[Path], str | None] = ndjson.kind_of) -> tuple[list[Path], list[Unread]]:
    """Return the files to be read, in their order, and what cannot be; ``kind_of`` tells which are.

    Raises ``InputError``: ``source-missing``, ``source-unreadable``, or ``no-fhir`` for a folder without JSON.
    """
    name = printable(str(path))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"There is no {name}.", "source-missing") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", "source-unreadable") from None
    if stat.S_ISREG(mode):
        return [path], []
    if not stat.S_ISDIR(mode):  # a source is read twice
        raise InputError(f"{name} can be read only once: save it in a file, and name that.", "source-unreadable")
    files, unread = _walk(path, kind_of)
    if not files:
        raise nothing_in(f"{name} holds no .json and no .ndjson file that can be read.", "no-fhir", unread)
    return sorted(files, key=_natural_order), unread


def nothing_in(message: str, code: str, unread: list[Unread]) -> InputError:
    """Return the error for a source without anything to screen, with the first reason why it was not read."""
    more = f" ({len(unread) - 1} more could not be read.)" if len(unread) > 1 else ""
    return InputError(f"{message} {unread[0]}{more}" if unread else message, code)


def _walk(folder: Path, kind_of: Callable[[Path], str | None]) -> tuple[list[Path], list[Unread]]:
    closed: list[OSError] = []
    files: list[Path] = []
    unread: list[Unread] = []
    seen = set[str]()  # a folder may be linked from several places, also from inside itself
    for parent, folders, names in os.walk(folder, onerror=closed.append, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in (Path(parent, name) for name in names if not name.startswith(".")):
            known = kind_of(file)
            if os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises where a folder may not be entered
                files += [file] if known else []
            elif known or file.is_symlink():  # it may have led to a folder
                unread.append(Unread(str(file), None, "This is no file that can be read."))
    unread += [Unread(str(error.filename), None, f"The folder cannot be read: {error.strerror}.") for error in closed]
    return files, unread


def _natural_order(path: Path) -> list[tuple[int, str]]:
    """``2.Condition.ndjson`` comes before ``10.Condition.ndjson``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]
