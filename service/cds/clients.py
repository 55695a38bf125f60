"""The CDS clients that are trusted, from a file, and whether a call is theirs ("Trusting CDS Clients").

The file is TOML: for each client its ``iss``, and its keys as ``jku`` (an address) or ``jwks_file``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import NoReturn

import msgspec

from service.cds.ports import SeenTokens
from service.errors import Never, SettingError
from service.trust.key_sets import Jwk, KeySets, read_keys
from service.trust.signed import Claimed, Untrusted, not_of_the_future, read_token, seconds, shown, text, verify

ALGORITHMS = ("ES384", "RS384")  # those that the specification recommends
NOBODY = "anyone"  # who calls where callers are not told apart
_TYPES = ("jwt",)


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client as the file lists it."""

    iss: str
    jku: str | None = None
    jwks_file: str | None = None  # beside the file, or an absolute path


class _File(msgspec.Struct, forbid_unknown_fields=True):
    client: list[Client]


def load_clients(file: Path) -> dict[str, Client]:
    """Return the clients by issuer. Raises ``SettingError`` with the file and what to put right."""
    try:
        listed = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File).client
    except OSError as error:
        _wrong(file, f"cannot be read ({error.strerror})")
    except msgspec.ValidationError as error:
        _wrong(file, str(error))
    except ValueError:
        _wrong(file, "is not TOML")
    for client in listed:
        if (client.jku is None) is (client.jwks_file is None):
            _wrong(file, "each client has either jku or jwks_file")
    clients = {client.iss: client for client in listed}
    if len(clients) < len(listed):
        _wrong(file, "an iss is listed twice")
    return clients


def _wrong(file: Path, what: str) -> NoReturn:
    raise SettingError(f"CANDOR_CDS_CLIENTS: {file}: {what}. Write [[client]] with iss and jku for each.")


def load_keys(clients: Mapping[str, Client], file: Path) -> dict[str, Mapping[str, Jwk]]:
    """Return the keys that stand in files, by issuer. Raises ``SettingError``."""
    found: dict[str, Mapping[str, Jwk]] = {}
    for client in clients.values():
        if client.jwks_file is None:
            continue
        try:
            found[client.iss] = read_keys((file.parent / client.jwks_file).read_bytes())
        except OSError as error:
            _wrong(file, f"{client.jwks_file} cannot be read ({error.strerror})")
        except Never:
            _wrong(file, f"{client.jwks_file} is no JWK Set")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets listed clients in, and where none are listed whoever is on this machine."""

    clients: Mapping[str, Client] | None
    loopback: bool  # the service is reached from this machine alone
    keys: KeySets
    own_keys: Mapping[str, Mapping[str, Jwk]]  # by issuer, those that were brought in a file
    seen: SeenTokens
    clock: Callable[[], float] = time

    async def admit(self, authorization: str | None, url: str) -> str:
        """Return who calls ``url``, as our own records name them.

        Raises ``Untrusted``; ``TryLater`` and ``Never`` where the client's keys cannot be had; ``StoreDown``.
        """
        if self.clients is None:
            if self.loopback:
                return NOBODY
            raise Untrusted("No CDS client is listed: set CANDOR_CDS_CLIENTS.")
        token = shown(authorization)
        if token is None:
            raise Untrusted("Send the client's token: Authorization: Bearer ….")
        claimed = read_token(token, ALGORITHMS, _TYPES)
        client = self._client(claimed)
        key, now = await self._key(client, claimed.kid), self.clock()
        claims = verify(token, key, ALGORITHMS, client.iss, now)
        if claims.get("aud") not in (url, [url]):
            raise Untrusted("The token's aud is not exactly the URL that is called, as CANDOR_PUBLIC_URL has it.")
        not_of_the_future(claims, "iat", now)
        expires = datetime.fromtimestamp(seconds(claims, "exp"), UTC)
        if not await self.seen.first_use(client.iss, text(claims, "jti"), expires):
            raise Untrusted("The token was used before (jti).")
        return client.iss

    def _client(self, claimed: Claimed) -> Client:
        """Return the client that a token claims to be of, which decides whom to ask for keys."""
        iss = claimed.claims.get("iss")
        client = self.clients.get(iss) if self.clients is not None and isinstance(iss, str) else None
        if client is None:
            raise Untrusted("The token's iss is not listed.")
        if claimed.header.get("jku", client.jku) != client.jku:
            raise Untrusted("The token's jku is not the one that is listed for its iss.")
        return client

    async def _key(self, client: Client, kid: str) -> Jwk | None:
        if client.jku is None:
            return self.own_keys[client.iss].get(kid)
        return await self.keys.key(client.jku, kid)
