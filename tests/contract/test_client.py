"""The FHIR client on the wire: what is sent, repeated, waited for, refused, and never said."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
import respx
import stamina

from service.errors import Never, SettingError, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.credentials import bearer

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
SERVER = Server(base=BASE, credentials=bearer("t0ken"))
BUNDLE = {"resourceType": "Bundle", "type": "searchset"}
PATIENT = {"resourceType": "Patient", "id": "p"}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses, as often as the server's settings say."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield


def outcome(code: str, text: str) -> dict[str, object]:
    """Return an OperationOutcome."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


async def test_a_search_goes_by_post_past_every_cache(respx_mock: respx.MockRouter) -> None:
    """Parameters travel in the body, with the token, asking for fresh results."""
    route = respx_mock.post(f"{BASE}/Observation/_search").respond(json=BUNDLE)

    async with FhirClient(SERVER) as client:
        page = await client.search("Observation", [("patient", "p"), ("combo-code", "1988-5,718-7")])

    request = route.calls.last.request
    assert page == BUNDLE
    assert request.content == b"patient=p&combo-code=1988-5%2C718-7"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Cache-Control"] == "no-cache"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Accept"] == "application/fhir+json"


async def test_a_server_without_post_search_is_asked_by_get(respx_mock: respx.MockRouter) -> None:
    """Where POST _search is unknown (Epic: 404), GET is used, and from then on at once."""
    post = respx_mock.post(f"{BASE}/MedicationRequest/_search").respond(404)
    get = respx_mock.get(f"{BASE}/MedicationRequest", params={"patient": "p"}).respond(json=BUNDLE)

    async with FhirClient(SERVER) as client:
        await client.search("MedicationRequest", [("patient", "p")])
        await client.search("MedicationRequest", [("patient", "p")])

    assert (post.call_count, get.call_count) == (1, 2)


async def test_a_redirect_is_not_followed(respx_mock: respx.MockRouter) -> None:
    """A redirect is an error that says what to do: the token stays where it belongs."""
    respx_mock.get(f"{BASE}/Patient/p").respond(307, headers={"Location": "https://attacker.example/"})

    async with FhirClient(SERVER) as client:
        with pytest.raises(Never, match="Redirects are not followed"):
            await client.read("Patient/p")

    assert len(respx_mock.calls) == 1


async def test_the_token_goes_nowhere_else(respx_mock: respx.MockRouter) -> None:
    """A link to another server is refused before anything is sent."""
    async with FhirClient(SERVER) as client:
        for link in ("https://attacker.example/r4?page=2", "//attacker.example/r4", "../admin", "//[x"):
            with pytest.raises(Never, match="another server"):
                await client.follow(link)

    assert not respx_mock.calls


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(200, text="<html>sign in</html>", headers={"Content-Type": "text/html"}), Never),
        (httpx.Response(200, text='{"resourceType": "Pat'), TryLater),
        (httpx.Response(200, text="[]"), Never),
        (httpx.Response(200, text='{"hello": 1}'), Never),
    ],
    ids=["web page", "cut short", "no object", "no resource"],
)
async def test_an_answer_that_is_no_fhir(
    respx_mock: respx.MockRouter, response: httpx.Response, error: type[Exception]
) -> None:
    """A web page, or JSON of another kind, means a wrong URL; broken JSON may be whole the next time."""
    respx_mock.get(f"{BASE}/Patient/p").mock(return_value=response)

    async with FhirClient(SERVER) as client:
        with pytest.raises(error):
            await client.read("Patient/p")


async def test_a_slow_drip_ends_in_time(respx_mock: respx.MockRouter) -> None:
    """The budget ends an answer that never does."""

    async def drip(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    respx_mock.get(f"{BASE}/Patient/p").mock(side_effect=drip)

    async with FhirClient(Server(base=BASE, seconds=0.05, attempts=1)) as client:
        with pytest.raises(TryLater, match="too slow"):
            await client.read("Patient/p")


async def test_no_more_connections_than_permitted(respx_mock: respx.MockRouter) -> None:
    """However many questions wait, no more than the permitted number is asked at a time."""
    running, most = 0, 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return httpx.Response(200, json=PATIENT)

    respx_mock.get(f"{BASE}/Patient/p").mock(side_effect=answer)

    async with FhirClient(Server(base=BASE, connections=3)) as client:
        await asyncio.gather(*(client.read("Patient/p") for _ in range(12)))

    assert most == 3


async def test_errors_and_logs_hold_nothing_of_the_patient(
    respx_mock: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids, names and clinical words of the server's answer, the URL and the token stay out of messages and logs."""
    told = outcome("forbidden", "HAPI-0333: Patient/secret-7 Marie Curie has scleroderma")
    respx_mock.get(f"{BASE}/Patient/secret-7").respond(403, json=told)
    caplog.set_level(logging.DEBUG)

    async with FhirClient(SERVER) as client:
        with pytest.raises(Never) as refused:
            await client.read("Patient/secret-7")

    said = str(refused.value)
    assert said == (
        "fhir.hospital.example refused the read of Patient: HTTP 403 (error forbidden HAPI-0333)."
        " Ask for the scope that allows it."
    )
    for secret in ("secret-7", "Marie", "scleroderma", "t0ken"):
        assert secret not in caplog.text
    assert "t0ken" not in repr(SERVER)


async def test_single_writes_carry_their_conditions(respx_mock: respx.MockRouter) -> None:
    """A creation carries If-None-Exist, an update If-Match and its id in the URL."""
    create = respx_mock.post(f"{BASE}/Patient").respond(201, json=PATIENT, headers={"ETag": 'W/"1"'})
    update = respx_mock.put(f"{BASE}/Patient/p").respond(200, json=PATIENT)

    async with FhirClient(SERVER) as client:
        answer = await client.create({"resourceType": "Patient"}, "identifier=urn:x|1")
        await client.update(PATIENT, 'W/"1"')

    assert (answer.status, answer.etag) == (201, 'W/"1"')
    assert create.calls.last.request.headers["If-None-Exist"] == "identifier=urn:x|1"
    assert update.calls.last.request.headers["If-Match"] == 'W/"1"'
    assert json.loads(update.calls.last.request.content) == PATIENT


def test_a_base_that_is_no_url_is_a_wrong_setting() -> None:
    """A base URL that cannot be used is refused at once, without being repeated in the message."""
    with pytest.raises(SettingError, match="cannot be used"):
        FhirClient(Server(base="https://user:word@fhir.hospital.example/r4"))
