"""What the command line makes of the hospital server's settings and moods: sentences, exit codes, a clean stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from tests.e2e.test_command_line import DAY, SERVER, Candor


@pytest.fixture
def hospital(monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, sample: dict[str, Any]) -> respx.MockRouter:
    """Give a server that holds one of the sample patients and nothing else."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    patient = sample["07-diagnosis-alone"]["entry"][0]["resource"]
    respx_mock.get(f"{SERVER}/Patient/demo-07", name="patient").mock(httpx.Response(200, json=patient))
    respx_mock.route(url__regex=rf"{SERVER}/\w+/_search").mock(
        httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "total": 0})
    )
    respx_mock.post(SERVER).mock(httpx.Response(404))
    respx_mock.post(f"{SERVER}/AuditEvent").mock(httpx.Response(404))
    return respx_mock


def test_a_patient_of_the_hospital_is_screened(candor: Candor, hospital: respx.MockRouter) -> None:
    """Without SOURCE the patient is pulled from the configured server."""
    run = candor("screen", "--patient", "demo-07", *DAY, "--json")

    assert run.code == 0, run.err
    assert json.loads(run.out)["patient"] == "Patient/demo-07"


def test_a_read_is_recorded_once_here_where_the_server_takes_no_record(
    candor: Candor, hospital: respx.MockRouter, tmp_path: Path
) -> None:
    """The server is offered one AuditEvent for the patient; refused, it stands in a file under CANDOR_HOME."""
    candor("screen", "--patient", "demo-07", *DAY, "--json")

    offered = [call.request for call in hospital.calls if call.request.url.path.endswith("/AuditEvent")]
    [kept] = (tmp_path / "home/reads.ndjson").read_text().splitlines()
    assert [json.loads(each.content) for each in offered] == [json.loads(kept)]
    assert "Patient/demo-07" in kept
    assert "potential-candidate" not in kept


