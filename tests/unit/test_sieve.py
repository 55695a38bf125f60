"""The search by bytes: what is resumed, what is unread, long lines, processes of our own."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import zstandard

from service.errors import InputError
from service.population.patterns import compiled
from service.population.people import LocalPeople
from service.population.pick import Picked, written
from service.population.scan import Hit, Sample, Scanner, Unit, lines
from service.population.selected import UNIT, units_of
from service.screening.patient import Screener
from tests.builders import bundle, condition, observation, patient
from tests.sieve import naive, sieved
from tests.verdicts import AS_OF, as_json


def untold(stage: str, done: int, total: int | None) -> None:
    """Hear of progress."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an export of three people; b has the disease."""
    export = tmp_path / "export"
    export.mkdir()
    people = [as_json(patient(id=name)) for name in "abc"]
    codes = {"a": "I10", "b": "M34.0", "c": "E11.9"}
    conditions = [
        as_json(condition(code, id=f"c{name}", subject={"reference": f"Patient/{name}"}))
        for name, code in codes.items()
    ]
    values = [
        as_json(observation("777-3", "200 10*9/L", id=f"o{name}", subject={"reference": f"Patient/{name}"}))
        for name in "abc"
    ]
    for kind, rows in (("Patient", people), ("Condition", conditions), ("Observation", values)):
        (export / f"{kind}.ndjson").write_bytes(b"\n".join(rows) + b"\n")
    return export


def test_two_processes_find_what_one_finds(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """Whoever is looked for, and only they; with the result of parsing everything."""
    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=2)

    assert list(found.documents) == ["Patient/b"]
    assert found == naive(screener, folder)


def test_a_source_of_nobody_looked_for_gives_nobody(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """An empty selection is no error; a source without a patient is."""
    (folder / "Condition.ndjson").unlink()
    assert sieved(screener, folder, tmp_path / "work", processes=1).documents == {}
    (folder / "Patient.ndjson").write_bytes(b"")
    (folder / "Observation.ndjson").write_bytes(b"")
    with pytest.raises(InputError, match="no FHIR"):
        sieved(screener, folder, tmp_path / "work", processes=1)


def test_unread_lines_are_told_by_file_and_line_of_the_original(
    folder: Path, tmp_path: Path, screener: Screener
) -> None:
    """A broken line of one who is selected, and one that is cut short; not their place in a copy."""
    text = (folder / "Condition.ndjson").read_bytes()
    broken = b'{"resourceType":"Condition","subject":{"reference":"Patient/b"},"x":NaN}\n{"resourceType":"Obs\n'
    (folder / "Condition.ndjson").write_bytes(b"\n\n" + text + broken)

    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=1)

    assert found == naive(screener, folder)
    assert [each.split("Condition.ndjson")[1].partition(": ")[0] for each in found.unread] == [":6", ":7"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_damaged_archive_gives_what_stands_before_the_damage(
    folder: Path, tmp_path: Path, screener: Screener, suffix: str
) -> None:
    """It is unread as a whole, and everybody's chart may lack records."""
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[suffix]
    filler = b'{"resourceType":"Organization","id":"%d"}\n' * 5_000 % tuple(range(5_000))
    text = (folder / "Condition.ndjson").read_bytes() + filler
    (folder / "Condition.ndjson").unlink()
    (folder / f"Condition.ndjson{suffix}").write_bytes(pack(text)[:-20])

    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=1)

    assert found.documents.keys() == {"Patient/b"}
    assert found == naive(screener, folder)
    assert "breaks off" in found.unread[0]


