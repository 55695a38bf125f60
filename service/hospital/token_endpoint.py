"""The two requests of SMART Backend Services: where tokens are had, and one token for a signed assertion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

import msgspec

from service.errors import Never, SettingError
from service.hospital.keys import ALGORITHMS, SigningKey
from service.hospital.origins import Origin, in_the_open
from service.hospital.token_refusals import no_endpoint, no_token
from service.hospital.transport import Reply

ASSERTION_SECONDS = 240  # servers take five minutes at most, by their own clock
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
USUAL_LIFE = 300.0  # seconds; the most that SMART recommends, for an answer that does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How an authorisation server knows us; ``setting`` begins the names of the settings that say so."""

    id: str
    key: SigningKey
    scope: str
    token_url: str | None = None  # where the FHIR server names none, or one of another origin
    setting: str = "CANDOR_FHIR"

    def __post_init__(self) -> None:
        """Raises ``SettingError`` for a token endpoint whose answers could be read on the way."""
        if self.token_url is not None and in_the_open(self.token_url):
            raise SettingError(f"{self.setting}_TOKEN_URL: tokens would travel for all to read: set an https URL.")


class Granted(NamedTuple):
    """What an authorisation server answered: the value of ``Authorization``, its scope and its life in seconds."""

    header: str
    scope: str
    life: float

    def __repr__(self) -> str:
        return f"Granted(scope={self.scope!r}, life={self.life!r})"


class Ask(Protocol):
    """Send one request, as ``Transport.send`` does."""

    async def __call__(
        self, method: str, url: str, what: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """Return what came back, whatever its status. Raises ``TryLater`` and ``Never``."""
        ...


async def discover(client: Client, base: str, ask: Ask) -> str:
    """Return the token endpoint that the FHIR server at ``base`` names, if it is of the same origin.

    Raises ``Unsent`` where the server says later, and ``Never`` where it names none that can be used.
    """
    server = Origin.parse(base)
    url = f"{base}/.well-known/smart-configuration"
    reply = await ask("GET", url, "SMART configuration", {"Accept": "application/json"})
    said = _object(reply)
    where = said.get("token_endpoint")
    if reply.status != HTTPStatus.OK or not isinstance(where, str):
        raise no_endpoint(reply, server.host, client.setting)
    taken = said.get("token_endpoint_auth_signing_alg_values_supported")
    if isinstance(taken, list) and taken and client.key.algorithm not in taken:
        ours = " or ".join(each for each in ALGORITHMS if each in taken) or "none that we can make"
        raise Never(
            f"{client.setting}_KEY_FILE: {server.host} takes no signature by {client.key.algorithm}; of ours: {ours}."
        )
    try:
        own = Origin.parse(where)[:3] == server[:3]
    except ValueError:
        own = False
    if not own:
        raise Never(
            f"{server.host} names a token endpoint of another origin, to which nothing is sent unasked: "
            f"set {client.setting}_TOKEN_URL if it is the right one."
        )
    return where


async def request_token(client: Client, url: str, ask: Ask, now: float) -> Granted:
    """Ask for a token at ``url``; ``now`` is in seconds since 1970. Raises ``Unsent`` and ``Never``."""
    claims = {"iss": client.id, "sub": client.id, "aud": url, "exp": int(now) + ASSERTION_SECONDS}
    form = {
        "grant_type": "client_credentials",
        "scope": client.scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client.key.sign(claims | {"jti": token_urlsafe(24)}),
    }
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    reply = await ask("POST", url, "access token", headers, urlencode(form).encode())
    said = _object(reply)
    if reply.status != HTTPStatus.OK or not _is_bearer(said):
        raise no_token(reply, said, Origin.parse(url).host, client.setting, client.key.id)
    scope = said.get("scope")
    granted = scope if isinstance(scope, str) else client.scope  # left out where all is granted (RFC 6749 § 5.1)
    return Granted(f"Bearer {said['access_token']}", granted, _life(said.get("expires_in")))


def _object(reply: Reply) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_bearer(said: dict[str, Any]) -> bool:
    token = said.get("access_token")
    kind = str(said.get("token_type", "bearer")).lower()
    return kind == "bearer" and isinstance(token, str) and token != "" and token.isascii() and token.isprintable()


def _life(seconds: object) -> float:
    try:
        life = float(seconds) if isinstance(seconds, int | float | str) else 0.0  # some write it as text
    except (ValueError, OverflowError):
        return USUAL_LIFE
    return life if life > 0 else USUAL_LIFE
