"""Making a resource once, in the way that the server declares."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
import stamina

from service.fhir.write import Known, write_transaction
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.ports import Kept
from service.hospital.refusals import Conflict
from tests.screenings import NOW, screening

pytestmark = [pytest.mark.anyio, pytest.mark.respx(assert_all_called=False)]

BASE = "https://fhir.hospital.example/r4"
GUIDANCE = {"resourceType": "GuidanceResponse", "id": "g1", "meta": {"versionId": "3"}}
KNOWN = Known(study="ResearchStudy/1", device="Device/1", guidance=GUIDANCE)
FIRST = write_transaction(screening(), KNOWN, NOW)  # makes a ResearchSubject and a Provenance, changes the result
# Makes a GuidanceResponse and a Provenance.
RESULT = write_transaction(screening(), KNOWN._replace(guidance=None, takes_subjects=False), NOW)
SUBJECT = "https://trial-screening.example/fhir/research-subject|NCT06722105.ho-001"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=1):
        yield


class Declaring:
    """A server that declares what it can; it answers every transaction, and searches of subjects by ``there``."""

    def __init__(
        self, router: respx.MockRouter, there: tuple[str, ...] = (), status: str = "201", **declared: bool
    ) -> None:
        """``there`` are the ids of subjects, oldest first, that a search finds after the write."""
        self.sent: list[dict[str, Any]] = []
        self.singles: list[tuple[str, str, Any]] = []
        self.there, self.status = there, status
        kinds = [{"type": kind, **declared} for kind in ("ResearchSubject", "GuidanceResponse", "Provenance")]
        interactions = [{"code": code} for code in ("batch", "transaction") if declared.get(code, True)]
        statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": kinds, "interaction": interactions}]}
        router.get(f"{BASE}/metadata").respond(json=statement)
        router.post(BASE).mock(side_effect=self._transaction)
        router.route(url__startswith=f"{BASE}/").mock(side_effect=self._single)

    def _transaction(self, request: httpx.Request) -> httpx.Response:
        self.sent = json.loads(request.content)["entry"]
        told = [{"response": {"status": self.status, "location": self._place(entry["request"])}} for entry in self.sent]
        return httpx.Response(200, json={"resourceType": "Bundle", "entry": told})

    def _place(self, request: dict[str, str]) -> str:
        kind, _, id_ = request["url"].partition("/")
        return f"{kind}/{id_ or 'ours'}/_history/1"

    def _single(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/r4/")
        if path.endswith("/_search"):
            system, _, value = SUBJECT.rpartition("|")
            subject = {"resourceType": "ResearchSubject", "identifier": [{"system": system, "value": value}]}
            found = [
                {"resource": subject | {"id": id_, "meta": {"lastUpdated": f"2026-11-0{at}"}}}
                for at, id_ in enumerate(self.there, 1)
            ]
            return httpx.Response(200, json={"resourceType": "Bundle", "entry": found})
        self.singles.append((request.method, path, request.headers.get("If-None-Match")))
        status = int(self.status[:3])
        return httpx.Response(status, headers={"Location": f"{BASE}/{path}/_history/1"})


async def commit(transaction: dict[str, Any] = FIRST) -> dict[str, Kept]:
    """Commit a write, the first one by default, and return what became of it by type."""
    async with FhirClient(Server(base=BASE)) as client:
        kept = await HospitalShelf(client).commit(transaction)
    return {one.reference.partition("/")[0]: one for one in kept}


def request_of(entries: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the request for one type."""
    [found] = [entry["request"] for entry in entries if entry["resource"]["resourceType"] == kind]
    assert isinstance(found, dict)
    return found


async def test_a_server_that_heeds_conditions_is_given_one(respx_mock: respx.MockRouter) -> None:
    """Where conditional create is declared, the condition is all that is sent, and nothing is looked up again."""
    server = Declaring(respx_mock, conditionalCreate=True, updateCreate=True)

    await commit()

    assert request_of(server.sent, "ResearchSubject") == {
        "method": "POST",
        "url": "ResearchSubject",
        "ifNoneExist": f"identifier={SUBJECT}",
    }
    assert server.singles == []


async def test_a_server_that_takes_ids_gets_one_that_says_what_it_is(respx_mock: respx.MockRouter) -> None:
    """Where only an update may create, the id follows from the identifier, and nothing that is there is overwritten."""
    server = Declaring(respx_mock, there=(), updateCreate=True)

    first = await commit(RESULT)
    again = await commit(RESULT)

    request = request_of(server.sent, "GuidanceResponse")
    assert request["url"].startswith("GuidanceResponse/candor-")
    assert (request["method"], request["ifNoneMatch"]) == ("PUT", "*")
    assert request["url"] == first["GuidanceResponse"].reference == again["GuidanceResponse"].reference
    assert request_of(server.sent, "Provenance") == {"method": "POST", "url": "Provenance"}


async def test_a_subject_is_never_made_by_an_update(respx_mock: respx.MockRouter) -> None:
    """A server may ignore ``If-None-Match`` as well: an update would then write over a status that a person has set."""
    server = Declaring(respx_mock, there=(), updateCreate=True)

    await commit()

    assert request_of(server.sent, "ResearchSubject")["method"] == "POST"


@pytest.mark.parametrize("transaction", [True, False], ids=["transaction", "singly"])
async def test_an_update_that_wrote_over_something_made_nothing(
    respx_mock: respx.MockRouter, *, transaction: bool
) -> None:
    """Where the server ignored ``If-None-Match`` and says 200, the resource was there: the write is decided anew."""
    Declaring(respx_mock, status="200 OK", updateCreate=True, transaction=transaction)

    assert not (await commit(RESULT))["GuidanceResponse"].done


@pytest.mark.parametrize("there", [("ours",), ("ours", "theirs"), ()], ids=["alone", "older", "not found yet"])
async def test_a_server_that_can_do_neither_is_looked_at_again(
    respx_mock: respx.MockRouter, there: tuple[str, ...]
) -> None:
    """Where neither is declared, what was made is looked for: alone, or the older of two, it stays."""
    server = Declaring(respx_mock, there)

    assert (await commit())["ResearchSubject"] == Kept("ResearchSubject/ours", "1", done=True)
    assert server.singles == []


async def test_the_younger_of_two_goes(respx_mock: respx.MockRouter) -> None:
    """Where another writer's was there before, ours is deleted, and the write is to be decided anew."""
    server = Declaring(respx_mock, ("theirs", "ours"))

    kept = await commit()

    assert kept["ResearchSubject"] == Kept("ResearchSubject/theirs", None, done=False)
    assert server.singles == [("DELETE", "ResearchSubject/ours", None)]


async def test_an_id_that_is_taken_is_a_conflict(respx_mock: respx.MockRouter) -> None:
    """Where the id is there already, the server refuses (412), and the write is decided anew."""
    server = Declaring(respx_mock, status="412 Precondition Failed", updateCreate=True)

    with pytest.raises(Conflict):
        await commit(RESULT)

    assert server.singles == []


async def test_declared_to_have_no_transactions_it_is_not_sent_one(respx_mock: respx.MockRouter) -> None:
    """A server that declares only batches gets single writes at once, an id of ours with ``If-None-Match``."""
    server = Declaring(respx_mock, transaction=False, updateCreate=True)

    await commit(RESULT)

    assert server.sent == []
    by_type = {path.partition("/")[0]: (method, match) for method, path, match in server.singles}
    assert by_type == {"GuidanceResponse": ("PUT", "*"), "Provenance": ("POST", None)}
