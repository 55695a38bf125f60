"""`candor discover` over a folder: what it prints, writes and keeps, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from service.store.store import open_store
from tests.crash.places import export
from tests.e2e.conftest import Run
from tests.e2e.test_command_line import Candor

DAY = ("--as-of", "2026-11-23")
COPIES = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the sample charts as an export."""
    export(tmp_path / "export", COPIES)
    return tmp_path / "export"


@pytest.fixture(autouse=True)
def sockets(socket_enabled: None) -> None:
    """Have the worker processes reached by their pipes alone, and the event loop by its own pair."""


def report(run: Run) -> dict[str, Any]:
    """Return the report that was printed as JSON."""
    told: dict[str, Any] = json.loads(run.out)
    return told


def test_a_folder_is_searched_and_reported(candor: Candor, folder: Path) -> None:
    """Everybody whom the entry rule names is screened and kept; the next night has nothing new."""
    first = candor("discover", "--source", folder, "--json", *DAY)
    told = report(first)
    assert first.code == 4  # a record that was replaced by another is no chart
    assert {each["error"] for each in told["failed"]} == {"patient-replaced"}
    assert (told["engine"], told["source"]) == ("local", str(folder))
    assert told["seen"] > told["selected"] > 0
    assert [each["id"] for each in told["funnel"]][:2] == ["I1", "I2"]
    assert len(told["new"]) == COPIES * 7
    again = report(candor("discover", "--source", folder, "--json", "--resume", *DAY))
    assert (again["new"], again["lost"], again["changed"]) == ([], [], [])
    assert report(candor("discover", "--last", "--json")) == again


def test_a_name_that_is_not_utf_8_is_no_bug(candor: Candor, folder: Path) -> None:
    """A file of that name is read, and told where it has to be; a folder has to be renamed: the run keeps its name."""
    odd = folder / os.fsdecode(b"Condition\xe9.ndjson")
    odd.write_bytes(b'{"resourceType":"Condition","id":"M34.0"\n')
    found = candor("discover", "--source", folder, "--json", *DAY)
    assert found.code == 4
    assert any("Condition\\udce9.ndjson:1:" in each for each in report(found)["unread"])

    folder = folder.rename(folder.with_name(os.fsdecode(b"export\xe9")))
    refused = candor("discover", "--source", folder, *DAY)
    assert (refused.code, "export\\udce9 is not UTF-8: rename it." in refused.err) == (2, True)


