"""Every setting is in the table of docs/settings.md, and every setting that a page speaks of is one."""

from __future__ import annotations

import re
from pathlib import Path

from service.config import NAMES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
CONNECTING = (ROOT / "docs/connecting.md").read_text(encoding="utf-8")
SETTINGS = {f"CANDOR_{name.upper()}" for name in NAMES}
_NAME = re.compile(r"CANDOR_[A-Z_]*[A-Z]\b")


def test_every_setting_is_explained() -> None:
    """In the table; what a FHIR server has of each kind on the page that the table leads to."""
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `CANDOR_"))
    of_servers = {
        f"{server}{name}"
        for server in ("CANDOR_FHIR_", "CANDOR_FHIR_WRITE_")
        for name in re.findall("`([A-Z_]+)`", CONNECTING)
    }

    assert SETTINGS - set(_NAME.findall(rows)) - of_servers == set()


def test_no_page_speaks_of_a_setting_that_there_is_not() -> None:
    """A name that was changed would stay in the pages; a secret may stand in the file that `…_FILE` names."""
    known = SETTINGS | {f"{name}_FILE" for name in SETTINGS}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    unknown = {
        (page.name, name)
        for page in pages
        for name in _NAME.findall(page.read_text(encoding="utf-8"))
        if name not in known
    }

    assert unknown == set()
