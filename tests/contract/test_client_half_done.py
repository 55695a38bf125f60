"""A transaction of which a server does a part and refuses the rest: the part is taken back, and it is told."""

import json
from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.errors import Never
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.refusals import Conflict, Refused
from tests.contract.test_client_commit import BASE, FIRST, GUIDANCE, LATER, commit

pytestmark = [pytest.mark.anyio, pytest.mark.respx(assert_all_called=False)]


@pytest.fixture(autouse=True)
def _quick(respx_mock: respx.MockRouter) -> Iterator[None]:
    """Repeat without pauses, on a server without a CapabilityStatement."""
    respx_mock.get(f"{BASE}/metadata").respond(404)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


class Batching:
    """Plays a server that takes a transaction for a batch: it refuses the subject, and does the rest."""

    def __init__(self, router: respx.MockRouter, status: str, *, deletable: bool = True) -> None:
        """``status`` is what it says of the subject; without ``deletable`` it lets nobody take anything back."""
        self.singles: list[tuple[str, str]] = []
        self.status, self.deletable = status, deletable
        router.post(BASE).mock(side_effect=self._batch)
        router.route(url__startswith=f"{BASE}/").mock(side_effect=self._single)

    def _batch(self, request: httpx.Request) -> httpx.Response:
        responses = []
        for entry in json.loads(request.content)["entry"]:
            kind, _, id_ = entry["request"]["url"].partition("/")
            if kind == "ResearchSubject":
                responses.append({"response": {"status": self.status}})
            else:
                place = f"{kind}/{id_ or 'new'}/_history/9"
                status = "200" if entry["request"]["method"] == "PUT" else "201"
                responses.append({"response": {"status": status, "location": place}})
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "batch-response", "entry": responses})

    def _single(self, request: httpx.Request) -> httpx.Response:
        match = request.headers.get("If-Match", "")
        self.singles.append((f"{request.method} {str(request.url).removeprefix(BASE)}", match))
        if request.method == "GET":
            return httpx.Response(200, json=GUIDANCE)
        return httpx.Response(204 if self.deletable else 405)


async def test_what_was_done_of_a_half_refused_transaction_is_taken_back(respx_mock: respx.MockRouter) -> None:
    """Where a server does a part and refuses the rest, what was made is deleted, what was changed is put back."""
    server = Batching(respx_mock, "422 Unprocessable")

    with pytest.raises(Refused, match="a part that was taken back: HTTP 422"):
        await commit(LATER)

    assert server.singles == [
        ("DELETE /Provenance/new", ""),
        ("GET /GuidanceResponse/g1/_history/3", ""),
        ("PUT /GuidanceResponse/g1", 'W/"9"'),
    ]


async def test_study_and_device_of_a_half_refused_transaction_stay(respx_mock: respx.MockRouter) -> None:
    """What all patients share is left: another writer may refer to it already."""
    server = Batching(respx_mock, "400")

    with pytest.raises(Refused):
        await commit(FIRST)

    assert [asked for asked, _ in server.singles] == ["DELETE /Provenance/new", "DELETE /GuidanceResponse/new"]


async def test_a_half_refused_transaction_that_met_another_writer_is_decided_anew(respx_mock: respx.MockRouter) -> None:
    """A stale version among the entries is a conflict; from then on the server gets one write after the other."""
    server = Batching(respx_mock, "412 Precondition Failed")
    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        with pytest.raises(Conflict):
            await shelf.commit(LATER)
        taken_back = len(server.singles)

        await shelf.commit(FIRST)

    assert [asked.split()[0] for asked, _ in server.singles[taken_back:]] == ["POST"] * 5


async def test_a_part_that_cannot_be_taken_back_is_told(respx_mock: respx.MockRouter) -> None:
    """Where the server lets nobody delete, the error says that a part is left, and what to ask for."""
    Batching(respx_mock, "422", deletable=False)

    with pytest.raises(Never, match="does not let the part be taken back"):
        await commit(LATER)
