"""``candor refresh-descendants``: what changes is shown, only ``--write`` writes, and never what came with candor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import httpx
import pytest
import respx

from service.study.load import default_mappings
from tests.e2e.conftest import Run

Candor = Callable[..., Run]
SERVER = "https://terminology.example/fhir"
REFRESH = "refresh-descendants"
BASE = Path(__file__).parents[1] / "definitions/base"
EXPANSION = {
    "resourceType": "ValueSet",
    "expansion": {"total": 2, "contains": [{"code": "64779008"}, {"code": "90935002", "display": "=1+1"}]},
}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the table of a folder of definitions that is the site's own, and set the folder."""
    folder = copytree(BASE, tmp_path / "mappings")
    monkeypatch.setenv("CANDOR_MAPPINGS", str(folder))
    return folder / "value_sets/snomed-descendants.csv"


@pytest.fixture
def expands(respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> respx.Route:
    """Give the route of a server that knows SNOMED CT, and set it with a token."""
    monkeypatch.setenv("CANDOR_TERMINOLOGY_URL", SERVER)
    monkeypatch.setenv("CANDOR_TERMINOLOGY_TOKEN", "secret")
    question = {"url": "http://snomed.info/sct?fhir_vs=isa/131148009", "offset": "0"}
    return respx_mock.get(f"{SERVER}/ValueSet/$expand", params=question).mock(httpx.Response(200, json=EXPANSION))


def test_what_changes_is_shown_and_not_written(candor: Candor, table: Path, expands: respx.Route) -> None:
    """Each parent that changes has its counts, one that keeps its rows the reason, and the table stays as it is."""
    before = table.read_bytes()
    run = candor(REFRESH)
    lines = [" ".join(line.split()) for line in run.out.splitlines()]

    assert run.code == 0, run.err
    assert "131148009 Bleeding 1 2 +2 -1" in lines
    assert "7 Made up 1 1 chosen by hand: its list is chosen by hand" in lines
    assert "2 parents, 0 as before: 2 codes added, 1 lost" in run.out
    assert "--write" in run.err
    assert table.read_bytes() == before
    assert expands.calls.last.request.headers["Authorization"] == "Bearer secret"


def test_json_names_the_codes(candor: Candor, table: Path, expands: respx.Route) -> None:
    """With --json stdout is one object with every parent and the codes that it gains and loses."""
    run = candor(REFRESH, "--json")
    document = json.loads(run.out)

    assert document["written"] is False
    assert document["parents"][1] == {
        "parent": "131148009",
        "display": "Bleeding",
        "before": 1,
        "after": 2,
        "added": ["64779008", "90935002"],
        "lost": ["110265006"],
        "kept": None,
    }


def test_write_writes_and_says_what_to_do_next(candor: Candor, table: Path, expands: respx.Route) -> None:
    """Only --write writes; it says that sign-offs drop and how to renew them."""
    run = candor(REFRESH, "--write", "--json")

    assert run.code == 0, run.err
    assert json.loads(run.out)["written"] is True
    assert [line.split(",")[:2] for line in table.read_text(encoding="utf-8").splitlines()[1:]] == [
        ["7", "70"],
        ["131148009", "64779008"],
        ["131148009", "90935002"],
    ]
    assert all(words in run.err for words in (str(table), "sign-off", "candor check", "candor review-sheet"))


@pytest.mark.parametrize("named", [True, False])
def test_what_came_with_candor_is_not_written(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, named: bool
) -> None:
    """The shipped definitions are refused before any question is asked, also where the setting names them."""
    if named:
        monkeypatch.setenv("CANDOR_MAPPINGS", str(default_mappings()))
    run = candor(REFRESH, "--server", SERVER, "--write")

    assert (run.code, run.out, len(run.err.splitlines())) == (3, "", 1)
    assert "copy the folder first" in run.err
    assert "CANDOR_MAPPINGS" in run.err
    assert not respx_mock.calls


def test_without_a_server_it_is_3(candor: Candor) -> None:
    """Without a server it says which setting is missing."""
    run = candor(REFRESH)

    assert (run.code, run.out) == (3, "")
    assert "CANDOR_TERMINOLOGY_URL" in run.err


def test_a_server_that_is_no_address_is_2(candor: Candor) -> None:
    """A --server that is no address is wrong usage, and is not repeated: it may hold a password."""
    run = candor(REFRESH, "--server", "https://me:secret@terminology.example")

    assert (run.code, run.out) == (2, "")
    assert "--server" in run.err
    assert "secret" not in run.err


def test_the_token_goes_to_no_other_server(
    candor: Candor, table: Path, expands: respx.Route, respx_mock: respx.MockRouter
) -> None:
    """A server named by --server gets the token only where it is the one of the setting."""
    other = respx_mock.get("https://other.example/fhir/ValueSet/$expand").mock(httpx.Response(200, json=EXPANSION))
    runs = [candor(REFRESH, "--server", server) for server in ("https://other.example/fhir", f"{SERVER}/")]

    assert [run.code for run in runs] == [0, 0]
    assert "Authorization" not in other.calls.last.request.headers
    assert expands.calls.last.request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (httpx.Response(503, headers={"Retry-After": "600"}), 75, "503"),
        (httpx.Response(401), 3, "Check the token."),
        (httpx.Response(404), 3, "does it hold SNOMED CT?"),
        (httpx.Response(200, json={"resourceType": "ValueSet", "expansion": {"total": 0}}), 3, "does it hold SNOMED"),
        (httpx.Response(200, json={"resourceType": "ValueSet"}), 3, "no expansion"),
    ],
    ids=["later", "token", "unknown", "empty", "no expansion"],
)
def test_a_server_that_does_not_answer_changes_nothing(
    candor: Candor, table: Path, expands: respx.Route, answer: httpx.Response, code: int, said: str
) -> None:
    """A server that is down, refuses or knows no SNOMED CT is a sentence and an exit code; nothing is written."""
    before = table.read_bytes()
    expands.mock(answer)
    run = candor(REFRESH, "--write")

    assert (run.code, run.out) == (code, "")
    assert said in run.err
    assert table.read_bytes() == before


