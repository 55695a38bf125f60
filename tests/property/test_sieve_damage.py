"""Damaged exports: all engines see the same breaks, call the same charts incomplete and give the same documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir.lines import clean
from service.population.bundles import Place
from service.population.damage import is_seen
from service.population.reading import Reading
from service.population.sources import open_source
from tests.executors import executed
from tests.property.test_sieve import PEOPLE, exports, screener
from tests.sieve import naive, sieved

Damage = Callable[[bytearray, int, int], None]


def flip(data: bytearray, place: int, number: int) -> None:
    """Turn one bit round."""
    data[place] ^= 1 << number % 8


def hole(data: bytearray, place: int, number: int) -> None:
    """Lose a run of bytes."""
    del data[place : place + number]


def blank(data: bytearray, place: int, number: int) -> None:
    """Lose a run of bytes as a torn page does."""
    data[place : place + number] = bytes(len(data[place : place + number]))


def cut(data: bytearray, place: int, _: int) -> None:
    """End too early."""
    del data[place:]


def glue(data: bytearray, place: int, number: int) -> None:
    """Lose the end of a line, and of its record."""
    if (end := data.find(b"\n", place)) >= 0:
        del data[max(end - number % 30, 0) : end + 1]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of an export, damaged where they are not packed, and one that is whole."""
    files = {name: data for name, data in draw(exports()).items() if not name.startswith(".cut")}
    for name, data in files.items():
        if name.endswith(".ndjson"):
            broken = bytearray(data)
            for _ in range(draw(st.integers(0, 2))):
                damage = draw(st.sampled_from([flip, flip, hole, blank, cut, glue]))
                if broken:
                    damage(broken, draw(st.integers(0, len(broken) - 1)), draw(st.integers(1, 120)))
            files[name] = bytes(broken)
    return files | {"Patient.whole.ndjson": b'{"resourceType":"Patient","id":"whole"}\n'}


def hidden(data: bytes) -> bool:
    """Whether one of the lines may be of anybody and shows that only to whoever parses it."""
    offset = 0
    for line in data.split(b"\n"):
        if text := clean(line, offset):
            reading = Reading()
            found = reading.pieces(text, Place(0, 1, offset))
            for piece in found:
                if not piece.owner:
                    reading.nobodys(piece)
            if reading.anyones and (found or not is_seen(text)):
                return True
        offset += len(line) + 1
    return False


@given(
    damaged(),
    st.sampled_from([64, 150, 1000]),
    st.sampled_from([100, 333, 10_000]),
    st.sets(st.sampled_from(PEOPLE), max_size=1),
)
@settings(max_examples=80)
def test_all_engines_see_the_same_breaks(export: dict[str, bytes], block: int, unit: int, names: set[str]) -> None:
    """Where a line is broken that may be of anybody and looks whole, they do when all lines are asked to be read."""
    known = {f"Patient/{name}" for name in names}
    whole = any(hidden(data) for name, data in export.items() if name.endswith(".ndjson"))
    with TemporaryDirectory() as parent:
        folder = Path(parent, "export")
        folder.mkdir()
        for name, data in export.items():
            (folder / name).write_bytes(data)
        sizes = {"processes": 1, "sample": 1000 if whole else 0, "block": block, "unit": unit, "whole_count": whole}

        found = sieved(screener(), folder, Path(parent, "work"), known, **sizes)

        assert found == executed(screener(), folder, known, whole_count=whole)
        everything = naive(screener(), folder, found.documents)
        assert found.documents == everything.documents
        source = open_source(folder)
        list(source.patients())
        told = source.problems_of(None if whole else frozenset(found.documents))
        assert {*map(str, told)} <= {*found.unread} <= {*everything.unread}
