"""The command line: what it prints where, and the exit code that a script goes by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from tests.e2e.conftest import Run

Candor = Callable[..., Run]
ChartFile = Callable[[str], Path]
DAY = ("--as-of", "2026-11-23")
SERVER = "https://fhir.hospital.example/fhir"


def folder_of(chart_file: ChartFile, *names: str) -> Path:
    """Give a folder with several sample charts."""
    return {chart_file(name).parent for name in names}.pop()


def test_one_chart_is_shown_whole(candor: Candor, chart_file: ChartFile) -> None:
    """Of one patient the table has every criterion with its outcome, and the evidence in words."""
    run = candor("screen", chart_file("06-skin-score-too-old"), *DAY)

    assert (run.code, run.err) == (0, "")
    assert "potential-candidate, priority 3" in run.out
    assert all(f"\n{number} " in run.out for number in ("I1", "I10", "E1", "E14"))
    assert "modified Rodnan skin score 22 {score}, 2025-11-22: Observation/demo-06-mrss" in run.out


def test_one_chart_is_one_object(candor: Candor, chart_file: ChartFile) -> None:
    """With --json one patient is one JSON object, on stdout alone."""
    run = candor("screen", chart_file("01-shown-in-full"), *DAY, "--json")

    assert (run.code, run.err) == (0, "")
    assert json.loads(run.out)["status"] == "candidate"


def test_several_charts_are_a_line_each_with_totals(candor: Candor, chart_file: ChartFile) -> None:
    """Of several patients each has a line, and the last line counts them."""
    folder = folder_of(chart_file, "01-shown-in-full", "07-diagnosis-alone", "09-low-platelets")
    run = candor("screen", folder, *DAY)
    lines = run.out.splitlines()

    assert run.code == 0
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["Patient/demo-01", "candidate"],
        ["Patient/demo-07", "potential-candidate"],
        ["Patient/demo-09", "ineligible"],
    ]
    assert "fails E11; again from 2026-11-24" in lines[2]
    assert lines[-1] == "3 patients: 1 candidate, 1 ineligible, 1 potential-candidate"


def test_several_charts_are_ndjson(candor: Candor, chart_file: ChartFile) -> None:
    """With --json several patients are a line each; one that cannot be screened has its error in its place: exit 4."""
    folder = folder_of(chart_file, "01-shown-in-full", "12-replaced-record")
    run = candor("screen", folder, *DAY, "--json")
    screened, refused = map(json.loads, run.out.splitlines())

    assert run.code == 4
    assert screened["patient"] == "Patient/demo-01"
    assert (refused["patient"], refused["error"]["code"]) == ("Patient/demo-12", "patient-replaced")
    assert refused["error"]["replaced_by"] == "Patient/demo-12-survivor"


def test_one_patient_of_several_is_chosen(candor: Candor, chart_file: ChartFile) -> None:
    """--patient takes one patient of a folder, by either form of the id."""
    folder = folder_of(chart_file, "01-shown-in-full", "07-diagnosis-alone")
    runs = [candor("screen", folder, *DAY, "--json", "--patient", name) for name in ("demo-07", "Patient/demo-07")]

    assert [json.loads(run.out)["patient"] for run in runs] == ["Patient/demo-07"] * 2


def test_a_patient_that_is_not_there_is_an_error_in_its_place(candor: Candor, chart_file: ChartFile) -> None:
    """A patient that SOURCE does not hold gives patient-not-found in its place: exit 4."""
    run = candor("screen", chart_file("01-shown-in-full"), *DAY, "--json", "--patient", "nobody")

    assert run.code == 4
    assert json.loads(run.out)["error"]["code"] == "patient-not-found"


def test_an_unreadable_line_is_named_and_the_others_are_screened(
    candor: Candor, tmp_path: Path, sample: dict[str, Any]
) -> None:
    """A broken line among good ones is named by file and line on stderr, without its content: exit 4."""
    source = tmp_path / "patients.ndjson"
    source.write_text('{"resourceType": "Patient", "id": "1"}\n{"resourceType": "Patient", "id": "Smith"\n')
    run = candor("screen", source, *DAY, "--json")

    assert run.code == 4
    assert json.loads(run.out)["patient"] == "Patient/1"
    assert "patients.ndjson:2: " in run.err
    assert "Smith" not in run.err


def test_the_words_of_a_record_cannot_steer_the_terminal(candor: Candor, tmp_path: Path) -> None:
    """Control characters of a record are shown as replaced, never sent to the terminal."""
    source = tmp_path / "one.json"
    patient = {"resourceType": "Patient", "id": "1", "birthDate": "1980"}
    observation = {
        "resourceType": "Observation",
        "id": "2",
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "effectiveDateTime": "2026-11-01",
        "valueQuantity": {"value": 9, "unit": "g/dL\u001b[2J", "system": "http://unitsofmeasure.org", "code": "g/dL"},
    }
    entries = [{"resource": resource} for resource in (patient, observation)]
    source.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    run = candor("screen", source, *DAY)

    assert "Observation/2" in run.out
    assert "\x1b" not in run.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("screen",),
        ("screen", "nowhere"),
        ("screen", "--patient", "../x"),
        ("screen", "{folder}"),
        ("screen", "{folder}", "--write-back", "--patient", "1"),
        ("screen", "--as-of", "yesterday", "--patient", "1"),
        ("screen", "--study", "NCT00000000", "--patient", "1"),
        ("discover-nothing",),
    ],
)
def test_wrong_usage_is_2(candor: Candor, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Wrong usage, and a source that is not there or holds no FHIR, exit 2 with a sentence and no traceback."""
    run = candor(*(argument.format(folder=tmp_path) for argument in arguments))

    assert (run.code, run.out) == (2, "")
    assert run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CANDOR_PORT", "eighty"),
        ("CANDOR_FHIR_URL", "not a url"),
        ("CANDOR_MAPPINGS", "nowhere"),
    ],
)
def test_a_wrong_setting_is_3(
    candor: Candor, chart_file: ChartFile, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A wrong setting exits 3 and is named by a sentence without its value."""
    monkeypatch.setenv(name, value)
    run = candor("screen", chart_file("01-shown-in-full"))

    assert run.code == 3
    assert run.err.startswith("candor: ")
    assert name in run.err or value == "nowhere"
    assert value not in run.err or value == "nowhere"


def test_a_patient_without_a_hospital_server_is_3(candor: Candor) -> None:
    """Asking for a patient without a server says which setting is missing."""
    run = candor("screen", "--patient", "1")

    assert (run.code, run.out) == (3, "")
    assert "CANDOR_FHIR_URL" in run.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CANDOR_OIDC_ISSUER", ""),
        ("CANDOR_OIDC_ISSUER", "http://login.hospital.example"),
        ("CANDOR_PSEUDONYM_KEY", "too short"),
    ],
)
def test_serve_refuses_to_listen_to_strangers(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Beyond loopback the service listens neither without authentication nor with a weak one: exit 3, one sentence."""
    monkeypatch.setenv("CANDOR_HOST", "0.0.0.0")  # noqa: S104 - that is what is refused
    monkeypatch.setenv("CANDOR_OIDC_ISSUER", "https://login.hospital.example")
    monkeypatch.setenv(name, value)
    run = candor("serve")

    assert (run.code, run.out, len(run.err.splitlines())) == (3, "", 1)
    assert name in run.err
    assert value == "" or value not in run.err


def test_serve_refuses_a_proxy_that_lets_strangers_in(candor: Candor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is no shelter where a public address leads to it: without an issuer exit 3, and check finds it too."""
    monkeypatch.setenv("CANDOR_PUBLIC_URL", "https://candor.hospital.example")
    run, check = candor("serve"), candor("check")

    assert (run.code, run.out, len(run.err.splitlines())) == (3, "", 1)
    assert "CANDOR_PUBLIC_URL" in run.err
    assert "CANDOR_PUBLIC_URL" in check.out


def test_the_environment_wins_over_the_file(candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A setting may stand in a TOML file under the same name; the environment's goes before it."""
    file = tmp_path / "candor.toml"
    file.write_text('CANDOR_HOST = "0.0.0.0"\nCANDOR_PORT = "eighty"\n')
    broken = candor("--config", file, "serve")
    monkeypatch.setenv("CANDOR_PORT", "8001")
    repaired = candor("serve", "--config", file)

    assert "CANDOR_PORT" in broken.err
    assert "CANDOR_HOST" in repaired.err


def test_the_demo_needs_nothing_and_shows_every_status(candor: Candor, tmp_path: Path) -> None:
    """The demo screens its charts, keeps what would be posted, shows one chart whole and says what to try next."""
    run = candor("demo")
    subjects = list((tmp_path / "home/demo/ResearchSubject").glob("*.json"))

    assert (run.code, run.err) == (0, "")
    assert all(f" {status} " in run.out for status in ("candidate", "potential-candidate", "ineligible"))
    assert "not screened" in run.out
    assert "candor serve" in run.out
    assert len(subjects) == 11  # neither the one without the disease nor the one that is replaced
    assert candor("demo").code == 0


def test_check_finds_the_shipped_definitions_sound(candor: Candor) -> None:
    """Without a server, `check` looks at definitions and settings, and finds nothing wrong."""
    run = candor("check")

    assert run.code == 0, run.out
    assert "NCT06722105: 24 criteria" in run.out


def test_check_names_a_setting_that_does_not_exist(candor: Candor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting, which would do nothing, is named."""
    monkeypatch.setenv("CANDOR_FIHR_URL", SERVER)
    run = candor("check")

    assert run.code == 3
    assert "CANDOR_FIHR_URL" in run.out


def capability(version: str, *writable: str) -> dict[str, Any]:
    """Give what a server says of itself."""
    interactions = [{"code": code} for code in ("read", "create", "update")]
    kinds = ("ResearchStudy", "Device", "Provenance", *writable)
    resources = [{"type": kind, "interaction": interactions} for kind in kinds]
    return {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": [{"resource": resources}]}


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        (capability("4.0.1", "ResearchSubject", "GuidanceResponse"), 0, "FHIR 4.0.1"),
        (capability("4.0.1", "ResearchSubject"), 3, "GuidanceResponse allows no create"),
        (capability("3.0.2", "ResearchSubject", "GuidanceResponse"), 3, "R4"),
        ({"resourceType": "Patient"}, 3, "CapabilityStatement"),
    ],
)
def test_check_asks_the_server_what_it_can(
    candor: Candor,
    monkeypatch: pytest.MonkeyPatch,
    respx_mock: respx.MockRouter,
    statement: dict[str, Any],
    code: int,
    said: str,
) -> None:
    """`check` reads the server's CapabilityStatement: its version, and whether results can be written."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    respx_mock.get(f"{SERVER}/metadata").mock(httpx.Response(200, json=statement))
    respx_mock.post(url__regex=rf"{SERVER}/\w+/_search").mock(httpx.Response(200, json={"resourceType": "Bundle"}))
    run = candor("check")

    assert run.code == code, run.out
    assert said in run.out


def test_the_review_sheet_is_markdown(candor: Candor) -> None:
    """The review sheet goes to stdout as Markdown."""
    run = candor("review-sheet")

    assert run.code == 0
    assert run.out.startswith("# Review sheet: NCT06722105")


def test_help_and_version_are_printed(candor: Candor) -> None:
    """Help names the commands and exit codes."""
    shown = candor("--help")

    assert shown.code == 0
    assert all(word in shown.out for word in ("screen", "check", "review-sheet", "demo", "serve", "75"))
    assert candor("--version").out.startswith("candor ")
