"""What a search gives is looked at: some servers ignore a parameter and give everything."""

from __future__ import annotations

from typing import Any

import pytest
import respx

from service.errors import Never
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
    "blanks around it": ("identifier", {"identifier": [OURS | {"value": f" {OURS['value']} "}]}, True),
    "no identifier": ("identifier", {}, False),
    "relative": ("individual", {"individual": {"reference": "Patient/p1"}}, True),
    "of a version": ("individual", {"individual": {"reference": "Patient/p1/_history/3"}}, True),
    "absolute": ("individual", {"individual": {"reference": f"{BASE}/Patient/p1"}}, True),
    "another patient": ("individual", {"individual": {"reference": "Patient/p11"}}, False),
    "behind a gateway": ("individual", {"individual": {"reference": "https://inner.example/fhir/Patient/p1"}}, True),
    "as in R5": ("individual", {"subject": {"reference": "Patient/p1"}}, True),
    "another patient as in R5": ("individual", {"subject": {"reference": "Patient/p2"}}, False),
    "by identifier alone": ("individual", {"individual": {"identifier": {"value": "1"}}}, True),
    "nobody": ("individual", {}, False),
}


def searched(router: respx.MockRouter, *pages: list[dict[str, Any]]) -> None:
    """Play a server that answers a search of subjects with pages."""
    bundles = [
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in page]}
        for page in pages
    ]
    for number, bundle in enumerate(bundles[:-1], 1):
        bundle["link"] = [{"relation": "next", "url": f"{BASE}?page={number}"}]
    router.post(f"{BASE}/ResearchSubject/_search").respond(json=bundles[0])
    for number, bundle in enumerate(bundles[1:], 1):
        router.get(f"{BASE}?page={number}").respond(json=bundle)


async def find(name: str) -> list[str]:
    """Return the ids of the subjects that a search by one parameter gives."""
    async with FhirClient(Server(base=BASE)) as client:
        found = await HospitalShelf(client).find("ResearchSubject", [(name, PARAMS[name])])
    return [each["id"] for each in found]


@pytest.mark.parametrize(("name", "elements", "kept"), FOUND.values(), ids=FOUND)
async def test_only_what_was_asked_for_is_taken(
    respx_mock: respx.MockRouter, name: str, elements: dict[str, Any], *, kept: bool
) -> None:
    """A resource that shows that it is not what was asked for ends the search: it must not be written over."""
    searched(respx_mock, [{"resourceType": "ResearchSubject", "id": "s1", **elements}])

    if kept:
        assert await find(name) == ["s1"]
    else:
        with pytest.raises(Never, match=f"ignores the parameter {name}"):
            await find(name)


@pytest.mark.respx(assert_all_called=False)
async def test_no_further_page_of_other_peoples_records_is_asked_for(respx_mock: respx.MockRouter) -> None:
    """The first stray ends the search, and with it what does not say whose it is counts for nobody."""
    unnamed = {"resourceType": "ResearchSubject", "id": "s1", "individual": {"identifier": {"value": "1"}}}
    stray = {"resourceType": "ResearchSubject", "id": "s2", "individual": {"reference": "Patient/p2"}}
    searched(respx_mock, [unnamed, stray], [])

    with pytest.raises(Never, match="ignores the parameter individual"):
        await find("individual")

    assert [call.request.method for call in respx_mock.calls] == ["POST"]


async def test_what_has_no_id_cannot_be_written_over(respx_mock: respx.MockRouter) -> None:
    """A server that gives a resource without its id is told of; it is no bug of ours."""
    searched(respx_mock, [{"resourceType": "ResearchSubject", "individual": {"reference": "Patient/p1"}}])

    with pytest.raises(Never, match="without an id"):
        await find("individual")
