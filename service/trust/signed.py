"""JSON Web Tokens that others signed (RFC 7515, RFC 7519): read before they are believed, then believed or not."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from service.errors import CandorError
from service.trust.key_sets import Jwk

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_LEAST_RSA_BITS = 2048
_SCHEME = "bearer "
_SKEW = 30.0  # seconds by which an issuer's clock may be ahead of ours
_LONGEST = 255  # characters of a name
_END = 253_402_300_799  # the last second of the year 9999


class Untrusted(CandorError):  # noqa: N818 - what the caller is
    """The caller is not who we talk to; the message says why, and repeats nothing of the token."""


class Claimed(NamedTuple):
    """What a token says of itself, unproven."""

    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def kid(self) -> str:
        """The id of the key that is said to have signed it."""
        return str(self.header["kid"])


def shown(authorization: str | None) -> str | None:
    """Return the token that an ``Authorization`` header bears (RFC 6750); ``None``: none."""
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return authorization[len(_SCHEME) :].strip()


def read_token(token: str, algorithms: Collection[str], types: Collection[str]) -> Claimed:
    """Read a token without believing it.

    Raises ``Untrusted`` for what is no signed token, or by its header not of these algorithms and types (in small
    letters, ``""`` where none may be named), or without the id of its key.
    """
    parts = token.split(".")
    try:
        header, claims = (_decode(_bytes(part)) for part in parts[:2])
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise Untrusted("The token is no JSON Web Token.") from None
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        raise Untrusted("The token is no signed JSON Web Token.")
    for name in ("alg", "typ", "kid"):
        if not isinstance(header.get(name, ""), str):
            raise Untrusted(f"The token's header has no text where one is asked for ({name}).")
    if header.get("alg") not in algorithms:  # whatever a token says of itself
        raise Untrusted(f"The token's alg is one of {', '.join(algorithms)}.")
    if header.get("typ", "").lower() not in types:
        raise Untrusted("The token is not of the type that is asked for (typ).")
    if "kid" not in header:
        raise Untrusted("The token's header names its key (kid).")
    return Claimed(header, claims)


def verify(token: str, key: Jwk | None, algorithms: Collection[str], issuer: str, now: float) -> dict[str, Any]:
    """Return the claims of a token of ``issuer`` that ``key`` signed and that is not expired ``now``.

    Raises ``Untrusted``, for ``None`` too: the issuer publishes no such key.
    """
    if key is None:
        raise Untrusted("Its issuer publishes no key of the token's kid.")
    try:
        if key.get("kty") == "RSA" and int.from_bytes(_bytes(key["n"]), "big").bit_length() < _LEAST_RSA_BITS:
            raise Untrusted(f"The caller's RSA key is shorter than {_LEAST_RSA_BITS} bits.")
        claims = dict(jwt.decode(token, import_key(key), algorithms=list(algorithms)).claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):  # the library's own words may repeat the token
        raise Untrusted("The token's signature is not of the key that it names.") from None
    if claims.get("iss") != issuer:  # a parser may read a doubled member otherwise
        raise Untrusted("The token is not of the issuer that is trusted (iss).")
    if seconds(claims, "exp") <= now:
        raise Untrusted("The token is expired (exp).")
    return claims


def not_of_the_future(claims: Mapping[str, Any], name: str, now: float) -> None:
    """Raise ``Untrusted`` where a claim is a moment that is still to come, by a clock that may be a little ahead."""
    if seconds(claims, name) > now + _SKEW:
        raise Untrusted(f"The token is not good yet ({name}).")


def seconds(claims: Mapping[str, Any], name: str) -> float:
    """Return a claim that is a moment, in seconds since 1970. Raises ``Untrusted`` for what the calendar lacks."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _END:
        raise Untrusted(f"The token has a moment in seconds since 1970 ({name}).")
    return float(value)


def text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a name, which our records can keep. Raises ``Untrusted``."""
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise Untrusted(f"The token has a name of at most {_LONGEST} printable characters ({name}).")
    return value


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
