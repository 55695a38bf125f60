"""The key pairs by which an authorisation server knows us: made, read from PEM, signed with, published (RFC 7517)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from service.errors import SettingError

ALGORITHMS = ("ES384", "RS384")  # what SMART App Launch 2.2 has a client support, the shorter key first
_RSA_BITS = 3072  # as strong as P-384 is asked to be until 2030; servers refuse less than 2048
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the one algorithm that it signs with; the private part is in no ``repr``."""

    algorithm: str
    _key: ECKey | RSAKey = field(repr=False)

    @property
    def id(self) -> str:
        """The key's ``kid``: its thumbprint (RFC 7638), the same wherever the key is read."""
        return self._key.thumbprint()

    def public(self) -> dict[str, str]:
        """Return the public part as a JWK, for whoever checks our signatures."""
        members = {name: str(value) for name, value in self._key.as_dict(private=False).items()}
        return members | {"use": "sig", "alg": self.algorithm, "kid": self.id}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a signed JWT."""
        header = {"alg": self.algorithm, "kid": self.id, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[self.algorithm])


def load_key(file: Path) -> SigningKey:
    """Read a private key in PEM. Raises ``SettingError`` for one that SMART Backend Services cannot use."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise SettingError(f"{file}: the private key cannot be read ({error.strerror}).") from None
    except (ValueError, TypeError):  # no PEM, or encrypted; the library's own words may repeat a line
        raise SettingError(
            f"{file}: is no private key in PEM without a password; make one by candor keys new."
        ) from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
        return SigningKey("ES384", ECKey(key, key))
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return SigningKey("RS384", RSAKey(key, key))
    raise SettingError(f"{file}: is neither a P-384 nor an RSA key of {_LEAST_RSA_BITS} bits or more.")


def make_key(algorithm: str, file: Path) -> SigningKey:
    """Make a key pair and keep it in a new file that nobody else may read.

    Raises ``SettingError`` where the file exists already or cannot be written: a key in use is never overwritten.
    """
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if algorithm == "ES384":
        private = ec.generate_private_key(ec.SECP384R1())
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(pem)
    except FileExistsError:
        raise SettingError(f"{file}: exists already, and a key is not overwritten; name another file.") from None
    except OSError as error:
        raise SettingError(f"{file}: the key cannot be written ({error.strerror}).") from None
    return load_key(file)


def jwks(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """Return the public parts as a JWK Set, each key once."""
    return {"keys": list({key.id: key.public() for key in keys}.values())}
