"""Answers that no server should give, and what one caller learns of a server for the others."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.errors import Never
from service.hospital.client import FhirClient, Server
from service.hospital.credentials import bearer
from service.hospital.pages import all_pages
from service.hospital.records import fetch_chart_resources
from tests.hospital import ANSWERS, BASE, CONDITION, HEALTHY, PLAN, Answer, Hospital, ids, pull, record, searchset

pytestmark = pytest.mark.anyio

SERVER = Server(base=BASE)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        searchset(CONDITION) | {"entry": [{"resource": CONDITION}, {"resource": {"id": "c9"}}]},
        searchset(CONDITION) | {"entry": [{"resource": CONDITION}, {"resource": {"resourceType": ["x"], "id": "c9"}}]},
        searchset(CONDITION, following=f"Condition?page={'2' * 70_000}"),
        searchset(record("Condition", "c1", meta={"versionId": "1"}), following="Condition?page=2", total=2),
    ],
    ids=["no type", "type in a list", "link without end", "two versions of one"],
)
async def test_a_page_that_is_odd_marks_its_type(respx_mock: respx.MockRouter, answer: Answer, batches: bool) -> None:
    """What can be read is kept, and the type is marked as incomplete."""
    second = searchset(record("Condition", "c1", meta={"versionId": "2"}), total=2)
    Hospital(respx_mock, batches=batches, Condition=lambda params: second if "page" in params else answer)

    pulled = await pull()

    assert set(ids(pulled)) == set(HEALTHY)
    assert pulled.failed == {"Condition"}


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("answer", [{}, {"id": "p"}, searchset()], ids=["nothing", "no type", "Bundle"])
async def test_a_patient_that_is_none(respx_mock: respx.MockRouter, answer: Answer, batches: bool) -> None:
    """Where something else comes instead of the Patient there is no chart, and the error says so."""
    Hospital(respx_mock, batches=batches, Patient=answer)

    with pytest.raises(Never, match="answered the read of Patient"):
        await pull()


async def test_an_empty_answer_is_no_patient(respx_mock: respx.MockRouter) -> None:
    """A server that answers 200 and nothing has not answered."""
    Hospital(respx_mock, batches=False, Patient=httpx.Response(200))

    with pytest.raises(Never, match="answered the read of Patient with no Patient"):
        await pull()


async def test_half_a_character_in_a_link(respx_mock: respx.MockRouter) -> None:
    """A link that cannot be sent leads nowhere."""
    Hospital(respx_mock, batches=False)

    async with FhirClient(SERVER) as client:
        found = await all_pages(client, searchset(CONDITION, following="Condition?page=\ud800"))

    assert not found.complete


async def test_cookies_are_not_kept(respx_mock: respx.MockRouter) -> None:
    """A session that the server opens for one caller's token is not shown with another's."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(
        json=ANSWERS["Patient"], headers={"Set-Cookie": "JSESSIONID=of-a; Path=/"}
    )

    async with FhirClient(SERVER) as client:
        await client.lent(bearer("a")).read("Patient/p")
        await client.lent(bearer("b")).read("Patient/p")

    assert [call.request.headers.get("Cookie") for call in route.calls] == [None, None]


@pytest.mark.parametrize(("status", "again"), [(401, True), (403, True), (400, False), (404, False), (501, False)])
async def test_who_was_turned_away_speaks_for_nobody_else(
    respx_mock: respx.MockRouter, status: int, again: bool
) -> None:
    """A batch that one caller may not send is tried for the next one; where the server has none, it is not."""
    Hospital(respx_mock, batches=True)
    batch = respx_mock.post(BASE).respond(status)

    async with FhirClient(SERVER) as client:
        for token in ("a", "b"):
            await fetch_chart_resources(client.lent(bearer(token)), "p", PLAN)

    assert batch.call_count == 1 + again


async def test_a_server_describes_itself_once(respx_mock: respx.MockRouter) -> None:
    """What it says of itself is asked for by one caller, and known to all."""
    route = respx_mock.get(f"{BASE}/metadata").respond(json=ANSWERS["metadata"])

    async with FhirClient(SERVER) as client:
        for token in ("a", "b"):
            await client.lent(bearer(token)).capabilities()
        await client.capabilities()

    assert route.call_count == 1
