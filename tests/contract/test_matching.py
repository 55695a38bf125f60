"""What a search gives is looked at: some servers ignore a parameter and give everything."""

from __future__ import annotations

from typing import Any

import pytest
import respx

from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf

pytestmark = pytest.mark.anyio

BASE = "https://fhir.example/r4"
OURS = {"system": "https://candor.example/research-subject", "value": "NCT06722105.p1"}
PARAMS = {"identifier": f"{OURS['system']}|{OURS['value']}", "individual": "Patient/p1"}
FOUND: dict[str, tuple[str, dict[str, Any], bool]] = {
    "ours": ("identifier", {"identifier": [OURS]}, True),
    "another value": ("identifier", {"identifier": [OURS | {"value": "NCT06722105.p2"}]}, False),
    "another system": ("identifier", {"identifier": [OURS | {"system": "urn:oid:1.2"}]}, False),
    "no identifier": ("identifier", {}, False),
    "relative": ("individual", {"individual": {"reference": "Patient/p1"}}, True),
    "of a version": ("individual", {"individual": {"reference": "Patient/p1/_history/3"}}, True),
    "absolute": ("individual", {"individual": {"reference": f"{BASE}/Patient/p1"}}, True),
    "another patient": ("individual", {"individual": {"reference": "Patient/p11"}}, False),
    "another server's": ("individual", {"individual": {"reference": "https://other.example/r4/Patient/p1"}}, False),
    "by identifier alone": ("individual", {"individual": {"identifier": {"value": "1"}}}, True),
    "nobody": ("individual", {}, False),
}


@pytest.mark.parametrize(("name", "elements", "kept"), FOUND.values(), ids=FOUND)
async def test_only_what_was_asked_for_is_taken(
    respx_mock: respx.MockRouter, name: str, elements: dict[str, Any], *, kept: bool
) -> None:
    """A resource that shows by itself that it is not what was asked for is left out, so that it is not written over."""
    subject = {"resourceType": "ResearchSubject", "id": "s1", **elements}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": subject}]}
    respx_mock.post(f"{BASE}/ResearchSubject/_search").respond(json=bundle)

    async with FhirClient(Server(base=BASE)) as client:
        found = await HospitalShelf(client).find("ResearchSubject", [(name, PARAMS[name])])

    assert [each["id"] for each in found] == (["s1"] if kept else [])
