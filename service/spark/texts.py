"""The files of a source as Spark reads them: each line, or each document, with the place where it stands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.types import BinaryType, StringType

from service.errors import InputError
from service.population import ndjson
from service.population.files import Unread, find_files, nothing_in, printable
from service.population.reading import BROKEN_OFF

_REMOTE = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]+://")
_SPECIAL = re.compile(r"([{}\[\]*?\\])")  # in the names of files, patterns to Spark
_PARQUET = ".parquet"
_UNNAMED = "Spark reads no file named so: with a _ at the beginning, with a colon, or not in UTF-8. Rename it."
TEXT, FILE, START, WHOLE = "text", "file", "start", "whole"  # the columns


class File(NamedTuple):
    """One file of a source."""

    name: str  # as people see it
    address: str  # as Spark knows it
    kind: str  # ndjson, json or parquet
    size: int
    damaged: bool = False  # what stands before the damage is read


class Texts:
    """A folder of NDJSON, of documents, or of Parquet with one column of lines, here or wherever Spark reads."""

    def __init__(self, session: SparkSession, source: str) -> None:
        """Find the files. Raises ``InputError``: ``source-missing``, ``source-unreadable``, ``no-fhir``."""
        self._session = session
        self.files, self.unread = _remote(session, source) if _REMOTE.match(source) else _local(Path(source))
        self.size = sum(file.size for file in self.files)

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each file, by its address."""
        return {file.address: number for number, file in enumerate(self.files)}

    def frame(self) -> DataFrame:
        """Return all texts: TEXT, FILE (its address as Spark writes it), START (of the block), WHOLE (no line)."""
        groups: dict[tuple[str, bool], list[str]] = {}
        for file in self.files:
            groups.setdefault((file.kind, file.damaged), []).append(file.address)
        return reduce(DataFrame.unionAll, [self._read(*group, paths) for group, paths in groups.items()])

    def find_damage(self) -> bool:
        """Look which files cannot be read to their end; return whether there are any that were not known.

        What stands before the damage is read all the same, as far as Spark can.
        """
        found = False
        for number, file in enumerate(self.files):
            if not file.damaged and not self._can_read(file):
                found = True
                self.files[number] = file._replace(damaged=True)
                self.unread.append(Unread(file.name, None, BROKEN_OFF))
        self.files = [file for file in self.files if not file.damaged or self._can_read(file)]
        if not self.files:
            raise nothing_in("Nothing in the source can be read.", "source-unreadable", self.unread)
        return found

    def _can_read(self, file: File) -> bool:
        try:
            self._read(file.kind, file.damaged, [file.address]).agg(sql.sum(sql.length(TEXT))).collect()
        except InputError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, this file cannot be read
            return False
        return True

    def _read(self, kind: str, damaged: bool, addresses: Sequence[str]) -> DataFrame:
        reader = self._session.read.option("recursiveFileLookup", "true")  # no columns by the names of folders
        reader = reader.option("ignoreCorruptFiles", str(damaged).lower())
        paths = [_SPECIAL.sub(r"\\\1", address) for address in addresses]
        if kind == "parquet":
            frame = reader.parquet(*paths)
            if [type(column.dataType) for column in frame.schema] not in ([StringType], [BinaryType]):
                raise InputError("The Parquet files need one column, of lines as text.", "no-fhir")
        elif kind == "ndjson":
            frame = reader.text(paths, lineSep="\n")
        else:
            frame = reader.text(paths, wholetext=True)
        return frame.select(
            sql.col(frame.columns[0]).cast("binary").alias(TEXT),
            sql.input_file_name().alias(FILE),
            sql.expr("input_file_block_start()").alias(START),
            sql.lit(kind == "json").alias(WHOLE),
        )


def address_of(written: str) -> str:
    """Return the address of a file as ``File`` has it, of what Spark calls it in a row."""
    return _plain(unquote(written))


def _plain(address: str) -> str:
    return re.sub(r"\Afile:/+", "file:/", address)


def _local(path: Path) -> tuple[list[File], list[Unread]]:
    found, unread = find_files(path, _kind_of)
    kinds = [(file, _kind_of(file) or "json") for file in found if not _is_unfinished(file, path)]
    unread += [Unread(str(file), None, _UNNAMED) for file, _ in kinds if not _can_name(file)]
    files = [File(str(file), _address(file), kind, file.stat().st_size) for file, kind in kinds if _can_name(file)]
    if not files:
        raise nothing_in(f"{printable(str(path))} holds no file that Spark can read.", "no-fhir", unread)
    return files, unread


def _can_name(path: Path) -> bool:
    """Whether Spark can be given a file of that name: it passes over some of them silently, and fails at others."""
    return not path.name.startswith("_") and ":" not in path.name and printable(str(path)) == str(path)


def _address(path: Path) -> str:
    return f"file:{os.path.abspath(path)}"  # noqa: PTH100 - links are not followed: a row tells the name that was asked for


def _kind_of(path: Path) -> str | None:
    return "parquet" if path.suffix == _PARQUET else ndjson.kind_of(path)


def _is_unfinished(file: Path, folder: Path) -> bool:
    """Whether it is Parquet of whoever writes there (``_temporary``, ``_delta_log``), not yet or never of the lines."""
    return file.suffix == _PARQUET and any(part.startswith("_") for part in file.relative_to(folder).parts)


def _remote(session: SparkSession, source: str) -> tuple[list[File], list[Unread]]:
    reader = session.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:
        rows = reader.load(_SPECIAL.sub(r"\\\1", source)).select("path", "length").collect()
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret of the store
        raise InputError(f"{source} cannot be listed by Spark ({type(error).__name__}).", "source-missing") from None
    files = list(_known(rows))
    if not files:
        raise InputError(f"{source} holds no .json, .ndjson and .parquet file.", "no-fhir")
    return files, []


def _known(rows: Iterable[tuple[str, int]]) -> Iterator[File]:
    for address, size in sorted(rows):
        kind = _kind_of(Path(address))
        if kind is not None:
            yield File(address, _plain(address), kind, size)
