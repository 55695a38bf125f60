"""SMART Backend Services against a real authorisation server: what it accepts, refuses and forgets, and what we say."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from secrets import token_hex
from typing import Any

import httpx
import pytest

from service.errors import Never
from service.hospital.client import FhirClient, Server
from service.hospital.keys import make_key
from service.hospital.token_endpoint import ASSERTION_TYPE, Ask, Client
from service.hospital.tokens import BackendServices
from service.hospital.transport import Reply, Transport
from tests.servers.guarded import READING, Guarded

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

HOUR = 3_600


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Give a way to the authorisation server."""
    async with Transport(connections=2, seconds=30) as transport:
        yield transport.send


@pytest.fixture
def known(guarded: Guarded, ask: Ask) -> Callable[..., BackendServices]:
    """Give credentials of a client, with what is to be wrong about them."""
    guarded.seen()  # what was before does not count

    def credentials(client: str = "es", **wrong: Any) -> BackendServices:
        ways = {"ask": wrong.pop("ask", ask), "clock": wrong.pop("clock", time.time)}
        about = {"id": client, "key": guarded.key(client), "scope": READING} | wrong
        return BackendServices(Client(**about), guarded.base, **ways)

    return credentials


def patient(client: FhirClient) -> Any:
    """Search for patients, for which the door asks for a token."""
    return client.search("Patient", [("_count", "1")])


@pytest.mark.parametrize("client", ["es", "rs"])
async def test_both_kinds_of_signature_open_the_door(
    guarded: Guarded, known: Callable[..., BackendServices], client: str
) -> None:
    """ES384 and RS384 are accepted, and the FHIR server answers who shows the token and nobody else."""
    async with FhirClient(Server(base=guarded.base, credentials=known(client))) as fhir:
        assert (await patient(fhir))["resourceType"] == "Bundle"
    async with FhirClient(Server(base=guarded.base)) as stranger:
        with pytest.raises(Never, match="HTTP 401"):
            await patient(stranger)

    assert guarded.seen() == {"granted": 1, "refused": [], "turned_away": 1}


async def test_fifty_requests_at_once_take_one_token(guarded: Guarded, known: Callable[..., BackendServices]) -> None:
    """However many requests begin together, one token is asked for."""
    async with FhirClient(Server(base=guarded.base, credentials=known())) as fhir:
        await asyncio.gather(*(patient(fhir) for _ in range(50)))

    assert guarded.seen() == {"granted": 1, "refused": [], "turned_away": 0}


async def test_a_token_that_ends_during_a_run_is_renewed(
    guarded: Guarded, known: Callable[..., BackendServices]
) -> None:
    """With tokens that live for two seconds, requests over four seconds are all answered."""
    async with FhirClient(Server(base=guarded.base, credentials=known("hasty"))) as fhir:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert (await patient(fhir))["resourceType"] == "Bundle"
            await asyncio.sleep(0.1)

    seen = guarded.seen()
    assert seen["granted"] >= 3
    assert seen["refused"] == []


async def test_a_token_that_the_server_has_forgotten_is_asked_for_anew(
    guarded: Guarded, known: Callable[..., BackendServices]
) -> None:
    """Where a token is revoked, the 401 makes one new token, and the caller does not notice."""
    credentials = known()
    async with FhirClient(Server(base=guarded.base, credentials=credentials)) as fhir:
        await patient(fhir)
        revoke(guarded, await credentials.header())

        assert (await patient(fhir))["resourceType"] == "Bundle"

    assert guarded.seen() == {"granted": 2, "refused": [], "turned_away": 1}


def revoke(guarded: Guarded, header: str) -> None:
    """Have the server forget a token (RFC 7009)."""
    claims = {"iss": "es", "sub": "es", "aud": guarded.token_url, "exp": int(time.time()) + 60, "jti": header}
    form = {
        "token": header.removeprefix("Bearer "),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": guarded.key("es").sign(claims),
    }
    httpx.post(f"{guarded.token_url}/revocation", data=form).raise_for_status()


def twice(ask: Ask) -> Ask:
    """Repeat each request for a token, as a proxy may that believes the first one lost."""

    async def repeat(
        method: str, url: str, what: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        if method == "POST":
            await ask(method, url, what, headers, content)
        return await ask(method, url, what, headers, content)

    return repeat


NOT_KNOWN = "HTTP 401 invalid_client. See that CANDOR_FHIR_CLIENT_ID is registered there with the public key"


@pytest.mark.parametrize(
    ("wrong", "reason", "said"),
    [
        ({"clock": lambda: time.time() - HOUR}, "jwt expired", NOT_KNOWN),
        ({"id": "nobody"}, "client not found", NOT_KNOWN),
        ({"key": "strange"}, "no applicable key found in the JSON Web Key Set", NOT_KNOWN),
        ({"path": "/token?tenant=1"}, "audience (aud) must equal the endpoint url", NOT_KNOWN),
        ({"ask": "twice"}, "client assertion tokens must only be used once", NOT_KNOWN),
        ({"client": "narrow"}, "requested scope is not allowed", "Have the scopes granted that candor keys show"),
        ({"path": "/nowhere"}, "", "HTTP 404 and gives no access token: set CANDOR_FHIR_TOKEN_URL"),
    ],
    ids=["expired", "unknown client", "wrong key", "wrong audience", "replayed jti", "missing scope", "wrong URL"],
)
async def test_what_is_refused(
    guarded: Guarded, known: Callable[..., BackendServices], ask: Ask, wrong: dict[str, Any], reason: str, said: str
) -> None:
    """The server refuses for the reason that we meant, and the operator is told what to look at."""
    if wrong.get("key") == "strange":
        wrong = {"key": make_key("ES384", guarded.keys["es"].with_name(f"{token_hex(4)}.pem"))}
    elif wrong.get("ask") == "twice":
        wrong = {"ask": twice(ask)}
    elif "path" in wrong:
        wrong = {"token_url": guarded.token_url.removesuffix("/token") + wrong["path"]}

    with pytest.raises(Never) as refused:
        await known(**wrong).header()

    assert said in str(refused.value)
    assert "".join(guarded.seen()["refused"]).startswith(reason)
