"""The hospital's server as a shelf: whole searches, transactions, and single writes where it has none."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
import stamina

from service.errors import TryLater
from service.fhir.write import Known, write_transaction
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.ports import Kept
from service.hospital.refusals import Conflict, Refused
from service.hospital.results import write_back
from service.study.load import default_mappings, load_vocabulary
from tests.screenings import NOW, screening

pytestmark = [pytest.mark.anyio, pytest.mark.respx(assert_all_called=False)]

BASE = "https://fhir.hospital.example/r4"
FIRST = write_transaction(screening(), Known(), NOW)
SUBJECT = {
    "resourceType": "ResearchSubject",
    "id": "s1",
    "meta": {"versionId": "7"},
    "status": "candidate",
    "study": {"reference": "ResearchStudy/1"},
    "individual": {"reference": "Patient/ho-001"},
}
GUIDANCE = {"resourceType": "GuidanceResponse", "id": "g1", "meta": {"versionId": "3"}}
LATER = write_transaction(
    screening(), Known(study="ResearchStudy/1", device="Device/1", subject=SUBJECT, guidance=GUIDANCE), NOW
)

GONE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
TAKES_TRANSACTIONS = {"resourceType": "CapabilityStatement", "rest": [{"interaction": [{"code": "transaction"}]}]}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture(autouse=True)
def _says_nothing_of_itself(respx_mock: respx.MockRouter) -> None:
    """Play a server without a CapabilityStatement."""
    respx_mock.get(f"{BASE}/metadata").respond(404)


async def commit(transaction: dict[str, Any]) -> list[Kept]:
    """Commit a transaction."""
    async with FhirClient(Server(base=BASE)) as client:
        return await HospitalShelf(client).commit(transaction)


def single_writes(router: respx.MockRouter, **statuses: int) -> list[tuple[str, str, Any]]:
    """Play a server without transactions; return the list of its writes, by type and method."""
    writes: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        kind = str(request.url).removeprefix(f"{BASE}/").split("/")[0]
        writes.append((request.method, kind, json.loads(request.content)))
        status = statuses.get(kind, 201)
        place = f"{BASE}/{kind}/{kind.lower()}-1/_history/1"
        body = GONE if status == httpx.codes.NOT_FOUND else {"resourceType": kind}
        return httpx.Response(status, headers={"Location": place, "ETag": 'W/"1"'}, json=body)

    router.post(BASE).respond(405)
    router.route(url__startswith=f"{BASE}/").mock(side_effect=answer)
    return writes


async def test_a_refused_transaction_is_not_taken_apart(respx_mock: respx.MockRouter) -> None:
    """A transaction refused for its content is an error, also with evidence as text, and nothing goes singly."""
    route = respx_mock.post(BASE).respond(422)

    with pytest.raises(Refused):
        await commit(FIRST)

    assert route.call_count == 2
    assert [call.request.method for call in respx_mock.calls] == ["GET", "POST", "POST"]


def told_of(request: httpx.Request) -> httpx.Response:
    """Answer that every entry of a transaction was made."""
    entries = json.loads(request.content)["entry"]
    told = [{"response": {"status": "201", "location": f"{each['request']['url']}/1/_history/1"}} for each in entries]
    return httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response", "entry": told})


@pytest.mark.parametrize("status", [400, 422])
async def test_records_that_the_server_does_not_hold_are_told_as_text(
    respx_mock: respx.MockRouter, status: int
) -> None:
    """Where the server refuses references to records that it does not hold, the same goes with the evidence as text."""

    def strict(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status) if b'"reference":"Observation/' in request.content else told_of(request)

    route = respx_mock.post(BASE).mock(side_effect=strict)

    await commit(FIRST)

    asked, sent = (json.loads(call.request.content)["entry"] for call in route.calls)
    assert sent[:-1] == asked[:-1]
    assert sent[-1]["resource"]["entity"] == [
        {"role": "source", "what": {"display": "Observation/ho-001-mrss/_history/1"}}
    ]


async def test_what_is_written_singly_and_refused_for_good_is_written_once(respx_mock: respx.MockRouter) -> None:
    """Without transactions a refused subject ends the write: the result before it is not written again and again."""
    writes = single_writes(respx_mock, ResearchSubject=422)

    with pytest.raises(Refused) as refused:
        await commit(LATER)

    assert (refused.value.status, [kind for _, kind, _ in writes]) == (422, ["GuidanceResponse", "ResearchSubject"])


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_transactions_is_asked_once(respx_mock: respx.MockRouter, status: int) -> None:
    """That the server takes no transactions is remembered: the next write goes singly at once."""
    single_writes(respx_mock)
    route = respx_mock.post(BASE).respond(status)

    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        await shelf.commit(FIRST)
        await shelf.commit(FIRST)

    assert route.call_count == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_what_a_person_deleted_meanwhile_is_decided_anew(respx_mock: respx.MockRouter, status: int) -> None:
    """A transaction over what was deleted since it was read is a lost race, and no sign that there are none."""
    respx_mock.get(f"{BASE}/metadata").respond(json=TAKES_TRANSACTIONS)
    respx_mock.post(BASE).respond(status, json=GONE)

    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        with pytest.raises(Conflict):
            await shelf.commit(LATER)

    assert shelf.takes_transactions


async def test_without_transactions_what_a_person_deleted_is_decided_anew(respx_mock: respx.MockRouter) -> None:
    """A single update of what was deleted since it was read is a lost race, too."""
    single_writes(respx_mock, GuidanceResponse=404)

    with pytest.raises(Conflict):
        await commit(LATER)


async def test_without_transactions_a_first_write_goes_piece_by_piece(respx_mock: respx.MockRouter) -> None:
    """The result goes before the new subject, the Provenance last, each with the references that the others got."""
    writes = single_writes(respx_mock)

    kept = await commit(FIRST)

    assert [kind for _, kind, _ in writes] == [
        "ResearchStudy",
        "Device",
        "GuidanceResponse",
        "ResearchSubject",
        "Provenance",
    ]
    sent = {kind: resource for _, kind, resource in writes}
    assert sent["ResearchSubject"]["study"]["reference"] == "ResearchStudy/researchstudy-1"
    assert sent["GuidanceResponse"]["performer"]["reference"] == "Device/device-1"
    assert [target["reference"] for target in sent["Provenance"]["target"]] == [
        "ResearchSubject/researchsubject-1",
        "GuidanceResponse/guidanceresponse-1",
    ]
    assert [one.reference.partition("/")[0] for one in kept] == [
        entry["resource"]["resourceType"] for entry in FIRST["entry"]
    ]


async def test_without_transactions_a_lost_race_writes_nothing_else(respx_mock: respx.MockRouter) -> None:
    """The result says which version of the subject it replaces: where that is stale, the Provenance is not written."""
    writes = single_writes(respx_mock, ResearchSubject=412)

    with pytest.raises(Conflict):
        await commit(LATER)

    assert [(method, kind) for method, kind, _ in writes] == [("PUT", "GuidanceResponse"), ("PUT", "ResearchSubject")]
    told = {each["name"]: each.get("valueString") for each in writes[0][2]["contained"][0]["parameter"]}
    assert told["replaces"] == "ResearchSubject/s1/_history/7"


async def test_a_part_of_a_search_decides_nothing(respx_mock: respx.MockRouter) -> None:
    """When a search is cut short, whose status it is cannot be known: nothing is written now."""
    cut = {"resourceType": "Bundle", "type": "searchset", "total": 2}
    respx_mock.post(url__regex=r".*/_search").respond(json=cut)

    async with FhirClient(Server(base=BASE)) as client:
        with pytest.raises(TryLater, match="only a part"):
            await write_back(HospitalShelf(client), screening(), now=NOW)


@pytest.mark.parametrize(
    "issue",
    [
        {"severity": "error", "code": "processing"},
        {"severity": "warning", "code": "suppressed"},
        {"severity": "information", "code": "informational", "diagnostics": "Some results were suppressed."},
    ],
)
async def test_a_search_that_says_it_withholds_decides_nothing(
    respx_mock: respx.MockRouter, issue: dict[str, str]
) -> None:
    """Where the server says that it left out something, whose status it is cannot be known: nothing is written now."""
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    respx_mock.post(f"{BASE}/ResearchSubject/_search").respond(
        json={"resourceType": "Bundle", "type": "searchset", "entry": [outcome]}
    )
    words = load_vocabulary(default_mappings())

    async with FhirClient(Server(base=BASE)) as client:
        with pytest.raises(TryLater, match="only a part"):
            await HospitalShelf(client, vocabulary=words).find("ResearchSubject", [])


async def test_a_search_that_another_writer_cuts_short_is_made_again(respx_mock: respx.MockRouter) -> None:
    """A match that is counted but was deleted before it could be shown is no longer counted the next time."""
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    respx_mock.post(f"{BASE}/Provenance/_search").side_effect = [
        httpx.Response(200, json=bundle | {"total": 1}),
        httpx.Response(200, json=bundle | {"total": 0}),
    ]

    async with FhirClient(Server(base=BASE)) as client:
        assert await HospitalShelf(client).find("Provenance", []) == []


async def test_a_deletion_of_what_is_gone_is_no_error(respx_mock: respx.MockRouter) -> None:
    """A resource is deleted by its reference; one that is gone is no error, a refusal is."""
    deleted = respx_mock.delete(f"{BASE}/Provenance/1").respond(204)
    respx_mock.delete(f"{BASE}/Provenance/2").respond(410)
    respx_mock.delete(f"{BASE}/Provenance/3").respond(403)

    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        await shelf.remove("Provenance/1")
        await shelf.remove("Provenance/2")
        with pytest.raises(Refused):
            await shelf.remove("Provenance/3")
    assert deleted.call_count == 1


async def test_a_deletion_that_meets_other_writers_is_tried_again(respx_mock: respx.MockRouter) -> None:
    """HAPI answers 409 to a deletion while others write: it is asked again, and in the end told."""
    deleted = respx_mock.delete(f"{BASE}/Provenance/1")
    deleted.side_effect = [httpx.Response(409), httpx.Response(204)]
    respx_mock.delete(f"{BASE}/Provenance/2").respond(409)

    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        await shelf.remove("Provenance/1")
        with pytest.raises(Conflict):
            await shelf.remove("Provenance/2")
    assert deleted.call_count == 2


async def test_whether_a_patient_is_there(respx_mock: respx.MockRouter) -> None:
    """Gone and unknown patients are not there; a server that refuses to say is an error."""
    respx_mock.get(f"{BASE}/Patient/here").respond(json={"resourceType": "Patient"})
    respx_mock.get(f"{BASE}/Patient/unknown").respond(404)
    respx_mock.get(f"{BASE}/Patient/gone").respond(410)
    respx_mock.get(f"{BASE}/Patient/hidden").respond(403)

    async with FhirClient(Server(base=BASE)) as client:
        shelf = HospitalShelf(client)
        assert [await shelf.holds(f"Patient/{name}") for name in ("here", "unknown", "gone")] == [True, False, False]
        with pytest.raises(Refused):
            await shelf.holds("Patient/hidden")
