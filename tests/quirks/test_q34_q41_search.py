"""Q34-Q41: what servers do with searches, pages, waits and versions; what is lost is said, what is strange is left."""

from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.hospital.client import FhirClient, Server
from service.hospital.records import fetch_chart_resources
from tests.hospital import (
    ANSWERS,
    BASE,
    CONDITION,
    HEALTHY,
    OBSERVATION,
    PLAN,
    Hospital,
    Json,
    ids,
    pull,
    record,
    searchset,
)  # fmt: skip

pytestmark = pytest.mark.anyio

OF_P, OF_Q = ({"subject": {"reference": f"Patient/{number}"}} for number in "pq")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


def outcome(severity: str, code: str, text: str = "", number: str | None = None) -> Json:
    """Return an OperationOutcome as a vendor writes it; ``number`` is Epic's."""
    details = {"coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": number}]} if number else {}
    issue = {"severity": severity, "code": code, "diagnostics": text, "details": details}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@pytest.mark.parametrize(
    "told",
    [
        outcome("warning", "suppressed", "Other search results were found and hence have been suppressed"),
        outcome("warning", "processing", "It may not contain the entire record.", "4119"),
        outcome("warning", "processing", number="59204"),
    ],
    ids=["Cerner", "Epic 4119", "Epic 59204"],
)
async def test_q34_withheld_records(respx_mock: respx.MockRouter, told: Json) -> None:
    """A server that says it held something back leaves the type incomplete; what it gave stays."""
    page = searchset(CONDITION)
    page["entry"].append({"fullUrl": "urn:uuid:1", "resource": told, "search": {"mode": "outcome"}})
    Hospital(respx_mock, batches=True, Condition=page)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, {"Condition"})


@pytest.mark.parametrize("batches", [True, False])
async def test_q34_an_ignored_patient_parameter(respx_mock: respx.MockRouter, *, batches: bool) -> None:
    """Records of others are not taken and not paged through, whatever ``self`` says, and the type is incomplete."""
    everybodys = searchset(
        record("Condition", "mine", **OF_P), record("Condition", "theirs", **OF_Q), following="Condition?page=2"
    )
    hospital = Hospital(respx_mock, batches=batches, Condition=everybodys)

    pulled = await pull()

    assert [name for name in ids(pulled) if name.startswith("Condition")] == ["Condition/mine"]
    assert pulled.failed == {"Condition"}
    assert [params for _, params in hospital.searches if "page" in params] == []


async def test_q34_an_ignored_patient_parameter_on_one_page(respx_mock: respx.MockRouter) -> None:
    """A single record of another patient suffices to know that the search was another one."""
    Hospital(respx_mock, batches=True, Condition=searchset(CONDITION, record("Condition", "theirs", **OF_Q)))

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, {"Condition"})


async def test_q34_an_ignored_list_of_codes(respx_mock: respx.MockRouter) -> None:
    """A server that ignores ``combo-code`` gives more than was asked for, and nothing is missing."""
    others = [record("Observation", f"o{number}", **OF_P) for number in range(9)]
    Hospital(respx_mock, batches=True, Observation=searchset(*others))

    pulled = await pull()

    assert len([name for name in ids(pulled) if name.startswith("Observation")]) == 9
    assert pulled.failed == frozenset()


async def test_q34_an_ignored_list_of_ids(respx_mock: respx.MockRouter) -> None:
    """Of a server that ignores ``_id`` only the medications that were asked for are taken, and not page by page."""
    order = record("MedicationRequest", "m1", medicationReference={"reference": "Medication/med1"}, **OF_P)
    shelf = searchset(record("Medication", "med0"), record("Medication", "med1"), following="Medication?page=2")
    Hospital(respx_mock, batches=True, MedicationRequest=searchset(order), Medication=shelf)

    pulled = await pull()

    assert [name for name in ids(pulled) if name.startswith("Medication/")] == ["Medication/med1"]
    assert pulled.failed == {"MedicationRequest"}


