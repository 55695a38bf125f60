"""An issuer of access tokens with a key of its own, for tests of who is let in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import time
from typing import Any

import httpx
import respx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

ISSUER, AUDIENCE = "https://login.hospital.example/realms/care/", "https://candor.hospital.example"
JWKS = f"{ISSUER}keys"
Key = ECKey | RSAKey
Json = dict[str, Any]


def new_key(kid: str, algorithm: str = "ES256") -> Key:
    """Return a key pair."""
    if algorithm.startswith("RS"):
        return RSAKey.generate_key(2048, {"kid": kid})
    return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384"}[algorithm], {"kid": kid})


def signed(key: Any, claims: Json, algorithm: str = "ES256", **header: Any) -> str:
    """Return a token with these claims."""
    told = {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"} | header
    return jwt.encode({name: each for name, each in told.items() if each is not None}, claims, key, [algorithm])


@dataclass
class Issuer:
    """Publishes its keys, and counts how often it is asked for them."""

    keys: list[Key] = field(default_factory=lambda: [new_key("first")])
    configuration: Json = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": JWKS})
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> bytes:
        """Give what is at an address."""
        self.asked.append(url)
        found = {f"{ISSUER}.well-known/openid-configuration": self.configuration, JWKS: self._published()}
        return json.dumps(found[url]).encode()

    def play(self, router: respx.MockRouter) -> None:
        """Answer over HTTP."""

        async def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=await self.fetch(str(request.url)))

        router.get(url__startswith=ISSUER).mock(side_effect=answer)

    def claims(self, **claims: Any) -> Json:
        """Return the claims of a good token of a member of the care team, with changes; ``None`` leaves one out."""
        now = int(time())
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "dr-care",
            "iat": now,
            "exp": now + 300,
            "scope": "candor/screen candor/read",
            "roles": ["care-team"],
        }
        return {name: each for name, each in (usual | claims).items() if each is not None}

    def bearer(self, **claims: Any) -> dict[str, str]:
        """Return the header with such a token."""
        return {"Authorization": f"Bearer {signed(self.keys[0], self.claims(**claims))}"}

    def _published(self) -> Json:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}
