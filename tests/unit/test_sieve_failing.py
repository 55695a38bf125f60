"""The search by bytes where there are too many people for patterns, and where a process of it dies."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.errors import SettingError, TryLater
from service.population.patterns import MOST_PEOPLE
from service.population.people import LocalPeople
from service.population.workers import Workers
from service.screening.patient import Screener
from tests.builders import condition, observation, patient
from tests.executors import executed
from tests.sieve import naive, sieved
from tests.verdicts import as_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an export of three people in six files; b has the disease."""
    export = tmp_path / "export"
    export.mkdir()
    for name, code in {"a": "I10", "b": "M34.0", "c": "E11.9"}.items():
        row = condition(code, subject={"reference": f"Patient/{name}"})
        (export / f"Patient.{name}.ndjson").write_bytes(as_json(patient(id=name)) + b"\n")
        (export / f"Condition.{name}.ndjson").write_bytes(as_json(row) + b"\n")
    return export


def test_of_very_many_people_every_line_is_skimmed(folder: Path, tmp_path: Path, screener: Screener) -> None:
    """With the same documents, and what is broken told as where patterns are looked for."""
    many = [f"Patient/not-here-{number}" for number in range(MOST_PEOPLE + 1)]
    (folder / "1.ndjson").write_bytes(b'{"resourceType":"Condition","subject":{"reference":"Patient/a"},"x":925.}\n')
    (folder / "2.ndjson").write_bytes(b'{"resourceType":"Condition","subject":{"reference":"Patient/c"},"x":925.}\n')

    found = sieved(screener, folder, tmp_path / "work", [*many, "Patient/c"], sample=0, processes=1)

    assert found.documents.keys() == {"Patient/b", "Patient/c"}
    assert found.documents == naive(screener, folder, ["Patient/c"]).documents
    assert found == executed(screener, folder, [*many, "Patient/c"])
    assert [each.partition(": ")[0] for each in found.unread] == [f"{folder}/2.ndjson:1"]


@pytest.mark.parametrize("share", [0.0, 0.5], ids=["first pass", "second pass"])
def test_a_process_that_is_killed_ends_the_run_which_can_be_resumed(
    folder: Path, tmp_path: Path, screener: Screener, share: float
) -> None:
    """As when memory runs out: with a sentence, and no process left; what stands in the folder is whole."""
    with (folder / "Observation.ndjson").open("wb") as file:
        file.writelines(as_json(observation("777-3", subject={"reference": "Patient/b"})) + b"\n" for _ in range(500))
    work, killed = tmp_path / "work", list[int]()

    def kill(_: str, done: int, total: int | None) -> None:
        if not killed and total is not None and done >= share * total:
            killed.extend(children())
            for each in killed:
                os.kill(each, signal.SIGKILL)

    people = LocalPeople(screener, folder, work, sample=0, processes=2, unit=200)
    with pytest.raises(TryLater, match="was ended: was there memory enough"):
        asyncio.run(people.select(frozenset(), kill))
    assert len(killed) == 2
    assert not children()

    assert sieved(screener, folder, work, sample=0, processes=2, unit=200) == naive(screener, folder)
    assert not children()


def children() -> list[int]:
    """Return the processes of ours that search."""
    asked = ["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in told.splitlines() if "population.workers" in line]


def test_a_disk_without_room_is_a_matter_of_the_setting(
    folder: Path, tmp_path: Path, screener: Screener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before anything is written: it does not pass by waiting, and no server asked to."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    people = LocalPeople(screener, folder, tmp_path / "work", processes=1)
    with pytest.raises(SettingError, match=r"CANDOR_HOME: .* where 0 are free"):
        asyncio.run(people.select(frozenset(), lambda *_: None))


def test_a_disk_that_fills_on_the_way_is_too() -> None:
    """Whoever writes says so; a disk that fails may do better the next time."""

    def job(code: int) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(SettingError, match=r"CANDOR_HOME: .*No space left on device"):
        list(Workers(1).map(job, [errno.ENOSPC]))
    with pytest.raises(TryLater, match="Input/output error"):
        list(Workers(1).map(job, [errno.EIO]))
