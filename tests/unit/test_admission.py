"""What an operator is told about the way in at a server: token, scopes, and whether a question is answered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import stamina

from service.access import hospital_servers
from service.admission import Told, admission
from service.config import Access, Settings, Token, Url
from service.hospital.keys import make_key

pytestmark = pytest.mark.anyio

BASE = Url("https://fhir.hospital.example/r4")
TOKEN_URL = "https://fhir.hospital.example/token"  # noqa: S105 - an address
SCOPE = "system/Patient.rs system/Observation.rs"
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "total": 7}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def smart(tmp_path: Path, respx_mock: respx.MockRouter) -> Access:
    """Give the settings of a client, at a server that tells where its tokens are had."""
    make_key("ES384", tmp_path / "key.pem")
    respx_mock.get(f"{BASE}/.well-known/smart-configuration").respond(json={"token_endpoint": TOKEN_URL})
    return Access(client_id="candor-1", key_file=tmp_path / "key.pem", scope=SCOPE)


def patients(router: respx.MockRouter, status: int = 200) -> respx.Route:
    """Answer how many patients there are."""
    return router.post(f"{BASE}/Patient/_search").respond(status, json=BUNDLE if status == 200 else {})


async def told(access: Access) -> list[Told]:
    """Return what the operator is told."""
    server = hospital_servers(Settings(fhir_url=BASE, fhir=access)).reads
    assert server is not None
    return await admission(server)


async def test_a_client_that_is_let_in(respx_mock: respx.MockRouter, smart: Access) -> None:
    """A token with all scopes is good, and the number of patients is all that is asked for."""
    respx_mock.post(TOKEN_URL).respond(json={"access_token": "abc", "token_type": "bearer", "expires_in": 300})
    asked = patients(respx_mock)

    lines = await told(smart)

    assert lines == [Told(True, "a token for 300 seconds, with every scope that was asked for.")]
    assert asked.calls.last.request.content == b"_summary=count"
    assert asked.calls.last.request.headers["Authorization"] == "Bearer abc"


async def test_a_scope_that_is_missing(respx_mock: respx.MockRouter, smart: Access) -> None:
    """A server that grants less than was asked for is told by the scopes that lack, before a search fails."""
    answer = {"access_token": "abc", "token_type": "bearer", "scope": "system/Patient.read launch"}
    respx_mock.post(TOKEN_URL).respond(json=answer)
    patients(respx_mock)

    [line] = await told(smart)

    assert (line.good, line.later, line.what) == (False, False, "not granted: system/Observation.rs.")
    assert line.remedy == "Have them granted to client candor-1, or set CANDOR_FHIR_SCOPE to what is needed here."


async def test_a_client_that_gets_no_token(respx_mock: respx.MockRouter, smart: Access) -> None:
    """Where there is no token, its reason is all that is told: the server is not asked without it."""
    respx_mock.post(TOKEN_URL).respond(401, json={"error": "invalid_client"})

    [line] = await told(smart)

    assert (line.good, line.later) == (False, False)
    assert "gives no access token: HTTP 401 invalid_client" in line.what


async def test_an_authorisation_server_that_is_down(respx_mock: respx.MockRouter, smart: Access) -> None:
    """What may pass is told apart from what a person has to repair."""
    respx_mock.post(TOKEN_URL).respond(503)

    [line] = await told(smart)

    assert (line.good, line.later) == (False, True)


@pytest.mark.parametrize(
    ("access", "status", "lines"),
    [
        ({"token": Token("x")}, 200, []),
        ({"token": Token("x")}, 400, []),
        ({"token": Token("x")}, 401, [("HTTP 401. Check the token.", "")]),
        ({"token": Token("x")}, 403, [("HTTP 403. Ask for the scope", "")]),
        ({}, 401, [("HTTP 401. Check the token.", "Set a token, a password or a client id and key.")]),
    ],
)
async def test_a_server_that_turns_us_away(
    respx_mock: respx.MockRouter, access: dict[str, Any], status: int, lines: list[tuple[str, str]]
) -> None:
    """A wrong token shows in a search, where the CapabilityStatement is open to all; other refusals do not count."""
    patients(respx_mock, status)

    answer = await told(Access(**access))

    assert [(said in line.what, line.remedy, line.good) for line, (said, _) in zip(answer, lines, strict=True)] == [
        (True, remedy, False) for _, remedy in lines
    ]


async def test_a_server_that_cannot_be_reached(respx_mock: respx.MockRouter) -> None:
    """A connection that is refused may pass."""
    respx_mock.post(f"{BASE}/Patient/_search").mock(side_effect=httpx.ConnectError("x"))

    [line] = await told(Access())

    assert (line.good, line.later) == (False, True)
