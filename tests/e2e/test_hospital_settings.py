"""What the command line makes of the hospital server's settings and moods: sentences, exit codes, a clean stdout."""

from __future__ import annotations

import json
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
    return respx_mock


def test_a_retry_is_logged_on_stderr_alone(candor: Candor, hospital: respx.MockRouter) -> None:
    """Where the server has to be asked twice, stdout still holds the result and nothing else."""
    good = hospital["patient"].return_value
    hospital["patient"].mock(side_effect=[httpx.Response(503), good])
    run = candor("screen", "--patient", "demo-07", *DAY, "--json")

    assert run.code == 0, run.err
    assert json.loads(run.out)["patient"] == "Patient/demo-07"
    assert "retry" in run.err
