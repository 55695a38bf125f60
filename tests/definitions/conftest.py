"""A small folder of definitions that hangs together, to be changed in one place."""

from pathlib import Path
from shutil import copytree

import pytest

BASE = Path(__file__).parent / "base"


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A copy of the base folder, beside the one decision record that its rules may name."""
    decisions = tmp_path / "docs" / "decisions"
    decisions.mkdir(parents=True)
    (decisions / "0001-which-haemoglobin.md").write_text("Any.\n", encoding="utf-8")
    return copytree(BASE, tmp_path / "mappings")