@pytest.mark.parametrize("value", ["Observation", "List,Patient", ","])
def test_only_what_a_result_can_do_without_may_be_left_out(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """CANDOR_FHIR_WRITE_WITHOUT names the types that it may have; anything else is a wrong setting: exit 3."""
    monkeypatch.setenv("CANDOR_FHIR_WRITE_WITHOUT", value)
    run = candor("screen", "--patient", "1")

    assert run.code == 3
    assert "CANDOR_FHIR_WRITE_WITHOUT: Expected some of ResearchSubject, GuidanceResponse, List, AuditEvent" in run.err


def test_a_server_that_is_down_is_75(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    """A server that says later exits 75, so that a cron job tries again."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    respx_mock.route().mock(httpx.Response(503, headers={"Retry-After": "600"}))
    run = candor("screen", "--patient", "1")

    assert (run.code, run.out) == (75, "")
    assert "503" in run.err


def test_an_unknown_patient_of_the_hospital_is_an_error_in_its_place(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    """A patient that the server does not hold gives patient-not-found in its place: exit 4."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
    respx_mock.route().mock(httpx.Response(404, json=outcome))
    run = candor("screen", "--patient", "1", "--json")

    assert run.code == 4
    assert json.loads(run.out)["error"]["code"] == "patient-not-found"


def test_a_retry_is_logged_on_stderr_alone(candor: Candor, hospital: respx.MockRouter) -> None:
    """Where the server has to be asked twice, stdout still holds the result and nothing else."""
    good = hospital["patient"].return_value
    hospital["patient"].mock(side_effect=[httpx.Response(503), good])
    run = candor("screen", "--patient", "demo-07", *DAY, "--json")

    assert run.code == 0, run.err
    assert json.loads(run.out)["patient"] == "Patient/demo-07"
    assert "retry" in run.err


def test_a_setting_that_does_nothing_is_said(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, hospital: respx.MockRouter
) -> None:
    """A setting that this version does not have is named on stderr, and the screening goes on without it."""
    monkeypatch.setenv("CANDOR_FHIR_CLIENTID", "someone")
    run = candor("screen", "--patient", "demo-07", *DAY, "--json")

    assert run.code == 0
    assert json.loads(run.out)["patient"] == "Patient/demo-07"
    assert "CANDOR_FHIR_CLIENTID" in run.err
    assert "someone" not in run.err


@pytest.mark.parametrize(
    "url",
    [
        "http://h/fhir x",
        "http://h:99999/fhir",
        "https://fhir.hospital.example/fhir?a=b",
        "https://fhir.hospital.example/fhir#top",
        "https://hôpital.example/fhir",
        "https://me:secret@fhir.hospital.example/fhir",
        "https://fhir.hospital.example/../fhir",
    ],
)
def test_an_address_that_cannot_be_used_is_3(candor: Candor, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """An address that hides where it leads, or has more than a path, is refused by the setting's name alone."""
    monkeypatch.setenv("CANDOR_FHIR_URL", url)
    run = candor("screen", "--patient", "1")

    assert (run.code, run.out) == (3, "")
    assert "CANDOR_FHIR_URL: " in run.err
    assert url not in run.err


def test_the_end_of_line_of_a_token_is_not_sent(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, hospital: respx.MockRouter
) -> None:
    """A token that was read from a file with its end of line is sent without it."""
    monkeypatch.setenv("CANDOR_FHIR_TOKEN", "abc.def\n")
    run = candor("screen", "--patient", "demo-07", *DAY, "--json")

    assert run.code == 0, run.err
    assert hospital.calls[0].request.headers["Authorization"] == "Bearer abc.def"


@pytest.mark.parametrize("token", ["secret\nX-Other: 1", "secret\x7f", "sécret", " \n"])
def test_a_token_that_no_header_can_hold_is_3(candor: Candor, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """A token with controls or beyond ASCII is refused by the setting's name, and never repeated."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    monkeypatch.setenv("CANDOR_FHIR_TOKEN", token)
    run = candor("screen", "--patient", "1")

    assert (run.code, run.out) == (3, "")
    assert "CANDOR_FHIR_TOKEN: " in run.err
    assert "cret" not in run.err


def test_serve_without_a_study_is_3(candor: Candor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service does not start where there is nothing to screen for."""
    monkeypatch.setenv("CANDOR_MAPPINGS", "/nowhere")
    run = candor("serve")

    assert (run.code, run.out) == (3, "")
    assert "/nowhere" in run.err


@pytest.mark.parametrize(("misspelt", "code"), [(False, 75), (True, 3)])
def test_check_says_later_where_the_server_is_down(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, misspelt: bool, code: int
) -> None:
    """A server that says later is 75 where nothing else is wrong, and 3 where a setting is wrong too."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    if misspelt:
        monkeypatch.setenv("CANDOR_FIHR_TOKEN", "x")
    respx_mock.route().mock(httpx.Response(503, headers={"Retry-After": "600"}))
    run = candor("check")

    assert run.code == code, run.out
    assert "503" in run.out


@pytest.mark.parametrize(
    "rest", [None, "all", [None], [{"resource": None}], [{"resource": ["x", {"type": "Patient", "interaction": None}]}]]
)
def test_check_survives_what_servers_say_of_themselves(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, rest: Any
) -> None:
    """A CapabilityStatement whose arrays are null or hold other things allows no writing: exit 3."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}
    respx_mock.get(f"{SERVER}/metadata").mock(httpx.Response(200, json=statement))
    respx_mock.post(url__regex=f"{SERVER}/(Patient|ResearchStudy)/_search").mock(httpx.Response(400))
    run = candor("check")

    assert run.code == 3
    assert "ResearchSubject allows no create" in run.out


def test_check_says_that_a_token_is_wrong(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    """A server whose CapabilityStatement is open to all is asked something else too, so that a wrong token shows."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    monkeypatch.setenv("CANDOR_FHIR_TOKEN", "s3cret")
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    respx_mock.get(f"{SERVER}/metadata").mock(httpx.Response(200, json=statement))
    respx_mock.post(url__regex=f"{SERVER}/(Patient|ResearchStudy)/_search").mock(httpx.Response(401))
    run = candor("check")

    assert run.code == 3
    assert "CANDOR_FHIR_URL: fhir.hospital.example refused the search of Patient: HTTP 401. Check the token." in run.out
    assert "s3cret" not in run.out + run.err