def test_a_value_that_changed_somebody_is_named(candor: Candor, folder: Path) -> None:
    """The next night tells who left the list, and by which record."""
    candor("discover", "--source", folder, *DAY)
    platelets = {
        "resourceType": "Observation",
        "id": "low",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "subject": {"reference": "Patient/demo-01-0"},
        "effectiveDateTime": "2026-11-22",
        "valueQuantity": {"value": 20, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"},
    }
    with (folder / "Observation.ndjson").open("a") as file:
        file.write(json.dumps(platelets) + "\n")
    told = report(candor("discover", "--source", folder, "--json", *DAY))
    [lost] = told["lost"]
    assert (lost["patient"], lost["status"]) == ("Patient/demo-01-0", "ineligible")
    assert [(each["criterion"], each["source"], each["value"]["as_received"]) for each in lost["because"]] == [
        ("E11", "Observation/low", "20 10*9/L")
    ]


def test_nothing_of_a_run_is_left_on_the_disk(candor: Candor, folder: Path, tmp_path: Path) -> None:
    """Neither of one that is done, nor of one that broke off and is not gone on with."""
    given_up = tmp_path / "home/runs/b7d0c1f2-given-up/selected"
    given_up.mkdir(parents=True)
    (given_up / "Patient.ndjson").write_text("{}")
    candor("discover", "--source", folder, *DAY)
    assert list((tmp_path / "home/runs").iterdir()) == []


def test_nothing_is_kept_of_a_run_that_is_only_tried(candor: Candor, folder: Path) -> None:
    """Tried twice, everybody is new twice; there is no run to show again."""
    tried = [report(candor("discover", "--source", folder, "--dry-run", "--json", *DAY)) for _ in range(2)]
    assert tried[0]["new"] == tried[1]["new"] != []
    run = candor("discover", "--last")
    assert (run.code, run.out) == (2, "")
    assert "No run of this study without --dry-run and --limit has ended well yet." in run.err


def test_no_more_people_are_screened_than_asked_for(candor: Candor, folder: Path) -> None:
    """The report says of how many."""
    assert report(candor("discover", "--source", folder, "--limit", "3", "--json", *DAY))["selected"] == 3


def test_the_report_is_a_table_a_page_and_results(candor: Candor, folder: Path, tmp_path: Path) -> None:
    """On a terminal, in a browser, and each screening as a line of JSON."""
    page, results = tmp_path / "report.html", tmp_path / "results.ndjson"
    options = ("--page", page, "--language", "fr", "--results", results)
    run = candor("discover", "--source", folder, *options, *DAY)
    assert "Criterion by criterion" in run.out
    assert "candor: screen:" in run.err
    assert '<html lang="fr">' in page.read_text(encoding="utf-8")
    documents = [json.loads(line) for line in results.read_text().splitlines()]
    again = tmp_path / "again.ndjson"
    assert len(documents) == report(candor("discover", "--last", "--json", "--results", again))["selected"]
    assert again.read_bytes() == results.read_bytes()
    assert {"criteria", "patient"} <= documents[0].keys()


@pytest.mark.parametrize("command", [("discover", "--source", "."), ("serve",)])
def test_beside_another_on_the_same_file_it_is_75(candor: Candor, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A service or run has the SQLite file: nothing is wrong with the settings, and later it goes."""
    with open_store(None, tmp_path / "home"):
        run = candor(*command)
    assert (run.code, run.out) == (75, "")
    assert "CANDOR_STORE: another service or run works with" in run.err


@pytest.mark.parametrize("option", ["--page", "--results"])
@pytest.mark.parametrize("file", ["no-such-folder/file", "."])
def test_a_file_that_cannot_be_written_is_told_before_the_run(
    candor: Candor, folder: Path, tmp_path: Path, option: str, file: str
) -> None:
    """One sentence, and nobody is looked for."""
    run = candor("discover", "--source", folder, option, tmp_path / file, *DAY)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"candor: {tmp_path / file} cannot be written: ")
    assert run.err.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_files_stay_as_they_are_when_no_run_comes_of_it(candor: Candor, folder: Path, tmp_path: Path) -> None:
    """One that is there keeps what is in it, and none is made."""
    old, new = tmp_path / "old.html", tmp_path / "new.ndjson"
    old.write_text("of yesterday")
    assert candor("discover", "--last", "--page", old, "--results", new).code != 0
    assert old.read_text() == "of yesterday"
    assert not new.exists()


def test_a_file_that_is_gone_at_the_end_hides_no_report(candor: Candor, folder: Path) -> None:
    """A full disk: the report was printed, and the sentence stands beside it."""
    for option in ("--page", "--results"):
        run = candor("discover", "--source", folder, "--json", option, "/dev/full", *DAY)
        assert run.code == 2
        assert report(run)["screened"] > 0
        assert "/dev/full cannot be written: No space left on device." in run.err


def test_what_cannot_be_read_is_told(candor: Candor, folder: Path) -> None:
    """By file and line; the run is done in part."""
    with (folder / "Condition.ndjson").open("a") as file:
        file.write('{"resourceType":"Condition","subj')
    run = candor("discover", "--source", folder, "--json", *DAY)
    assert run.code == 4
    [unread] = report(run)["unread"]
    assert unread.startswith(f"{folder / 'Condition.ndjson'}:")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--source", "/nowhere"), 2, "There is no /nowhere"),
        (("--source", ""), 2, "There is no such folder"),
        ((), 3, "No hospital server is configured"),
        (("--source", "bulk"), 3, "No hospital server is configured"),
        (("--engine", "spark"), 2, "--engine spark reads a folder"),
        (("--limit", "0"), 2, "--limit"),
        (("--study", "other"), 2, "There is no study other"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    candor: Candor, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """Usage, a setting, a folder that is not there: what, and what to do about it."""
    run = candor("discover", *arguments)
    assert (run.code, run.out) == (code, "")
    assert sentence in run.err
    assert "Traceback" not in run.err
