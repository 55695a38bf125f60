"""Access tokens: of whom one is believed, and every way in which one is not for us and for now."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from functools import partial
from time import time
from typing import Any

import pytest
from joserfc.jwk import OctKey

from service.errors import Never
from service.trust.bearers import Bearers, NoToken, fetch_keys
from service.trust.key_sets import PAUSE, KeySets
from service.trust.signed import Untrusted
from tests.issuer import AUDIENCE, ISSUER, JWKS, Issuer, new_key, signed


def bearers(issuer: Issuer, **changes: Any) -> Bearers:
    """Return who believes an issuer."""
    usual: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "roles_claim": "roles",
        "keys": KeySets(partial(fetch_keys, fetch=issuer.fetch)),
    }
    return Bearers(**(usual | changes))


def part(content: str) -> str:
    """Return a part of a token."""
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


@pytest.mark.anyio
@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256", "ES384"])
async def test_a_good_token_tells_who_calls(algorithm: str) -> None:
    """Name, scopes and roles come from the token, whichever of the algorithms signed it."""
    key = new_key("first", algorithm)
    issuer = Issuer([key])
    caller = await bearers(issuer).admit(f"Bearer {signed(key, issuer.claims(), algorithm)}")

    assert caller == ("dr-care", {"candor/screen", "candor/read"}, {"care-team"})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("claims", "scopes", "roles"),
    [
        ({"scope": ["candor/read"]}, {"candor/read"}, {"care-team"}),
        ({"scope": None, "scp": "candor/read other"}, {"candor/read", "other"}, {"care-team"}),
        ({"scope": None}, set(), {"care-team"}),
        ({"roles": "research care-team"}, {"candor/screen", "candor/read"}, {"research", "care-team"}),
        ({"roles": {"care-team": True}}, {"candor/screen", "candor/read"}, set()),
        ({"roles": ["research", 1]}, {"candor/screen", "candor/read"}, {"research"}),
        ({"aud": ["account", AUDIENCE]}, {"candor/screen", "candor/read"}, {"care-team"}),
    ],
)
async def test_claims_are_read_as_issuers_write_them(claims: Any, scopes: set[str], roles: set[str]) -> None:
    """Scopes and roles are text or lists; what is neither gives none."""
    issuer = Issuer()
    caller = await bearers(issuer).admit(issuer.bearer(**claims)["Authorization"])

    assert (caller.scopes, caller.roles) == (scopes, roles)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["care-team"]}}),
        ("https://hospital.example/roles", {"https://hospital.example/roles": ["care-team"]}),
    ],
)
async def test_the_claim_of_the_roles_is_a_setting(path: str, claims: Any) -> None:
    """It is a path with dots, or a name that holds dots itself."""
    issuer = Issuer()
    there = bearers(issuer, roles_claim=path)

    assert (await there.admit(issuer.bearer(roles=None, **claims)["Authorization"])).roles == {"care-team"}
    assert (await there.admit(issuer.bearer()["Authorization"])).roles == set()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"iss": ISSUER.rstrip("/")}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": f"{AUDIENCE}/"}, "aud"),
        ({"aud": f"{AUDIENCE} other"}, "aud"),
        ({"aud": ["other"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": int(time()) - 1}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "2030"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"nbf": 4_000_000_000}, "nbf"),
        ({"nbf": "now"}, "nbf"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "x\0"}, "sub"),
    ],
)
async def test_a_token_that_is_not_for_us_and_now_is_refused(claims: Any, says: str) -> None:
    """Another issuer or audience, to the letter; expired, or not yet good; of nobody."""
    issuer = Issuer()
    with pytest.raises(Untrusted, match=rf"\({says}\)"):
        await bearers(issuer).admit(issuer.bearer(**claims)["Authorization"])


@pytest.mark.anyio
async def test_a_clock_that_is_a_little_ahead_is_borne() -> None:
    """Issuers put the moment itself into nbf, by their own clock."""
    issuer = Issuer()

    assert await bearers(issuer).admit(issuer.bearer(nbf=int(time()) + 20)["Authorization"])


@pytest.mark.anyio
@pytest.mark.parametrize("header", [None, "", "Basic eDp5", "Bearer"])
async def test_whoever_shows_no_token_is_told_to(header: str | None) -> None:
    """Nothing, or something else."""
    with pytest.raises(NoToken):
        await bearers(Issuer()).admit(header)


@pytest.mark.anyio
async def test_what_is_no_token_is_refused() -> None:
    """Broken parts, nested ones, too few and too many, none of them a failure of the service."""
    good = signed(new_key("first"), {}).split(".")
    deep = part("[" * 200_000)
    for token in (
        "x",
        "a.b.c",
        "é.é.é",
        f"{deep}.{deep}.x",
        ".".join(good[:2]),
        ".".join([*good, "x", "y"]),
        "..",
        ".",
    ):
        with pytest.raises(Untrusted):
            await bearers(Issuer()).admit(f"Bearer {token}")


@pytest.mark.anyio
async def test_the_algorithm_is_ours_to_choose() -> None:
    """Neither none, nor a secret made of the public key, nor another than the key is for."""
    issuer = Issuer([new_key("first", "RS256")])
    public = json.dumps(issuer.keys[0].as_dict(private=False))
    secret = OctKey.import_key(public, {"kid": "first"})
    claims = issuer.claims()
    unsigned = ".".join((part('{"alg": "none", "kid": "first"}'), part(json.dumps(claims)), ""))
    confused = signed(secret, claims, "HS256")
    rest = signed(issuer.keys[0], claims, "RS256").split(".")[1:]
    swapped = ".".join((part('{"alg": "ES256", "kid": "first"}'), *rest))
    for token in (unsigned, confused, swapped):
        with pytest.raises(Untrusted):
            await bearers(issuer).admit(f"Bearer {token}")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "header", [{"typ": "logout+jwt"}, {"typ": "secevent+jwt"}, {"typ": {}}, {"kid": None}, {"kid": 1}]
)
async def test_other_tokens_of_the_same_issuer_are_refused(header: Any) -> None:
    """What the issuer signs for other ends, or by a key that is not named."""
    issuer = Issuer()
    told = {"alg": "ES256", "kid": "first", "typ": "JWT"} | header
    rest = signed(issuer.keys[0], issuer.claims()).split(".")[1:]
    named = part(json.dumps({name: each for name, each in told.items() if each is not None}))
    with pytest.raises(Untrusted, match=r"typ|kid"):
        await bearers(issuer).admit(".".join((f"Bearer {named}", *rest)))


@pytest.mark.anyio
async def test_another_key_of_the_same_name_is_not_the_issuers() -> None:
    """The signature decides, and a changed claim breaks it."""
    issuer = Issuer()
    forged = signed(new_key("first"), issuer.claims())
    head, _, tail = signed(issuer.keys[0], issuer.claims()).split(".")
    changed = f"{head}.{part(json.dumps(issuer.claims(roles=['care-team', 'more'])))}.{tail}"
    for token in (forged, changed):
        with pytest.raises(Untrusted, match="signature"):
            await bearers(issuer).admit(f"Bearer {token}")


@pytest.mark.anyio
async def test_a_new_key_is_asked_for_once_and_invented_ones_are_not() -> None:
    """Keys change at the issuer without a word; whoever invents names of keys makes nobody ask for them."""
    issuer, now = Issuer(), [0.0]
    there = bearers(issuer, keys=KeySets(partial(fetch_keys, fetch=issuer.fetch), clock=lambda: now[0]))
    await there.admit(issuer.bearer()["Authorization"])
    issuer.keys.insert(0, new_key("second"))
    invented = f"Bearer {signed(new_key('invented'), issuer.claims())}"
    now[0] = PAUSE

    assert await asyncio.gather(*(there.admit(issuer.bearer()["Authorization"]) for _ in range(9)))
    for _ in range(9):
        with pytest.raises(Untrusted, match="kid"):
            await there.admit(invented)
    assert issuer.asked.count(JWKS) == 2


@pytest.mark.anyio
async def test_nobody_is_asked_for_keys_for_a_token_of_another_issuer() -> None:
    """What a token says of its issuer leads nowhere."""
    issuer = Issuer()
    with pytest.raises(Untrusted, match="iss"):
        await bearers(issuer).admit(issuer.bearer(iss="https://evil.example")["Authorization"])

    assert issuer.asked == []


@pytest.mark.anyio
@pytest.mark.parametrize("configuration", [{"issuer": ISSUER.rstrip("/"), "jwks_uri": JWKS}, {"issuer": ISSUER}, []])
async def test_an_issuer_that_is_another_gives_no_keys(configuration: Any) -> None:
    """The configuration names the issuer to the letter, and where its keys are; an operator is told."""
    issuer = Issuer(configuration=configuration)
    with pytest.raises(Never, match="CANDOR_OIDC_ISSUER"):
        await bearers(issuer).admit(issuer.bearer()["Authorization"])
