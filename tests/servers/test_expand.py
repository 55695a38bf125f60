"""Descendants are refreshed from a real server's ``$expand``, by the command as a site runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from service.study.load import load_study

pytestmark = pytest.mark.servers

BASE = Path(__file__).parents[1] / "definitions" / "base"
SYSTEM = "https://made-up.example/CodeSystem/bleedings"
CODES: list[dict[str, Any]] = [
    {
        "code": "131148009",
        "display": "Bleeding",
        "concept": [
            {"code": "64779008", "display": "Bleeding disorder", "concept": [{"code": "90935002", "display": "Rare"}]},
            {"code": "110265006", "display": "Bleeding gums"},
        ],
    },
    {"code": "7", "display": "Something else", "concept": [{"code": "71", "display": "Never asked for"}]},
]
HIERARCHY = {
    "resourceType": "CodeSystem",
    "id": "bleedings",
    "url": SYSTEM,
    "status": "active",
    "content": "fragment",  # HAPI expands from its index otherwise, which these tests leave out
    "hierarchyMeaning": "is-a",
    "concept": CODES,
}
# Terminology servers know SNOMED CT's implicit value sets; for a code system of one's own it is stored.
BELOW = {
    "resourceType": "ValueSet",
    "id": "bleedings-below",
    "url": f"{SYSTEM}?fhir_vs=isa/131148009",
    "status": "active",
    "compose": {
        "include": [{"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "131148009"}]}]
    },
}


def refresh(server: str, mappings: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "service", "refresh-descendants", "--server", server, *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "CANDOR_MAPPINGS": str(mappings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """Give a copy of the small definitions, over a code system of our own."""
    folder = copytree(BASE, tmp_path / "mappings")
    systems = folder / "code_systems.yaml"
    systems.write_text(systems.read_text(encoding="utf-8").replace("http://snomed.info/sct", SYSTEM), encoding="utf-8")
    return folder


def test_descendants_from_a_server(hapi: str, mappings: Path) -> None:
    """What the server's hierarchy holds under a parent counts once written; a list chosen by hand stays as it is."""
    for resource in (HIERARCHY, BELOW):
        place = f"{hapi}/{resource['resourceType']}/{resource['id']}"
        httpx.put(place, json=resource, timeout=60).raise_for_status()
    table = mappings / "value_sets" / "snomed-descendants.csv"
    before = table.read_bytes()

    shown = refresh(hapi, mappings, "--json")
    untouched = table.read_bytes()
    written = refresh(hapi, mappings, "--write")

    assert shown.returncode == 0, shown.stderr
    chosen, bleeding = json.loads(shown.stdout)["parents"]
    assert (bleeding["parent"], sorted(bleeding["added"]), bleeding["lost"]) == (
        "131148009",
        ["64779008", "90935002"],
        [],
    )
    assert (chosen["parent"], chosen["added"], chosen["lost"], chosen["after"]) == ("7", [], [], 1)
    assert untouched == before
    assert written.returncode == 0, written.stderr
    assert "2 codes added, 0 lost" in written.stdout
    assert "candor review-sheet" in written.stderr
    (meaning,) = load_study(mappings).lexicon.meanings(SYSTEM, "90935002")
    assert meaning.concept == "bleeding"


def test_a_server_without_the_codes(hapi: str) -> None:
    """A server that holds no SNOMED CT is told apart from one that changes nothing: exit 3, and a sentence."""
    run = refresh(hapi, BASE, "--write")

    assert (run.returncode, run.stdout) == (3, "")
    assert "does it hold SNOMED CT?" in run.stderr
