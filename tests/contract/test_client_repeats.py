"""What the client sends again and what it never does: waits, credentials, servers that are down, cancelled calls."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.errors import Never, TryLater
from service.hospital.breaker import Paused
from service.hospital.client import FhirClient, Server
from service.hospital.refusals import Conflict, Refused

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
SERVER = Server(base=BASE)
BUNDLE = {"resourceType": "Bundle", "type": "searchset"}
PATIENT = {"resourceType": "Patient", "id": "p"}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses, as often as the server's settings say."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_read_is_repeated_while_the_server_is_busy(respx_mock: respx.MockRouter, status: int) -> None:
    """What may pass is asked again, and the good answer counts."""
    route = respx_mock.get(f"{BASE}/Patient/p")
    route.side_effect = [httpx.Response(status), httpx.ReadError("x"), httpx.Response(200, json=PATIENT)]

    async with FhirClient(SERVER) as client:
        assert await client.read("Patient/p") == PATIENT


async def test_repeats_come_to_an_end(respx_mock: respx.MockRouter) -> None:
    """After the attempts of the settings the caller is told to try later."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(503)

    async with FhirClient(SERVER) as client:
        with pytest.raises(TryLater, match="HTTP 503"):
            await client.read("Patient/p")

    assert route.call_count == SERVER.attempts


async def test_a_long_wait_is_left_to_the_caller(respx_mock: respx.MockRouter) -> None:
    """A Retry-After beyond the time budget is not waited for: the error carries it."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(503, headers={"Retry-After": "7200"})

    async with FhirClient(SERVER) as client:
        with pytest.raises(TryLater) as refused:
            await client.read("Patient/p")

    assert (refused.value.retry_after, route.call_count) == (7200, 1)


async def test_a_short_wait_is_kept(respx_mock: respx.MockRouter) -> None:
    """A Retry-After within the budget is waited for."""
    route = respx_mock.get(f"{BASE}/Patient/p")
    route.side_effect = [httpx.Response(429, headers={"Retry-After": "1"}), httpx.Response(200, json=PATIENT)]
    started = time.monotonic()

    with stamina.set_testing(False):
        async with FhirClient(SERVER) as client:
            await client.read("Patient/p")

    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("failure", [httpx.Response(503), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_a_write_that_may_have_been_done_is_not_repeated(
    respx_mock: respx.MockRouter, failure: httpx.Response | Exception
) -> None:
    """After an answer that leaves open what was done, a transaction is not sent again."""
    route = respx_mock.post(BASE)
    route.side_effect = [failure, httpx.Response(200, json=BUNDLE)]

    async with FhirClient(SERVER) as client:
        with pytest.raises(TryLater):
            await client.transaction(BUNDLE)

    assert route.call_count == 1


@pytest.mark.parametrize("failure", [httpx.Response(429), httpx.ConnectError("x"), httpx.ConnectTimeout("x")])
async def test_a_write_that_was_not_begun_is_repeated(
    respx_mock: respx.MockRouter, failure: httpx.Response | Exception
) -> None:
    """Where nothing was done for sure, a transaction is sent again."""
    respx_mock.post(BASE).side_effect = [failure, httpx.Response(200, json=BUNDLE)]

    async with FhirClient(SERVER) as client:
        assert await client.transaction(BUNDLE) == BUNDLE


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, Refused), (403, Refused), (404, Refused), (409, Conflict), (412, Conflict), (422, Refused)],
)
async def test_a_refusal_is_final(respx_mock: respx.MockRouter, status: int, kind: type[Refused]) -> None:
    """Other statuses are for good, and are not asked again; 409 and 412 say that somebody else was first."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(status)

    async with FhirClient(SERVER) as client:
        with pytest.raises(Never) as refused:
            await client.read("Patient/p")

    assert type(refused.value) is kind
    assert isinstance(refused.value, Refused)
    assert (refused.value.status, route.call_count) == (status, 1)


class Renewed:
    """Credentials that are renewed when a server rejects them, at most ``spare`` times."""

    def __init__(self, spare: int) -> None:
        self.number, self.spare, self.forgotten = 1, spare, []

    async def header(self) -> str:
        """Return the newest."""
        return f"Bearer {self.number}"

    async def rejected(self, header: str) -> bool:
        """Take the next, if there is one."""
        self.forgotten.append(header)
        self.number += 1
        return self.number <= self.spare + 1


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_what_was_rejected_is_renewed_once(respx_mock: respx.MockRouter, write: bool) -> None:
    """After a 401 a request is sent once more with other credentials, a write too: a 401 did nothing."""
    route = respx_mock.route(url__startswith=BASE)
    route.side_effect = [httpx.Response(401), httpx.Response(200, json=PATIENT)]
    credentials = Renewed(1)

    async with FhirClient(Server(base=BASE, credentials=credentials)) as client:
        assert await (client.transaction(BUNDLE) if write else client.read("Patient/p")) == PATIENT

    assert [call.request.headers["Authorization"] for call in route.calls] == ["Bearer 1", "Bearer 2"]
    assert credentials.forgotten == ["Bearer 1"]


