"""The requests of SMART Backend Services: what is sent, whom it is sent to, and what a refusal tells the operator."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from joserfc import jwt
from joserfc.jwk import KeySet

from service.errors import CandorError, Never
from service.hospital.keys import SigningKey, jwks, make_key
from service.hospital.refusals import Unsent
from service.hospital.token_endpoint import Ask, Client, Granted, discover, request_token
from service.hospital.transport import Transport

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
WHERE = f"{BASE}/.well-known/smart-configuration"
TOKEN_URL = "https://fhir.hospital.example/oauth/token"  # noqa: S105 - an address
NOW = 1_800_000_000.5
GRANTED = {"access_token": "abc", "token_type": "bearer", "expires_in": 300}


@pytest.fixture(scope="module", params=["ES384", "RS384"])
def key(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """Give a key of each kind."""
    return make_key(request.param, tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture
def client(key: SigningKey) -> Client:
    """Give a client that asks for one scope."""
    return Client(id="candor-1", key=key, scope="system/Observation.rs", setting="CANDOR_FHIR")


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Give a way to the network, which respx plays."""
    async with Transport(connections=1, seconds=5) as transport:
        yield transport.send


async def granted(router: respx.MockRouter, client: Client, ask: Ask, **answer: Any) -> Granted:
    """Ask for a token that is answered by ``answer``."""
    router.post(TOKEN_URL).respond(json=answer)
    return await request_token(client, TOKEN_URL, ask, NOW)


async def test_an_assertion_says_who_we_are(respx_mock: respx.MockRouter, client: Client, ask: Ask) -> None:
    """The form is that of the standard; the assertion is signed by our key, for this server, for under five minutes."""
    await granted(respx_mock, client, ask, **GRANTED)
    await granted(respx_mock, client, ask, **GRANTED)

    forms = [parse_qs(call.request.content.decode(), strict_parsing=True) for call in respx_mock.calls]
    [assertion], [again] = (form.pop("client_assertion") for form in forms)
    assert forms[0] == {
        "grant_type": ["client_credentials"],
        "scope": ["system/Observation.rs"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
    }
    published = KeySet.import_key_set(jwks([client.key]))  # type: ignore[arg-type]
    first, second = (
        jwt.decode(each, published, algorithms=[client.key.algorithm]).claims for each in (assertion, again)
    )
    assert first | {"jti": ""} == {
        "iss": "candor-1",
        "sub": "candor-1",
        "aud": TOKEN_URL,
        "exp": 1_800_000_240,
        "jti": "",
    }
    assert first["jti"] != second["jti"]
    assert len(first["jti"]) >= 32


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        ({}, 300),
        ({"expires_in": 60}, 60),
        ({"expires_in": "3600"}, 3600),
        ({"expires_in": 12.5}, 12.5),
        ({"expires_in": -1}, 300),
        ({"expires_in": "soon"}, 300),
        ({"expires_in": None}, 300),
        ({"expires_in": 10**400}, 300),
    ],
)
async def test_how_long_a_token_lives(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, answer: dict[str, Any], life: float
) -> None:
    """The life is what the server says, as number or text; where it says nothing usable, five minutes."""
    token = await granted(respx_mock, client, ask, **{"access_token": "abc", "token_type": "Bearer"} | answer)

    assert (token.header, token.life, token.scope) == ("Bearer abc", life, "system/Observation.rs")


async def test_the_scope_that_is_granted(respx_mock: respx.MockRouter, client: Client, ask: Ask) -> None:
    """What the server says that it granted counts, not what was asked; the token is in no ``repr``."""
    token = await granted(respx_mock, client, ask, **GRANTED, scope="system/Patient.r")

    assert token.scope == "system/Patient.r"
    assert "abc" not in repr(token)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": 1},
        {"access_token": "a\nX: b"},
        {"access_token": "é"},
        {"access_token": "abc", "token_type": "mac"},
    ],
)
async def test_an_answer_without_a_usable_token(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, answer: dict[str, Any]
) -> None:
    """What no header can hold, or is of another kind, is no token."""
    with pytest.raises(Never, match="gives no access token: set CANDOR_FHIR_TOKEN_URL to its token endpoint"):
        await granted(respx_mock, client, ask, **answer)


SECRET = "eyJhbGciOi.secret"  # noqa: S105 - a canary