@pytest.mark.parametrize(
    ("page", "failed"),
    [
        ({"entry": [{"search": {"mode": "match"}}, {"resource": CONDITION}]}, {"Condition"}),
        ({"entry": [{"resource": CONDITION}]}, set()),
        ({"entry": [{"resource": CONDITION, "response": {"status": "200"}, "search": None}]}, set()),
        ({"entry": [{"resource": CONDITION, "fullUrl": "urn:uuid:x", "search": {"mode": "match"}}], "total": 1}, set()),
    ],
    ids=["no resource", "no fullUrl, no mode, no total", "response in a searchset", "as it should be"],
)
async def test_q35_entries(respx_mock: respx.MockRouter, page: Json, failed: set[str]) -> None:
    """A match that is not shown is missing; an entry without fullUrl, mode or total is a record like any other."""
    Hospital(respx_mock, batches=True, Condition={"resourceType": "Bundle", "type": "searchset"} | page)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, failed)


async def test_q35_an_empty_search_has_no_entries(respx_mock: respx.MockRouter) -> None:
    """Nothing found is nothing missing, with ``total`` 0 or without."""
    empty = {"resourceType": "Bundle", "type": "searchset"}
    Hospital(respx_mock, batches=True, Condition=empty, Observation=empty | {"total": 0})

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (["Patient/p"], frozenset())


@pytest.mark.parametrize(
    ("link", "reached"),
    [
        ("/r4?_getpages=1&page=2", True),
        (f"{BASE}/Condition?x=http://elsewhere.example/a&page=2", True),
        ("https://localhost:8080/oauth/fhir/Condition?page=2", False),
        ("https://fhir.hospital.example:443:443/r4/Condition?page=2", False),
        ("http://fhir.hospital.example/r4/Condition?page=2", False),
    ],
    ids=["relative to the host", "a URL in the query", "an address inside", "two ports", "without TLS"],
)
async def test_q36_next_links(respx_mock: respx.MockRouter, link: str, *, reached: bool) -> None:
    """Links below the base are followed in every form; any other ends the search as incomplete."""

    def page(params: Json) -> Json:
        return searchset(record("Condition", "c2")) if "page" in params else searchset(CONDITION, following=link)

    Hospital(respx_mock, batches=True, Condition=page)
    second = searchset(record("Condition", "c2"))
    respx_mock.get(BASE, params__contains={"page": "2"}).respond(json=second)

    pulled = await pull()

    assert ("Condition/c2" in ids(pulled)) is reached
    assert pulled.failed == (frozenset() if reached else {"Condition"})


async def test_q36_a_long_link_that_is_too_long_for_its_server(respx_mock: respx.MockRouter) -> None:
    """A server that answers 404 to its own link has not given everything."""

    def page(params: Json) -> Json | int:
        return 404 if "ct" in params else searchset(CONDITION, following=f"Condition?ct={'x' * 3000}")

    Hospital(respx_mock, batches=True, Condition=page)

    assert (await pull()).failed == {"Condition"}


@pytest.mark.parametrize(
    ("second", "failed"),
    [
        ([CONDITION, record("Condition", "c2")], set()),
        ([CONDITION], {"Condition"}),
        ([record("Condition", "c1", meta={"versionId": "2"})], {"Condition"}),
    ],
    ids=["repeated", "lost", "changed in between"],
)
async def test_q37_pages_that_overlap(respx_mock: respx.MockRouter, second: list[Json], failed: set[str]) -> None:
    """A record that comes twice is one, and a total that is not reached by different ones tells of a loss."""

    def page(params: Json) -> Json:
        return searchset(*second) if "page" in params else searchset(CONDITION, following="Condition?page=2", total=2)

    Hospital(respx_mock, batches=True, Condition=page)

    assert (await pull()).failed == failed


async def test_q38_a_type_without_post_search(respx_mock: respx.MockRouter) -> None:
    """Epic knows no ``_search`` of medications: these alone are asked for by GET, which access logs may keep."""
    epic = respx_mock.post(f"{BASE}/MedicationRequest/_search").respond(404)
    Hospital(respx_mock, batches=False)

    async with FhirClient(Server(base=BASE)) as client:
        for _ in range(2):
            assert (await fetch_chart_resources(client, "p", PLAN)).failed == frozenset()

    asked = [(call.request.method, call.request.url.path) for call in respx_mock.calls]
    assert epic.call_count == 1
    assert asked.count(("GET", "/r4/MedicationRequest")) == 2
    assert asked.count(("POST", "/r4/Condition/_search")) == 2