@pytest.mark.parametrize("spare", [0, 9])
async def test_a_server_that_rejects_everything_is_not_asked_on(respx_mock: respx.MockRouter, spare: int) -> None:
    """A second 401, or one without other credentials to be had, is for good."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(401)

    async with FhirClient(Server(base=BASE, credentials=Renewed(spare))) as client:
        with pytest.raises(Refused, match=r"401.*Check the token"):
            await client.read("Patient/p")

    assert route.call_count == (1 if spare == 0 else 2)


async def test_a_server_without_credentials_is_shown_none(respx_mock: respx.MockRouter) -> None:
    """Nothing is authorised where nothing is set."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(json=PATIENT)

    async with FhirClient(Server(base=BASE)) as client:
        await client.read("Patient/p")

    assert "Authorization" not in route.calls.last.request.headers


async def test_waits_are_added_up(respx_mock: respx.MockRouter) -> None:
    """Waits that a server asks for come out of one budget: once it is used up, the caller is told."""
    route = respx_mock.get(f"{BASE}/Patient/p").respond(429, headers={"Retry-After": "1"})

    with stamina.set_testing(False):
        async with FhirClient(Server(base=BASE, seconds=1.9, attempts=9)) as client:
            with pytest.raises(TryLater):
                await client.read("Patient/p")

    assert route.call_count == 2


async def test_a_server_that_is_down_is_left_in_peace(respx_mock: respx.MockRouter) -> None:
    """After five failures in a row nothing is sent for a while, and the callers are told so at once."""
    route = respx_mock.get(f"{BASE}/Patient/p").mock(side_effect=httpx.ConnectError("x"))

    async with FhirClient(SERVER) as client:
        for _ in range(2):
            with pytest.raises(TryLater):
                await client.read("Patient/p")
        with pytest.raises(Paused) as refused:
            await client.read("Patient/p")

    assert route.call_count == 5
    assert 25 < (refused.value.retry_after or 0) <= 30


async def test_one_good_answer_ends_a_row_of_failures(respx_mock: respx.MockRouter) -> None:
    """Failures with answers between them, of whatever status, do not pause a server."""
    route = respx_mock.get(f"{BASE}/Patient/p")
    route.side_effect = [httpx.Response(503)] * 4 + [httpx.Response(404)] + [httpx.Response(503)] * 4

    async with FhirClient(SERVER) as client:
        for error in (TryLater, Refused, TryLater):
            with pytest.raises(error):
                await client.read("Patient/p")

    assert route.call_count == 9


async def test_an_error_of_one_request_pauses_nothing(respx_mock: respx.MockRouter) -> None:
    """HTTP 500 may be about one record: others are asked for all the same."""
    broken = respx_mock.get(f"{BASE}/Patient/broken").respond(500)
    respx_mock.get(f"{BASE}/Patient/p").respond(json=PATIENT)

    async with FhirClient(SERVER) as client:
        for _ in range(3):
            with pytest.raises(TryLater):
                await client.read("Patient/broken")
        assert await client.read("Patient/p") == PATIENT

    assert broken.call_count == 3 * SERVER.attempts


async def test_a_server_that_asks_for_a_rest_gets_it(respx_mock: respx.MockRouter) -> None:
    """After a Retry-After beyond the budget no other request is sent either."""
    respx_mock.get(f"{BASE}/Patient/p").respond(429, headers={"Retry-After": "600"})
    other = respx_mock.get(f"{BASE}/Patient/q").respond(json=PATIENT)

    async with FhirClient(SERVER) as client:
        for place in ("Patient/p", "Patient/q"):
            with pytest.raises(TryLater) as refused:
                await client.read(place)
            assert 590 < (refused.value.retry_after or 0) <= 600

    assert not other.called


async def test_a_cancelled_call_sends_nothing_more_and_gives_its_place_back(respx_mock: respx.MockRouter) -> None:
    """Who gives up frees the one permitted connection, whether waiting for the server, for the place or for a retry."""
    sent: asyncio.Queue[str] = asyncio.Queue()

    async def answer(request: httpx.Request) -> httpx.Response:
        sent.put_nowait(request.url.path)
        if request.url.path.endswith("slow"):
            await asyncio.sleep(30)
        return httpx.Response(503 if request.url.path.endswith("busy") else 200, json=PATIENT)

    respx_mock.route().mock(side_effect=answer)

    with stamina.set_testing(False):
        async with FhirClient(Server(base=BASE, connections=1)) as client:
            calls = []
            for place in ("busy", "slow"):
                calls.append(asyncio.create_task(client.read(f"Patient/{place}")))
                assert await sent.get() == f"/r4/Patient/{place}"
            calls.append(asyncio.create_task(client.read("Patient/queued")))
            await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert await client.read("Patient/p") == PATIENT

    assert [type(end) for end in ends] == [asyncio.CancelledError] * 3
    assert (await sent.get(), sent.empty()) == ("/r4/Patient/p", True)


async def test_an_answer_without_end_is_no_answer(
    respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would fill the memory is given up, with the setting to change."""
    monkeypatch.setattr("service.hospital.transport._MOST_BYTES", 100)
    respx_mock.get(f"{BASE}/Patient/p").respond(json=PATIENT | {"text": "x" * 200})

    async with FhirClient(SERVER) as client:
        with pytest.raises(Never, match="page size"):
            await client.read("Patient/p")
