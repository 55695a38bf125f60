"""A result posted to a real server on which the patient has another id than in the chart."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config import Settings, Url
from service.eligibility.results import Screening
from service.fhir.decode import decode
from service.screening.patient import Answer, Screener
from service.servers import connected
from tests.verdicts import as_json, shipped_reader, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

CHART = Path(__file__).parents[1] / "examples/001-clear-candidate.json"
SYSTEM = "urn:oid:1.2.250.1.71.4.2.7"


def create(server: str, resource: dict[str, Any]) -> str:
    """Put a resource on the server; return its reference."""
    answer = httpx.post(f"{server}/{resource['resourceType']}", json=resource, timeout=30).raise_for_status().json()
    return f"{answer['resourceType']}/{answer['id']}"


def set_status(server: str, reference: str, status: str) -> dict[str, Any]:
    """Set a ResearchSubject's status, as a person does; return what it was before."""
    before: dict[str, Any] = httpx.get(f"{server}/{reference}", timeout=30).json()
    httpx.put(f"{server}/{reference}", json=before | {"status": status}, timeout=30).raise_for_status()
    return before


def known_as(*values: str) -> dict[str, Any]:
    """Return a Patient with identifiers."""
    identifiers = [{"system": SYSTEM, "value": value} for value in values]
    return {"resourceType": "Patient", "identifier": identifiers}


async def answer(server: str, *values: str, write_back: bool) -> Answer:
    """Screen the chart of a patient with these identifiers, results being kept on the server."""
    bundle = decode(CHART.read_bytes())
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["identifier"] = known_as(*values)["identifier"]
    settings = Settings(fhir_write_url=Url(server), fhir_write_patient_system=SYSTEM)
    async with connected(settings) as join:
        screener = join(Screener(shipped_study(), shipped_reader()))
        return await screener.answer_bundle(as_json(bundle), date(2026, 11, 23), write_back=write_back)


async def test_the_patient_is_found_by_the_identifier(hapi: str) -> None:
    """The result is about whoever has the identifier, once; what a person then sets there is told without a write."""
    there = create(hapi, known_as("another|server,1"))

    first, again = [await answer(hapi, "another|server,1", write_back=True) for _ in range(2)]
    assert first.written is not None
    [reference] = [one for one in first.written.resources if one.startswith("ResearchSubject/")]
    subject = set_status(hapi, reference, "screening")
    later = await answer(hapi, "another|server,1", write_back=False)

    assert first.written.done
    assert again.written_document == {"done": False, "why": "unchanged"}
    assert subject["individual"]["reference"] == there
    assert subject["identifier"][0]["value"] == f"NCT06722105.{there.removeprefix('Patient/')}"
    assert isinstance(later.result, Screening)
    assert later.result.person_status == "screening"


@pytest.mark.parametrize("holders", [0, 2])
async def test_nobody_or_several_is_no_one(hapi: str, holders: int) -> None:
    """Where nobody there has the identifier, or two have it, nothing is written."""
    for _ in range(holders):
        create(hapi, known_as(f"another-server-{holders}"))

    result = await answer(hapi, f"another-server-{holders}", write_back=True)

    assert result.written_document == {"done": False, "why": "patient-not-on-write-server"}
