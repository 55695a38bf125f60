"""Access tokens: kept for 80 % of their life, asked for once however many wait, dropped when they are refused."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from service.errors import Never
from service.hospital.keys import make_key
from service.hospital.refusals import Unsent
from service.hospital.token_endpoint import Client
from service.hospital.tokens import BackendServices
from service.hospital.transport import Transport

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
WHERE = f"{BASE}/.well-known/smart-configuration"
TOKEN_URL = "https://fhir.hospital.example/oauth/token"  # noqa: S105 - an address
LIFE = 300


class Clock:
    """A clock that the test turns."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Issuer:
    """An authorisation server that numbers its tokens, or answers ``refusal``."""

    def __init__(self, router: respx.MockRouter) -> None:
        """Answer discovery and token requests."""
        self.asked, self.being_asked = 0, asyncio.Event()
        self.refusal: httpx.Response | None = None
        self.found = router.get(WHERE).respond(json={"token_endpoint": TOKEN_URL})
        router.post(TOKEN_URL).mock(side_effect=self._answer)

    async def _answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.being_asked.set()
        await asyncio.sleep(0)  # so that others come to wait
        token = {"access_token": str(self.asked), "token_type": "Bearer", "expires_in": LIFE, "scope": "system/*.rs"}
        return self.refusal or httpx.Response(200, json=token)


@pytest.fixture
def issuer(respx_mock: respx.MockRouter) -> Issuer:
    """Give the authorisation server."""
    return Issuer(respx_mock)


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
async def tokens(issuer: Issuer, clock: Clock, tmp_path: Path) -> AsyncIterator[BackendServices]:
    """Give the credentials of one client."""
    client = Client(id="candor", key=make_key("ES384", tmp_path / "key.pem"), scope="system/*.rs")
    async with Transport(connections=1, seconds=30) as transport:
        yield BackendServices(client, BASE, transport.send, clock)


@pytest.mark.parametrize(
    ("age", "header"), [(0, "Bearer 1"), (239.9, "Bearer 1"), (240, "Bearer 2"), (900, "Bearer 2")]
)
async def test_a_token_is_renewed_at_four_fifths_of_its_life(
    tokens: BackendServices, clock: Clock, age: float, header: str
) -> None:
    """The same token serves until 80 % of its life is over; then another is asked for, before the old one ends."""
    await tokens.header()
    clock.now += age

    assert await tokens.header() == header


async def test_the_token_endpoint_is_looked_up_once(tokens: BackendServices, clock: Clock, issuer: Issuer) -> None:
    """Renewing asks the authorisation server alone."""
    await tokens.header()
    clock.now += LIFE
    await tokens.header()

    assert (issuer.found.call_count, issuer.asked) == (1, 2)


async def test_fifty_callers_ask_once(tokens: BackendServices, issuer: Issuer) -> None:
    """However many requests wait for the first token, it is asked for once and they all get it."""
    headers = await asyncio.gather(*(tokens.header() for _ in range(50)))

    assert set(headers) == {"Bearer 1"}
    assert issuer.asked == 1


@pytest.mark.parametrize(
    ("refusal", "kind"), [(httpx.Response(503), Unsent), (httpx.Response(400, json={"error": "x"}), Never)]
)
async def test_fifty_callers_share_a_refusal(
    tokens: BackendServices, issuer: Issuer, refusal: httpx.Response, kind: type[Exception]
) -> None:
    """A refusal is told to all that waited for it, rather than asked for once each; the next caller asks anew."""
    issuer.refusal = refusal

    answers = await asyncio.gather(*(tokens.header() for _ in range(50)), return_exceptions=True)

    assert {type(answer) for answer in answers} == {kind}
    assert issuer.asked == 1
    issuer.refusal = None
    assert await tokens.header() == "Bearer 2"


async def test_a_caller_who_gives_up_leaves_the_others_theirs(tokens: BackendServices, issuer: Issuer) -> None:
    """Where whoever was asking is cancelled, the next one that waits asks."""
    first = asyncio.create_task(tokens.header())
    others = [asyncio.create_task(tokens.header()) for _ in range(3)]
    await issuer.being_asked.wait()
    first.cancel()

    headers = await asyncio.gather(*others)

    assert first.cancelled()
    assert set(headers) == {"Bearer 2"}


async def test_a_refused_token_is_forgotten_once(tokens: BackendServices, issuer: Issuer) -> None:
    """Many requests that were refused with one token make one new token, not one each."""
    header = await tokens.header()

    async def after_a_401() -> str:
        assert await tokens.rejected(header)
        return await tokens.header()

    headers = await asyncio.gather(*(after_a_401() for _ in range(20)))
    late = await after_a_401()

    assert {*headers, late} == {"Bearer 2"}
    assert issuer.asked == 2


async def test_a_server_that_asks_for_a_rest_gets_it(tokens: BackendServices, issuer: Issuer, clock: Clock) -> None:
    """A busy authorisation server's Retry-After travels on, and until then nobody asks it again."""
    issuer.refusal = httpx.Response(429, headers={"Retry-After": "7"})
    with pytest.raises(Unsent) as later:
        await tokens.header()
    issuer.refusal = None
    clock.now += 6.9
    with pytest.raises(Unsent):
        await tokens.header()
    clock.now += 0.1

    header = await tokens.header()

    assert later.value.retry_after == 7
    assert (header, issuer.asked) == ("Bearer 2", 2)


async def test_a_broken_connection_is_as_if_nothing_was_sent(
    tokens: BackendServices, respx_mock: respx.MockRouter
) -> None:
    """Where the token request breaks off, even a write may be tried again: it has not been sent yet."""
    respx_mock.post(TOKEN_URL).mock(side_effect=httpx.ReadError("x"))

    with pytest.raises(Unsent):
        await tokens.header()


async def test_no_secret_is_logged_or_printed(
    tokens: BackendServices, caplog: pytest.LogCaptureFixture, respx_mock: respx.MockRouter
) -> None:
    """Whatever is logged, down to the HTTP library's own words, holds neither token nor assertion; ``repr`` neither."""
    caplog.set_level(logging.DEBUG)
    respx_mock.post(TOKEN_URL).respond(json={"access_token": "s3cret", "token_type": "bearer"})

    granted = await tokens.granted()

    assertion = parse_qs(respx_mock.calls.last.request.content.decode())["client_assertion"][0]
    said = caplog.text + repr(granted) + str(granted) + repr(tokens) + repr(tokens.client)
    assert "s3cret" not in said
    assert assertion not in said
    assert granted.header == "Bearer s3cret"
