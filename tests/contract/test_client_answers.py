"""What a server answers to a transaction is taken for what it tells, and for no more."""

from collections.abc import Iterator
from typing import Any

import pytest
import respx
import stamina

from service.errors import Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.ports import Kept
from tests.contract.test_client_commit import BASE, FIRST, commit

pytestmark = [pytest.mark.anyio, pytest.mark.respx(assert_all_called=False)]


@pytest.fixture(autouse=True)
def _quick(respx_mock: respx.MockRouter) -> Iterator[None]:
    """Repeat without pauses, on a server without a CapabilityStatement."""
    respx_mock.get(f"{BASE}/metadata").respond(404)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


async def test_a_transaction_tells_what_was_kept(respx_mock: respx.MockRouter) -> None:
    """References and versions are read from absolute and relative locations; a create that found one is not done."""
    responses = [
        {"status": "200 OK", "location": "ResearchStudy/1/_history/1", "etag": "1"},
        {"status": "201 Created", "location": f"{BASE}/Device/2/_history/5"},
        {"status": "201", "location": "ResearchSubject/3", "etag": 'W/"9"'},
        {"status": "201 Created", "location": "GuidanceResponse/4/_history/1"},
        {"status": "200 OK", "location": "Provenance/5/_history/1"},
    ]
    entries = [{"response": response} for response in responses]
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "type": "transaction-response", "entry": entries})

    assert await commit(FIRST) == [
        Kept("ResearchStudy/1", "1", done=False),
        Kept("Device/2", "5", done=True),
        Kept("ResearchSubject/3", "9", done=True),
        Kept("GuidanceResponse/4", "1", done=True),
        Kept("Provenance/5", "1", done=True),
    ]


async def test_a_transaction_that_is_not_accounted_for(respx_mock: respx.MockRouter) -> None:
    """A server that does not answer for every entry leaves open what was done: try later."""
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "type": "transaction-response"})

    with pytest.raises(TryLater):
        await commit(FIRST)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        None,
        {"response": None},
        {"response": {}},
        {"response": {"location": "Provenance/1"}},
        {"response": {"status": "Created"}},
        {"response": {"status": None}},
    ],
)
async def test_an_answer_without_statuses_tells_nothing(respx_mock: respx.MockRouter, entry: Any) -> None:
    """A server that answers for every entry but tells no status leaves open what was done: try later."""
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "entry": [entry] * len(FIRST["entry"])})

    with pytest.raises(TryLater):
        await commit(FIRST)


async def test_a_version_may_stand_in_the_resource_of_the_answer(respx_mock: respx.MockRouter) -> None:
    """A server that tells neither etag nor versioned location returns the resource, whose version counts."""
    subject = {"resourceType": "ResearchSubject", "id": "3", "meta": {"versionId": "f-9"}}
    told = {"response": {"status": "201", "location": "ResearchSubject/3"}, "resource": subject}
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "entry": [told] * len(FIRST["entry"])})

    assert set(await commit(FIRST)) == {Kept("ResearchSubject/3", "f-9", done=True)}


@pytest.mark.parametrize("place", [{"location": None}, {"location": 1}, {}])
async def test_an_odd_answer_is_taken_for_what_it_tells(respx_mock: respx.MockRouter, place: dict[str, Any]) -> None:
    """A status as a number is one; without a place the resource tells it, and without that nobody does."""
    known = {"response": {"status": 201, **place}, "resource": {"resourceType": "ResearchSubject", "id": "3"}}
    unknown = {"response": {"status": "201", **place}, "resource": None}
    entries = [known] + [unknown] * (len(FIRST["entry"]) - 1)
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "entry": entries})

    kept = await commit(FIRST)

    assert kept[0] == Kept("ResearchSubject/3", None, done=True)
    assert kept[-1] == Kept("Provenance", None, done=True)


async def test_entries_that_are_none_tell_nothing(respx_mock: respx.MockRouter) -> None:
    """An answer whose entries are null leaves open what was done."""
    respx_mock.post(BASE).respond(json={"resourceType": "Bundle", "entry": None})

    with pytest.raises(TryLater):
        await commit(FIRST)


async def test_what_has_no_place_is_not_deleted() -> None:
    """A deletion without an id would be one of all: it is not asked for."""
    async with FhirClient(Server(base=BASE)) as client:
        with pytest.raises(Never, match="did not tell the place"):
            await HospitalShelf(client).remove("GuidanceResponse")