def test_a_parent_of_another_edition_keeps_its_rows(
    candor: Candor, table: Path, expands: respx.Route, respx_mock: respx.MockRouter
) -> None:
    """A parent that the server does not know keeps its rows, with the reason; the others are refreshed."""
    bleedings = table.parent / "bleeding.csv"
    rows = bleedings.read_text(encoding="utf-8")
    bleedings.write_text(f"{rows}snomed,9,,,true,review,,Of an extension,SNOMED CT,primary,\n", encoding="utf-8")
    with table.open("a", encoding="utf-8") as stream:
        stream.write("9,90,Kept,a public list\n")
    question = {"url": "http://snomed.info/sct?fhir_vs=isa/9"}
    respx_mock.get(f"{SERVER}/ValueSet/$expand", params=question).mock(httpx.Response(404))
    run = candor(REFRESH, "--write", "--json")
    kept = json.loads(run.out)["parents"][2]

    assert run.code == 0, run.err
    assert (kept["parent"], kept["kept"]) == ("9", "the server does not know it (HTTP 404)")
    assert "9,90,Kept,a public list" in table.read_text(encoding="utf-8").splitlines()


def test_a_table_that_cannot_be_written_is_3(candor: Candor, table: Path, expands: respx.Route) -> None:
    """A folder that cannot be written to is a sentence, and the table stays as it is."""
    before = table.read_bytes()
    table.with_suffix(".unfinished").mkdir()
    run = candor(REFRESH, "--write")

    assert (run.code, run.out) == (3, "")
    assert "cannot be written" in run.err
    assert table.read_bytes() == before
