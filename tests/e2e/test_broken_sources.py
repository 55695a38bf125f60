"""Sources that cannot be read, wholly or in part: nobody is ineligible for what was lost, and the reason is told."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Run

Candor = Callable[..., Run]
DAY = ("--as-of", "2026-11-23")


def test_a_cut_export_finds_nobody_ineligible(candor: Candor, tmp_path: Path, sample: dict[str, Any]) -> None:
    """The diagnosis stood in the part of the file that is lost: its absence decides nothing, and the file is named."""
    resources = [entry["resource"] for entry in sample["07-diagnosis-alone"]["entry"]]
    people = [one for one in resources if one["resourceType"] == "Patient"]
    others = [one for one in resources if one["resourceType"] != "Patient"]
    (tmp_path / "Patient.ndjson").write_text("\n".join(map(json.dumps, people)))
    packed = gzip.compress("\n".join(map(json.dumps, others)).encode())
    (tmp_path / "Condition.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    run = candor("screen", tmp_path, *DAY, "--json")
    result = json.loads(run.out)

    assert run.code == 4
    assert result["status"] != "ineligible"
    assert "records-incomplete" in run.out
    assert "Condition.ndjson.gz: The file cannot be read, or breaks off." in run.err


def test_a_source_of_one_broken_file_says_what_is_wrong(candor: Candor, tmp_path: Path) -> None:
    """Exit 2, with the place and the reason instead of "no FHIR" alone."""
    source = tmp_path / "chart.ndjson"
    source.write_text('\n{"resourceType": "Patient", "id": "Smith"')
    run = candor("screen", source, *DAY)

    assert (run.code, run.out) == (2, "")
    assert "chart.ndjson:2: The JSON ends too early" in run.err
    assert "Smith" not in run.err


def test_a_pipe_is_refused_at_once(candor: Candor, tmp_path: Path) -> None:
    """A source is read twice, which a pipe cannot be: a sentence says what to do."""
    os.mkfifo(tmp_path / "pipe")
    run = candor("screen", tmp_path / "pipe", *DAY)

    assert (run.code, run.out) == (2, "")
    assert "save it in a file" in run.err


def test_an_empty_source_is_not_the_current_folder(
    candor: Candor, chart_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset variable in a script screens nothing, whatever the folder it runs in."""
    monkeypatch.chdir(chart_file("01-shown-in-full").parent)
    run = candor("screen", "", *DAY)

    assert (run.code, run.out) == (2, "")
    assert "SOURCE" in run.err
    assert candor("screen", ".", *DAY).code == 0
