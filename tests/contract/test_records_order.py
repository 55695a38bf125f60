"""What is asked beside what, and what is not asked any more: no search for nobody, no other way where none is open."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.errors import InputError
from service.hospital.breaker import Paused
from service.hospital.client import FhirClient, Server
from service.hospital.records import fetch_chart_resources
from tests.hospital import ANSWERS, BASE, PLAN, Hospital, pull

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


class Slow:
    """A server without batches whose searches hang; it knows the patient or not, at once."""

    def __init__(self, router: respx.MockRouter, *, knows: bool) -> None:
        self.searches, self.ended = 0, 0
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
        patient = httpx.Response(200, json=ANSWERS["Patient"]) if knows else httpx.Response(404, json=outcome)
        router.post(BASE).respond(405)
        router.get(f"{BASE}/Patient/p").mock(return_value=patient)
        router.post(url__regex=rf"{BASE}/\w+/_search").mock(side_effect=self._hang)

    async def _hang(self, _: httpx.Request) -> httpx.Response:
        self.searches += 1
        try:
            await asyncio.sleep(30)
        finally:
            self.ended += 1
        raise AssertionError


async def test_nothing_more_is_asked_about_nobody(respx_mock: respx.MockRouter) -> None:
    """Where the patient is unknown the searches that run end with it, and those in the queue are never sent."""
    slow = Slow(respx_mock, knows=False)

    async with FhirClient(Server(base=BASE, connections=2)) as client:
        with pytest.raises(InputError):
            await fetch_chart_resources(client, "p", PLAN)

    assert slow.searches == slow.ended <= 2 < len(PLAN.kinds)


async def test_a_screening_that_is_given_up_asks_nothing_more(respx_mock: respx.MockRouter) -> None:
    """A cancelled fetch takes its searches with it, those in the queue too, and leaves the client usable."""
    slow = Slow(respx_mock, knows=True)

    async with FhirClient(Server(base=BASE, connections=2)) as client:
        fetching = asyncio.create_task(fetch_chart_resources(client, "p", PLAN))
        async with asyncio.timeout(5):
            while slow.searches < 2:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.001)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert await client.read("Patient/p") == ANSWERS["Patient"]

    assert slow.searches == slow.ended == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_no_other_way_is_tried_where_none_is_open(respx_mock: respx.MockRouter, status: int) -> None:
    """A type that we may not read is asked for once, not in every way."""
    hospital = Hospital(respx_mock, batches=False, Observation=status)

    assert (await pull()).failed == {"Observation"}
    assert [kind for kind, _ in hospital.searches].count("Observation") == 1


async def test_a_paused_server_is_not_waited_for(respx_mock: respx.MockRouter) -> None:
    """Whoever asks while a server is left in peace is told at once, though the pause would fit into the budget."""
    respx_mock.get(f"{BASE}/Patient/p").respond(503)

    async with FhirClient(Server(base=BASE, seconds=60, attempts=5)) as client:
        with stamina.set_testing(True, attempts=5), pytest.raises(Exception, match="503"):
            await client.read("Patient/p")
        with stamina.set_testing(False):
            started = time.monotonic()
            with pytest.raises(Paused):
                await client.read("Patient/p")

    assert time.monotonic() - started < 2
