"""Callers by their bearer tokens: access tokens that one issuer signs as JSON Web Tokens (RFC 6750, RFC 9068)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any, NamedTuple

import msgspec

from service.errors import Never
from service.trust.key_sets import Fetch, KeySets
from service.trust.signed import Untrusted, not_of_the_future, read_token, shown, text, verify

ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")
_TYPES = {"", "jwt", "at+jwt", "application/at+jwt"}  # many issuers tell no more than that it is a JWT


class NoToken(Untrusted):
    """The caller shows none."""


class Caller(NamedTuple):
    """Who calls, and what the issuer says that they may do."""

    name: str  # as the issuer knows them; our own records name them so
    scopes: frozenset[str]
    roles: frozenset[str]


class _Configuration(msgspec.Struct):
    issuer: str
    jwks_uri: str


_decode = msgspec.json.Decoder(_Configuration).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearers:
    """Believes the tokens of one issuer that are meant for one audience."""

    issuer: str  # to the letter, as the tokens have it
    audience: str
    roles_claim: str  # a claim, or a path to it with dots: realm_access.roles
    keys: KeySets  # by the issuer
    clock: Callable[[], float] = time

    async def admit(self, authorization: str | None) -> Caller:
        """Return whose token it is.

        Raises ``Untrusted``; ``TryLater`` and ``Never`` where the issuer's keys cannot be had.
        """
        token = shown(authorization)
        if token is None:
            raise NoToken("Send an access token: Authorization: Bearer ….")
        claimed = read_token(token, ALGORITHMS, _TYPES)
        if claimed.claims.get("iss") != self.issuer:  # before anybody is asked for keys
            raise Untrusted("The token is not of the issuer that is trusted (iss).")
        key, now = await self.keys.key(self.issuer, claimed.kid), self.clock()
        claims = verify(token, key, ALGORITHMS, self.issuer, now)
        if self.audience not in _words(claims.get("aud"), apart=False):
            raise Untrusted("The token is for another audience (aud).")
        if "nbf" in claims:
            not_of_the_future(claims, "nbf", now)
        scopes = claims.get("scope", claims.get("scp"))  # the latter with some large issuers
        return Caller(text(claims, "sub"), _words(scopes), _words(_at(claims, self.roles_claim)))


async def fetch_keys(issuer: str, fetch: Fetch) -> bytes:
    """Return the JWK Set of an issuer, which its configuration leads to (OpenID Connect Discovery 1.0).

    Raises ``TryLater`` and ``Never``.
    """
    content = await fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    try:
        said = _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Never("CANDOR_OIDC_ISSUER: what is published there is no OpenID configuration.") from None
    if said.issuer != issuer:
        raise Never("CANDOR_OIDC_ISSUER: it names itself otherwise; set it to the letter, its last slash included.")
    return await fetch(said.jwks_uri)


def _words(value: object, *, apart: bool = True) -> frozenset[str]:
    """Return the words of a claim, which is text with spaces (``apart``) or a list."""
    if isinstance(value, str):
        return frozenset(value.split() if apart else (value,))
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


def _at(claims: Mapping[str, Any], path: str) -> object:
    """Return a claim by its name, else by the path with dots that leads to it."""
    if path in claims:
        return claims[path]
    value: object = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