@pytest.mark.parametrize("batches", [True, False])
async def test_q38_a_server_that_gives_no_observations_whole(respx_mock: respx.MockRouter, *, batches: bool) -> None:
    """Epic asks for a code or a category: it is asked for both, and from the next patient on at once."""

    def answer(params: Json) -> Json | int:
        if "combo-code" in params or not {"code", "category"} & params.keys():
            return 400
        return searchset(record("Observation", "by-code" if "code" in params else "panel"))

    hospital = Hospital(respx_mock, batches=batches, Observation=answer)

    async with FhirClient(Server(base=BASE)) as client:
        first = await fetch_chart_resources(client, "p", PLAN)
        asked = len([kind for kind, _ in hospital.searches if kind == "Observation"])
        second = await fetch_chart_resources(client, "p", PLAN)

    assert {"Observation/by-code", "Observation/panel"} <= set(ids(first)) == set(ids(second))
    assert first.failed == second.failed == frozenset()
    assert len([kind for kind, _ in hospital.searches if kind == "Observation"]) - asked == 2


@pytest.mark.parametrize(
    ("kept", "status", "failed"),
    [
        (("Patient", "Observation"), 404, set()),
        (("Patient", "Observation"), 400, set()),
        (("Patient", "Observation"), 403, {"Condition"}),
        (("Patient", "Observation", "Condition"), 404, {"Condition"}),
        ((), 404, {"Condition"}),
    ],
    ids=["unknown type", "unknown type, 400", "no scope", "declared, but refused", "nothing declared"],
)
async def test_q38_a_type_that_the_server_does_not_keep(
    respx_mock: respx.MockRouter, kept: tuple[str, ...], status: int, failed: set[str]
) -> None:
    """Nothing is missing of a type that is refused and not declared; any other refusal is a loss."""
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": [{"type": kind} for kind in kept]}]}
    Hospital(respx_mock, batches=True, Condition=status, metadata=statement)

    async with FhirClient(Server(base=BASE)) as client:
        for _ in range(2):
            pulled = await fetch_chart_resources(client, "p", PLAN)

    assert pulled.failed == failed
    assert len([call for call in respx_mock.calls if call.request.url.path == "/r4/metadata"]) == (status != 403)


async def test_q39_a_search_that_has_to_wait(respx_mock: respx.MockRouter) -> None:
    """A batch whose entry says 429 is asked again for that entry alone."""
    answers = iter([429, searchset(OBSERVATION)])
    hospital = Hospital(respx_mock, batches=True, Observation=lambda _: next(answers))

    assert (await pull()).failed == frozenset()
    assert [kind for kind, _ in hospital.searches].count("Observation") == 2
    assert [kind for kind, _ in hospital.searches].count("Condition") == 1


async def test_q40_versions_that_are_no_numbers(respx_mock: respx.MockRouter) -> None:
    """The version of an answer is kept as the server wrote it, for the server alone knows how they are ordered."""
    version = "0f3c4d0e-9d2b-4b7e-8f43-3d7ad3a1c0de"
    respx_mock.put(f"{BASE}/Patient/p").respond(json=ANSWERS["Patient"], headers={"ETag": f'W/"{version}"'})

    async with FhirClient(Server(base=BASE)) as client:
        answer = await client.update({"resourceType": "Patient", "id": "p"}, f'W/"{version}"')

    assert answer.etag == f'W/"{version}"'
    assert respx_mock.calls.last.request.headers["If-Match"] == f'W/"{version}"'


async def test_q41_a_search_is_not_answered_from_memory(respx_mock: respx.MockRouter) -> None:
    """Whether somebody made a resource in between is asked past every cache, page by page."""
    Hospital(respx_mock, batches=False, Condition=searchset(CONDITION, following="Condition?page=1"))

    await pull()

    sent = [call.request for call in respx_mock.calls if call.request.url.path != "/r4/Patient/p"]
    assert {request.headers["Cache-Control"] for request in sent} == {"no-cache"}
    assert any(isinstance(request, httpx.Request) and request.url.params.get("page") for request in sent)
