"""A Bundle whose Patient has an id that FHIR does not know is about nobody on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import respx

from service.config import Settings, Url
from tests.e2e.conftest import served
from tests.hospital import BASE, Hospital
from tests.verdicts import as_json

SENT = {"Content-Type": "application/json"}


@pytest.mark.parametrize("id_", ["p,Patient/other", "a/../../metadata", "p?_id=q", "x" * 65, "café"])
@pytest.mark.parametrize("write_back", [b"true", b"false"])
def test_a_strange_id_reaches_no_server(sample: dict[str, Any], tmp_path: Path, id_: str, write_back: bytes) -> None:
    """The chart is judged; no search is made that could be about another patient, and nothing is written."""
    chart = as_json(sample["01-shown-in-full"]).replace(b"demo-01", id_.encode())
    settings = Settings(home=tmp_path, fhir_url=Url(BASE), fhir_write_url=Url("https://other.hospital.example/fhir"))
    with respx.mock(assert_all_called=False) as router, served(settings) as http:
        Hospital(router, batches=False)
        body = b'{"bundle":' + chart + b',"write_back":' + write_back + b"}"
        answer = http.post("/api/v1/screenings", content=body, headers=SENT)
        asked = [call.request.url.path for call in router.calls]

    assert (answer.status_code, asked) == (200, [])
    assert answer.json()["patient"] == f"Patient/{id_}"
    if write_back == b"true":
        assert answer.json()["written"] == {"done": False, "why": "patient-not-on-write-server"}


def test_an_id_that_no_database_keeps_is_refused(sample: dict[str, Any], tmp_path: Path) -> None:
    """NUL, which PostgreSQL holds in no text."""
    chart = as_json(sample["01-shown-in-full"]).replace(b"demo-01", b"a\\u0000b")
    with served(Settings(home=tmp_path)) as http:
        answer = http.post("/api/v1/screenings", content=b'{"bundle":' + chart + b"}", headers=SENT)

    assert (answer.status_code, answer.json()["code"]) == (422, "patient-unreadable")
