"""Lines that look whole and are broken inside: what each engine sees of them, and whose charts it calls incomplete."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.population.damage import BROKEN, GLUED, is_seen, is_torn
from service.population.patterns import compiled
from service.population.scan import Scanner
from service.screening.patient import Screener
from tests.builders import condition, observation, patient
from tests.executors import executed
from tests.sieve import Answer, naive, sieved
from tests.verdicts import as_json

OF_A = b'{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/a"},'
NOBODYS = b'{"resourceType":"Organization","id":"x",'
NEXT = b'{"resourceType":"Observation","id":"y","subject":{"reference":"Patient/c"}}'
SEEN = {  # what anybody sees who looks at the bytes
    "a NUL": NOBODYS + b'"name":"\0\0\0"}',
    "a control character": NOBODYS + b'"name":"\x1b"}',
    "no UTF-8": NOBODYS + b'"name":"Universit\xe9 de"}',
    "a letter of another code": NOBODYS + b'"name":"\xff"}',
    "half a letter": NOBODYS + b'"name":"\xa9"}',
    "no end": NOBODYS + b'"name":"',
    "no beginning": b'"resourceType":"Organization"}',
    "cut, and the next": NOBODYS + b'"name":12' + NEXT,
    "whole, and the next": NOBODYS + b'"name":"x"}{"id":"y","resourceType":"Organization"}',
}
TORN = {  # of several records: the others may be of anybody
    "cut, and the next": OF_A + b'"code":{"cod' + NEXT,
    "whole, and the next": OF_A + b'"code":{}}' + NEXT,
    "a torn page": OF_A + b"\0" * 500 + b'"code":{}}',
}
OF_ONE = {  # concern a alone, and show nothing
    "a number": OF_A + b'"x":925.}',
    "a quote": OF_A + b'"code:{}}',
    "a Patient": b'{"resourceType":"Patient","id":"a","gender":female"}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an export of three people; b has the disease."""
    export = tmp_path / "export"
    export.mkdir()
    for name in "abc":
        of = {"subject": {"reference": f"Patient/{name}"}}
        rows = [
            condition("M34.0" if name == "b" else "I10", id=f"c{name}", **of),
            observation("777-3", "200 10*9/L", **of),
        ]
        (export / f"{name}.ndjson").write_bytes(b"".join(as_json(row) + b"\n" for row in [patient(id=name), *rows]))
    return export


def by_all(screener: Screener, folder: Path, *known: str, whole: bool = False) -> Answer:
    """Return what all engines say alike."""
    sample = 1_000_000 if whole else 0
    found = sieved(screener, folder, folder.parent / "work", known, sample=sample, processes=1, whole_count=whole)
    assert found == executed(screener, folder, known, whole_count=whole)
    assert found.documents == naive(screener, folder, found.documents).documents
    return found


@pytest.mark.parametrize("line", SEEN.values(), ids=SEEN)
def test_damage_that_bytes_show_is_seen_by_all(folder: Path, screener: Screener, line: bytes) -> None:
    """It names nobody: everybody's chart may lack it, and it is told."""
    before = by_all(screener, folder)
    (folder / "Organization.ndjson").write_bytes(line + b"\n" + NOBODYS + b'"name":"x"}\n')

    found = by_all(screener, folder)

    assert b"records-incomplete" in found.documents["Patient/b"]
    assert b"records-incomplete" not in before.documents["Patient/b"]
    assert [each.partition(": ")[0] for each in found.unread] == [f"{folder}/Organization.ndjson:1"]


@pytest.mark.parametrize("line", TORN.values(), ids=TORN)
def test_what_is_left_of_several_records_may_be_of_anybody(folder: Path, screener: Screener, line: bytes) -> None:
    """Whomever it names."""
    (folder / "Observation.ndjson").write_bytes(line + b"\n")

    found = by_all(screener, folder)

    assert b"records-incomplete" in found.documents["Patient/b"]
    assert len(found.unread) == 1


@pytest.mark.parametrize("line", OF_ONE.values(), ids=OF_ONE)
def test_a_broken_line_of_one_person_concerns_that_person_alone(folder: Path, screener: Screener, line: bytes) -> None:
    """It is told where that person is looked for, or where every line is read."""
    before = by_all(screener, folder)
    (folder / "Observation.ndjson").write_bytes(line + b"\n")

    assert by_all(screener, folder) == before
    assert by_all(screener, folder, whole=True).documents == before.documents
    assert len(by_all(screener, folder, whole=True).unread) == 1
    found = by_all(screener, folder, "Patient/a")
    assert b"records-incomplete" in found.documents["Patient/a"]
    assert found.documents["Patient/b"] == before.documents["Patient/b"]
    assert len(found.unread) == 1


def test_a_break_that_nothing_shows_is_seen_where_every_line_is_read(folder: Path, screener: Screener) -> None:
    """It names nobody, so then it may be of anybody."""
    before = by_all(screener, folder)
    (folder / "Organization.ndjson").write_bytes(NOBODYS + b'"name:"x"}\n')

    assert sieved(screener, folder, folder.parent / "work", sample=0, processes=1) == before
    assert b"records-incomplete" in by_all(screener, folder, whole=True).documents["Patient/b"]


@pytest.mark.parametrize(
    "text", ['}{\\"', 'a {\\"resourceType\\"', "\u00e9\u20ac\U0001f600", "\\u0000", "\u0085", "\x7f"]
)
def test_odd_texts_are_whole(folder: Path, screener: Screener, text: str) -> None:
    """What looks like damage inside a text is parsed, and found to be none."""
    (folder / "Organization.ndjson").write_bytes(NOBODYS + f'"name":"{text}"}}\n'.encode())

    assert by_all(screener, folder).unread == []


@pytest.mark.parametrize("end", ["", " ", "\r", " \t\r"])
@pytest.mark.parametrize("line", [*SEEN.values(), *TORN.values()], ids=[*SEEN, *TORN])
def test_what_is_called_seen_is_found(line: bytes, end: str) -> None:
    """A broken line that is said to show its damage is one in which the patterns are found, blanks beside it or not."""
    scanner = Scanner([compiled([*GLUED, *BROKEN])])

    assert is_seen(line)
    assert scanner.find(memoryview(end.encode() + line + end.encode() + b"\n"))
    assert all(map(is_torn, TORN.values()))