@pytest.mark.parametrize(
    ("error", "description", "said"),
    [
        ("invalid_client", None, "is registered there with the public key"),
        ("invalid_client", "client authentication failed", "is registered there with the public key"),
        ("invalid_client", f"Signature of {SECRET} is wrong", "It cannot check our signature: register the public key"),
        ("invalid_client", "no key with that kid", "It cannot check our signature"),
        ("invalid_client", "Invalid token audience", "It expects another audience: set CANDOR_FHIR_TOKEN_URL"),
        ("invalid_request", "the aud claim is wrong", "It expects another audience"),
        ("invalid_client", "JWT has expired", "too old or too new: set the clocks"),
        ("invalid_client", "jti was already used", "It has seen our assertion before"),
        ("invalid_scope", f"{SECRET}: no such key", "Have the scopes granted that candor keys show prints"),
        ("unauthorized_client", None, "registered for client_credentials"),
        ("unsupported_grant_type", None, "It offers no SMART Backend Services"),
        ("something_else", None, "gives no access token: HTTP 400 something_else."),
        (SECRET, None, "set CANDOR_FHIR_TOKEN_URL to its token endpoint"),
        (7, None, "set CANDOR_FHIR_TOKEN_URL to its token endpoint"),
    ],
)
async def test_what_a_refusal_tells(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, error: Any, description: str | None, said: str
) -> None:
    """Each refusal says what the operator can do, names our key where it matters, and repeats none of the words."""
    respx_mock.post(TOKEN_URL).respond(400, json={"error": error, "error_description": description})

    with pytest.raises(Never) as refused:
        await request_token(client, TOKEN_URL, ask, NOW)

    assert said in str(refused.value)
    assert SECRET not in str(refused.value)
    assert (client.key.id in str(refused.value)) == ("public key" in said or "signature" in said)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(503, html="<p>down</p>"), Unsent, "HTTP 503"),
        (httpx.Response(429), Unsent, "HTTP 429"),
        (httpx.Response(404, html="<p>no</p>"), Never, "answered HTTP 404"),
        (httpx.Response(200, html="<p>log in</p>"), Never, "answered HTTP 200"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), Never, "answered HTTP 302"),
        (httpx.Response(200, content=b"\xff"), Never, "answered HTTP 200"),
        (httpx.Response(200, json=["abc"]), Never, "answered HTTP 200"),
    ],
)
async def test_answers_that_are_no_oauth(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, answer: httpx.Response, kind: type[Exception], said: str
) -> None:
    """Pages, redirects and other JSON are told from a server that is busy; nothing is followed."""
    respx_mock.post(TOKEN_URL).mock(return_value=answer)

    with pytest.raises(CandorError, match=said) as refused:
        await request_token(client, TOKEN_URL, ask, NOW)

    assert type(refused.value) is kind
    assert len(respx_mock.calls) == 1


@pytest.mark.parametrize(
    "where",
    [
        "https://fhir.hospital.example.evil.test/token",
        "https://evil.test/oauth/token",
        "http://fhir.hospital.example/oauth/token",
        "https://fhir.hospital.example:8443/oauth/token",
        "https://fhir.hospital.example@evil.test/oauth/token",
        "https://FHIR.hospital.example\\@evil.test/token",
        "//evil.test/token",
        "/oauth/token",
        "",
    ],
)
async def test_an_assertion_goes_to_the_same_origin_alone(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, where: str
) -> None:
    """A token endpoint anywhere else has to be set by a person: nothing is sent to it."""
    respx_mock.get(WHERE).respond(json={"token_endpoint": where})

    with pytest.raises(Never, match="of another origin, to which nothing is sent unasked: set CANDOR_FHIR_TOKEN_URL"):
        await discover(client, BASE, ask)


@pytest.mark.parametrize("where", [TOKEN_URL, "https://FHIR.hospital.example:443/oauth/token"])
async def test_the_token_endpoint_of_the_same_origin(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, where: str
) -> None:
    """The endpoint is taken as it is written, for it is the audience too."""
    respx_mock.get(WHERE).respond(json={"token_endpoint": where})

    assert await discover(client, BASE, ask) == where


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404), Never),
        (httpx.Response(200, json={}), Never),
        (httpx.Response(200, html="<p>app</p>"), Never),
        (httpx.Response(502), Unsent),
    ],
)
async def test_a_server_that_tells_no_token_endpoint(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, answer: httpx.Response, kind: type[Exception]
) -> None:
    """A server without a SMART configuration is told from one that is down; the remedy is a setting."""
    respx_mock.get(WHERE).mock(return_value=answer)

    with pytest.raises(CandorError) as refused:
        await discover(client, BASE, ask)

    assert type(refused.value) is kind
    assert ("set CANDOR_FHIR_TOKEN_URL" in str(refused.value)) == (kind is Never)


@pytest.mark.parametrize(
    ("taken", "said"),
    [(["RS256", "PS256"], "none that we can make"), (["RS384", "ES384"], None), ([], None), ("x", None)],
)
async def test_a_server_that_takes_other_signatures(
    respx_mock: respx.MockRouter, client: Client, ask: Ask, taken: Any, said: str | None
) -> None:
    """Where the server lists the signatures that it takes, a key of another kind is refused before it is used."""
    configuration = {"token_endpoint": TOKEN_URL, "token_endpoint_auth_signing_alg_values_supported": taken}
    respx_mock.get(WHERE).respond(json=configuration)

    if said is None:
        assert await discover(client, BASE, ask) == TOKEN_URL
    else:
        with pytest.raises(Never, match=f"CANDOR_FHIR_KEY_FILE: .* takes no signature by .S384; of ours: {said}"):
            await discover(client, BASE, ask)
