"""A clinician's signature: printed by a command, kept in reviews.yaml, gone when the content changes."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from service.study.load import default_mappings
from tests.e2e.test_command_line import Candor, ChartFile

STUDY = Path("studies") / "NCT06722105"


def reviewed(candor: Candor, chart: Path) -> bool:
    """Whether a result says that its rules are signed."""
    answer: bool = json.loads(candor("screen", chart, "--json").out)["rules"]["reviewed"]
    return answer


def test_a_signature_holds_until_the_content_changes(
    candor: Candor, chart_file: ChartFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results say reviewed once every criterion is signed as it stands; another threshold drops the signature."""
    mappings = copytree(default_mappings(), tmp_path / "mappings")
    monkeypatch.setenv("CANDOR_MAPPINGS", str(mappings))
    chart = chart_file("01-shown-in-full")
    assert not reviewed(candor, chart)

    lines = candor("sign", "ALL", "--role", "investigator", "--name", "D. Example").out
    assert lines.count("\n") == 24
    (mappings / STUDY / "reviews.yaml").write_text(f"reviews:\n{lines}", encoding="utf-8")
    assert reviewed(candor, chart)

    criteria = mappings / STUDY / "criteria.yaml"
    text = criteria.read_text(encoding="utf-8")
    criteria.write_text(text.replace("lt: 50, unit: 10*9/L", "lt: 51, unit: 10*9/L"), encoding="utf-8")
    assert not reviewed(candor, chart)


def test_only_criteria_of_the_study_are_signed(candor: Candor) -> None:
    """A criterion that is not there is a sentence that names those that are, and exit 2."""
    run = candor("sign", "I99", "--role", "investigator")

    assert (run.code, run.out) == (2, "")
    assert "no criterion I99; there are: I1," in run.err
