"""Who may call: the file of clients, and every way in which a token is not one of theirs."""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from service.cds.clients import NOBODY, Client, Gate, load_clients, load_keys
from service.errors import SettingError
from service.trust.key_sets import KeySets
from service.trust.signed import Untrusted

ISS, JKU = "https://ehr.example/", "https://ehr.example/jwks.json"
URL = "https://candor.example/cds-services/NCT06722105-patient-view"
NOW = 1_800_000_000
KEYS = {"ES384": ECKey.generate_key("P-384", {"kid": "k1"}), "RS384": RSAKey.generate_key(2048, {"kid": "k2"})}
OTHER = ECKey.generate_key("P-384", {"kid": "k1"})
with warnings.catch_warnings(action="ignore"):  # the library's own advice
    WEAK = RSAKey.generate_key(1024, {"kid": "weak"})


@dataclass
class Seen:
    """Remembers tokens, as the store does."""

    known: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def first_use(self, issuer: str, token: str, expires: datetime) -> bool:
        """Whether it is new."""
        new = (issuer, token) not in self.known
        self.known[issuer, token] = expires
        return new


async def published(url: str) -> bytes:
    """Give the client's keys, and nothing from anywhere else."""
    assert url == JKU
    return json.dumps({"keys": [key.as_dict(private=False) for key in (*KEYS.values(), WEAK)]}).encode()


def gate(**changes: Any) -> Gate:
    """Return a gate that knows one client."""
    known: dict[str, Any] = {
        "clients": {ISS: Client(ISS, jku=JKU)},
        "loopback": False,
        "keys": KeySets(published, clock=lambda: 0.0),
        "own_keys": {},
        "seen": Seen(),
        "clock": lambda: float(NOW),
    }
    return Gate(**(known | changes))


def token(key: Any = None, alg: str = "ES384", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token as a client makes it; ``None`` leaves a member out."""
    key = key or KEYS["ES384"]
    heads = {"alg": alg, "typ": "JWT", "kid": key.kid, "jku": JKU} | (header or {})
    body = {"iss": ISS, "aud": URL, "exp": NOW + 300, "iat": NOW, "jti": "t1"} | claims
    heads, body = ({name: each for name, each in part.items() if each is not None} for part in (heads, body))
    return jwt.encode(heads, body, key, algorithms=[alg])


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    """Return a token that nobody signed."""
    body = {"iss": ISS, "aud": URL, "exp": NOW + 300, "iat": NOW, "jti": "t1"}
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, body)]
    return ".".join([*parts, signature])


async def admitted(value: str | None, to: Gate | None = None, url: str = URL) -> str:
    """Return who is let in with a token."""
    return await (to or gate()).admit(None if value is None else f"Bearer {value}", url)


@pytest.mark.anyio
@pytest.mark.parametrize("alg", KEYS)
async def test_a_clients_token_lets_in(alg: str) -> None:
    """ES384 and RS384 are believed, and the token's id is kept until it expires."""
    seen = Seen()

    assert await admitted(token(KEYS[alg], alg), gate(seen=seen)) == ISS
    assert seen.known == {(ISS, "t1"): datetime.fromtimestamp(NOW + 300, UTC)}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "good",
    [
        token(aud=[URL]),
        token(header={"jku": None}),
        token(iat=NOW + 29),
        token(tenant="ward-3"),
        token(exp=NOW + 0.5),
    ],
    ids=["aud in a list", "no jku", "a clock ahead", "a tenant", "half a second left"],
)
async def test_what_the_specification_leaves_open_is_taken(good: str) -> None:
    """An audience alone in a list, no jku, a clock that is a little ahead."""
    assert await admitted(good) == ISS


REFUSED: dict[str, tuple[str, str]] = {
    "HMAC with the public key": (
        token(OctKey.import_key(json.dumps(KEYS["ES384"].as_dict(private=False)), {"kid": "k1"}), "HS256"),
        "alg",
    ),
    "ES256": (token(ECKey.generate_key("P-256", {"kid": "k1"}), "ES256"), "alg"),
    "RS256": (token(KEYS["RS384"], "RS256"), "alg"),
    "PS384": (token(KEYS["RS384"], "PS384"), "alg"),
    "none": (unsigned({"alg": "none", "typ": "JWT", "kid": "k1"}), "alg"),
    "None": (unsigned({"alg": "None", "typ": "JWT", "kid": "k1"}), "alg"),
    "no signature": (unsigned({"alg": "ES384", "typ": "JWT", "kid": "k1"}), "signature"),
    "another key of the same id": (token(OTHER), "signature"),
    "RS384 by an EC key": (unsigned({"alg": "RS384", "typ": "JWT", "kid": "k1"}, "AAAA"), "signature"),
    "a weak RSA key": (token(WEAK, "RS384"), "shorter"),
    "a key that is not published": (token(header={"kid": "k9"}), "no key"),
    "no kid": (token(header={"kid": None}), "kid"),
    "another typ": (token(header={"typ": "at+jwt"}), "typ"),
    "no typ": (unsigned({"alg": "ES384", "kid": "k1"}), "typ"),
    "another jku": (token(header={"jku": "https://evil.example/jwks.json"}), "jku"),
    "another iss": (token(iss="https://evil.example/"), "iss"),
    "an iss without its slash": (token(iss="https://ehr.example"), "iss"),
    "no iss": (token(iss=None), "iss"),
    "an iss that is a list": (token(iss=[ISS]), "iss"),
    "the service's base as aud": (token(aud="https://candor.example"), "aud"),
    "aud of another service": (token(aud=URL.replace("patient-view", "order-sign")), "aud"),
    "aud and a slash": (token(aud=f"{URL}/"), "aud"),
    "aud beside another": (token(aud=[URL, "https://other.example"]), "aud"),
    "no aud": (token(aud=None), "aud"),
    "expired": (token(exp=NOW - 1), "exp"),
    "expiring now": (token(exp=NOW), "exp"),
    "no exp": (token(exp=None), "exp"),
    "exp as text": (token(exp=str(NOW + 300)), "exp"),
    "exp true": (token(exp=True), "exp"),
    "exp beyond all time": (token(exp=1e300), "exp"),
    "exp beyond all numbers": (token(exp=10**400), "exp"),
    "issued tomorrow": (token(iat=NOW + 86_400), "iat"),
    "no iat": (token(iat=None), "iat"),
    "no jti": (token(jti=None), "jti"),
    "an empty jti": (token(jti=""), "jti"),
    "an endless jti": (token(jti="x" * 256), "jti"),
    "jti as a number": (token(jti=7), "jti"),
    "a jti that no text may hold": (token(jti="t\0"), "jti"),
    "typ as an object": (unsigned({"alg": "ES384", "typ": {}, "kid": "k1"}), "typ"),
    "no token": ("nonsense", "JSON Web Token"),
    "two parts": (".".join(token().split(".")[:2]), "signed"),
    "no JSON": ("YWJj.YWJj.YWJj", "JSON Web Token"),
    "a list for claims": ("e30.W10.AA", "JSON Web Token"),
}