def test_a_resumed_run_does_not_write_again_what_stands(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """What another process has picked is taken as it is, unless the source or the people are others."""
    work = tmp_path / "work"
    before = sieved(screener, folder, work, sample=0, processes=1)
    units = units_of([folder / name for name in ("Condition.ndjson", "Observation.ndjson", "Patient.ndjson")])
    times = {unit: written(unit, work).stat().st_mtime_ns for unit in units}
    written(units[1], work).unlink()  # as if broken off here

    people = LocalPeople(screener, folder, work, sample=0, processes=1)

    async def resumed() -> list[str]:
        return [each.patient async for each in people.screened(["Patient/b"], date.fromisoformat(AS_OF), untold)]

    assert asyncio.run(resumed()) == ["Patient/b"]
    assert [written(unit, work).stat().st_mtime_ns == times[unit] for unit in units] == [True, False, True]
    assert sieved(screener, folder, work, sample=0, processes=1) == before
    (folder / "Patient.ndjson").write_bytes((folder / "Patient.ndjson").read_bytes() + as_json(patient(id="d")) + b"\n")
    assert sieved(screener, folder, work, ["Patient/d"], sample=0, processes=1).documents.keys() == {
        "Patient/b",
        "Patient/d",
    }
    assert Picked.read(units[0], work) is not None


def test_documents_beside_an_export_are_read_where_they_are(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """A Bundle of somebody with the disease is taken, one of somebody else is not, a broken one is told."""
    for name, code in (("d", "M34.1"), ("e", "I10")):
        (folder / f"{name}.json").write_bytes(as_json(bundle(patient(id=name), condition(code))))
    (folder / "f.json").write_bytes(b'{"resourceType":"Bundle","entry":[')

    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=1)

    assert found.documents.keys() == {"Patient/b", "Patient/d"}
    assert found == naive(screener, folder)


def test_where_no_absence_decides_everybody_is_looked_at(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """A study without a classification names nobody in particular."""
    anybody = replace(screener, study=replace(screener.study, criteria=screener.study.criteria[:1]))

    found = sieved(anybody, folder, tmp_path / "work", processes=1)

    assert list(found.documents) == ["Patient/a", "Patient/b", "Patient/c"]


def test_conditions_without_a_code_are_counted(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """In the sample, or in all lines."""
    row = {"resourceType": "Condition", "id": "t", "subject": {"reference": "Patient/a"}, "code": {"text": "sclerose"}}
    with (folder / "Condition.ndjson").open("ab") as file:
        file.write(json.dumps(row).encode())

    for whole in (False, True):
        people = LocalPeople(screener, folder, tmp_path / "work", processes=1, whole_count=whole)
        selection = asyncio.run(people.select(frozenset(), untold))
        assert selection.uncoded is not None
        assert (selection.seen, selection.uncoded.conditions, selection.uncoded.of) == (3, 1, 4)
        assert selection.uncoded.sampled is not whole


def test_a_line_of_fifty_megabytes_is_found(tmp_path: Path) -> None:
    """However many blocks it spans, and the line after it too."""
    path = tmp_path / "Binary.ndjson"
    path.write_bytes(b'{"a":"' + b"x" * 50_000_000 + b'needle"}\n{"b":"needle"}\n' + b'{"c":1}\n')
    scanner = Scanner([compiled([b"needle"])])

    for units in ([Unit(0, str(path), 0, None, 0)], units_of([path], UNIT)):
        found = [hit for unit in units for hit in lines(unit, scanner, sample=Sample(0))]
        assert [(hit.offset, len(hit.data or b"")) for hit in found] == [(0, 50_000_015), (50_000_015, 15)]


def test_a_line_too_long_to_be_read_is_told_and_what_follows_is_read(tmp_path: Path) -> None:
    """It has no content, only its place."""
    path = tmp_path / "Binary.ndjson"
    path.write_bytes(b"x" * (65 * 1024 * 1024) + b'\n{"b":"needle"}\n')
    unit = Unit(0, str(path), 0, None, 0)
    found = list(lines(unit, Scanner([compiled([b"needle"])]), sample=Sample(0)))

    assert found == [Hit(0, None, frozenset()), Hit(65 * 1024 * 1024 + 1, b'{"b":"needle"}\n', frozenset({0}))]


def test_what_the_source_says_of_all_charts_goes_along(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """An outcome that says that records are missing names nobody, and counts for everybody."""
    before = naive(screener, folder)
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"incomplete"}]}\n'
    (folder / "OperationOutcome.ndjson").write_bytes(outcome)

    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=1)

    assert found == naive(screener, folder) != before
