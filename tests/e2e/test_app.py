"""The service as `candor serve` puts it together: with the shipped study, and logs that hold no patient data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import respx
import structlog

from service.config import Access, Settings, Token, Url
from service.logs import log_to_stderr
from tests.cds import EHR, SERVICE, Ehr, call, lent, of_today
from tests.e2e.conftest import served
from tests.verdicts import as_json


def test_the_service_is_composed_of_the_shipped_study(sample: dict[str, dict[str, object]], tmp_path: Path) -> None:
    """Without any setting a Bundle is screened for the shipped study, and no hospital is asked."""
    with served(Settings(home=tmp_path)) as http:
        studies = http.get("/api/v1/studies").json()["items"]
        answer = http.post(
            "/api/v1/screenings",
            content=as_json({"bundle": sample["01-shown-in-full"], "as_of": "2026-11-23"}),
            headers={"Content-Type": "application/json"},
        )
        refused = http.post("/api/v1/screenings", json={"patient": "1"})

    assert [study["id"] for study in studies] == ["NCT06722105"]
    assert (answer.status_code, answer.json()["status"]) == (200, "candidate")
    assert refused.status_code == 409


def test_the_hospitals_server_has_one_client(sample: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """What was learnt of the server by a token that a CDS client lent is known where our own is used."""
    chart = of_today(sample["01-shown-in-full"])
    settings = Settings(home=tmp_path, fhir_url=Url(EHR), fhir=Access(token=Token("our-own")))
    with served(settings) as http, respx.mock(assert_all_called=False) as router:
        refused = router.post(EHR).respond(405)
        ehr = Ehr(router, chart)
        lending = http.post(SERVICE, json=call(chart, **lent()))
        screened = http.post("/api/v1/screenings", json={"patient": "demo-01", "as_of": "2026-11-23"})

    assert (lending.status_code, screened.status_code) == (200, 200)
    assert ehr.shown == {"Bearer lent-token-4711", "Bearer our-own"}
    assert refused.call_count == 1  # the batch, which is not tried again


def test_only_known_fields_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A field that is not on the list of harmless ones is dropped, whoever logs it; logs go to stderr."""
    try:
        log_to_stderr()
        structlog.get_logger().error("bug", error="ValueError", line=3, patient="Smith")
        logged = capsys.readouterr()
    finally:
        structlog.reset_defaults()

    assert logged.out == ""
    assert json.loads(logged.err).keys() == {"event", "level", "timestamp", "error", "line"}