@pytest.mark.anyio
@pytest.mark.parametrize(("bad", "why"), REFUSED.values(), ids=REFUSED)
async def test_any_other_token_is_refused(bad: str, why: str) -> None:
    """Each fault is refused and named, the token is not repeated, and its id stays unused."""
    seen = Seen()
    with pytest.raises(Untrusted, match=why) as refused:
        await admitted(bad, gate(seen=seen))

    assert bad not in str(refused.value)
    assert seen.known == {}


@pytest.mark.anyio
async def test_a_token_is_taken_once() -> None:
    """The same token again is a replay."""
    once = gate()
    await admitted(token(), once)
    with pytest.raises(Untrusted, match="jti"):
        await admitted(token(), once)


@pytest.mark.anyio
@pytest.mark.parametrize("value", [None, "", "Basic abc", token()])
async def test_without_a_bearer_token_nobody_is_let_in(value: str | None) -> None:
    """No header, and another scheme than Bearer."""
    with pytest.raises(Untrusted, match="Bearer"):
        await gate().admit(value, URL)


@pytest.mark.anyio
async def test_the_scheme_may_be_written_in_any_case() -> None:
    """Names of schemes know no case."""
    assert await gate().admit(f"bearer {token()}", URL) == ISS


@pytest.mark.anyio
async def test_where_nobody_is_listed_only_this_machine_is_let_in() -> None:
    """Without a list anybody on this machine may call, and nobody where others reach the service."""
    assert await gate(clients=None, loopback=True).admit(None, URL) == NOBODY
    with pytest.raises(Untrusted, match="CANDOR_CDS_CLIENTS"):
        await gate(clients=None).admit(f"Bearer {token()}", URL)


@pytest.mark.anyio
async def test_keys_may_come_in_a_file(tmp_path: Path) -> None:
    """A client that publishes no keys brings them once, beside the list."""
    keys = {"keys": [KEYS["ES384"].as_dict(private=False)]}
    (tmp_path / "ehr.json").write_text(json.dumps(keys))
    listed = tmp_path / "clients.toml"
    listed.write_text(f'[[client]]\niss = "{ISS}"\njwks_file = "ehr.json"\n')
    clients = load_clients(listed)
    own = gate(clients=clients, own_keys=load_keys(clients, listed))

    assert await admitted(token(header={"jku": None}), own) == ISS
    with pytest.raises(Untrusted, match="jku"):
        await admitted(token(), own)


def test_the_list_gives_each_client_its_keys(tmp_path: Path) -> None:
    """A file of two clients."""
    file = tmp_path / "clients.toml"
    file.write_text(f'[[client]]\niss = "{ISS}"\njku = "{JKU}"\n\n[[client]]\niss = "b"\njwks_file = "b.json"\n')

    assert load_clients(file) == {ISS: Client(ISS, jku=JKU), "b": Client("b", jwks_file="b.json")}


WRONG: dict[str, tuple[str, str]] = {
    "no TOML": ("{", "is not TOML"),
    "no client": ("", "client"),
    "another name": (f'[[clients]]\niss = "{ISS}"\njku = "{JKU}"\n', "clients"),
    "a further member": (f'[[client]]\niss = "{ISS}"\njku = "{JKU}"\nalg = "none"\n', "alg"),
    "no iss": (f'[[client]]\njku = "{JKU}"\n', "iss"),
    "no keys": (f'[[client]]\niss = "{ISS}"\n', "either jku or jwks_file"),
    "two ways to keys": (f'[[client]]\niss = "a"\njku = "{JKU}"\njwks_file = "b"\n', "either jku or jwks_file"),
    "twice": (f'[[client]]\niss = "a"\njku = "{JKU}"\n' * 2, "twice"),
    "keys that are not there": ('[[client]]\niss = "a"\njwks_file = "none.json"\n', "cannot be read"),
    "keys that are none": ('[[client]]\niss = "a"\njwks_file = "clients.toml"\n', "no JWK Set"),
}


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=WRONG)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """What is wrong with the file is said, with its name and what to write."""
    file = tmp_path / "clients.toml"
    file.write_text(text)
    with pytest.raises(SettingError, match=why) as refused:
        load_keys(load_clients(file), file)

    assert str(file) in str(refused.value)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is a wrong setting."""
    with pytest.raises(SettingError, match=r"CANDOR_CDS_CLIENTS: .*cannot be read"):
        load_clients(tmp_path / "none.toml")
