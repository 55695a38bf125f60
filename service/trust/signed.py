"""JSON Web Tokens that others signed (RFC 7515, RFC 7519): read before they are believed, then believed or not."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from service.errors import CandorError
from service.trust.key_sets import Jwk

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_LEAST_RSA_BITS = 2048
_LONGEST = 255  # characters of a name
_END = 253_402_300_799  # the last second of the year 9999


class Untrusted(CandorError):  # noqa: N818 - what the caller is
    """The caller is not who we talk to; the message says why, and repeats nothing of the token."""


class Claimed(NamedTuple):
    """What a token says of itself, unproven."""

    header: dict[str, Any]
    claims: dict[str, Any]


def read_token(token: str) -> Claimed:
    """Read a token without believing it; of its header alg, typ and kid are text where they stand.

    Raises ``Untrusted`` for what is no signed token.
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
    return Claimed(header, claims)


def verify(token: str, key: Jwk, algorithms: tuple[str, ...]) -> dict[str, Any]:
    """Return the claims of a token that ``key`` signed by one of ``algorithms``. Raises ``Untrusted``."""
    try:
        if key.get("kty") == "RSA" and int.from_bytes(_bytes(key["n"]), "big").bit_length() < _LEAST_RSA_BITS:
            raise Untrusted(f"The caller's RSA key is shorter than {_LEAST_RSA_BITS} bits.")
        return dict(jwt.decode(token, import_key(key), algorithms=list(algorithms)).claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):  # the library's own words may repeat the token
        raise Untrusted("The token's signature is not of the key that it names.") from None


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
