"""Requests to the hospital's servers are counted by what came of them, and are spans without a URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
import respx
import stamina

from service.errors import CandorError
from service.hospital.client import FhirClient, Server
from tests.telling import counted, spans

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
PATIENT = {"resourceType": "Patient", "id": "smith"}
TIMES = "candor_hospital_request_seconds_count"


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """Ask once."""
    with stamina.set_testing(True, attempts=1):
        yield


async def read(server: respx.MockRouter, answer: httpx.Response | Exception) -> None:
    """Read a patient of a server that answers so."""
    server.get(f"{BASE}/Patient/smith").mock(side_effect=[answer])
    async with FhirClient(Server(base=BASE)) as client:
        with suppress(CandorError):
            await client.read("Patient/smith")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(200, json=PATIENT), "200"),
        (httpx.Response(503), "503"),
        (httpx.ConnectError("smith"), "unsent"),
        (httpx.ReadTimeout("smith"), "trylater"),
    ],
)
async def test_a_request_counts_by_its_outcome(
    respx_mock: respx.MockRouter, answer: httpx.Response | Exception, outcome: str
) -> None:
    """The status tells, or why there is none."""
    before = counted(TIMES, outcome=outcome), counted(TIMES)
    await read(respx_mock, answer)

    assert (counted(TIMES, outcome=outcome), counted(TIMES)) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("answer", [httpx.Response(200, json=PATIENT), httpx.ReadTimeout("smith")])
async def test_a_request_is_a_span_without_its_url(
    respx_mock: respx.MockRouter, answer: httpx.Response | Exception
) -> None:
    """The span says what was asked for in general, and of an error the type."""
    with spans() as kept:
        await read(respx_mock, answer)

    assert [span.name for span in kept] == ["GET read of Patient"]
    assert "smith" not in kept[0].to_json()
    assert kept[0].status.is_ok == isinstance(answer, httpx.Response)
