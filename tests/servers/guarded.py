"""A FHIR server behind a real authorisation server (npm oidc-provider), which knows a few clients by their keys."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.hospital.keys import SigningKey, jwks, load_key, make_key
from service.hospital.plan import plan_for
from service.hospital.scopes import FOLLOWED, scopes_for
from service.study.load import default_mappings, load_vocabulary
from tests.verdicts import shipped_study

PROVIDER = Path(__file__).parent / "oidc/provider.mjs"
READING = "system/Patient.rs system/Observation.rs"
# What a screening that is written back asks for by itself.
ALL = scopes_for((*plan_for(shipped_study(), load_vocabulary(default_mappings())).kinds, *FOLLOWED), writes=True)
# Client id -> the kind of its key, the scopes it is registered for, and the life of its tokens in seconds.
CLIENTS = {
    "es": ("ES384", READING, 300),
    "rs": ("RS384", READING, 300),
    "hasty": ("ES384", READING, 2),
    "whole": ("RS384", ALL, 300),
    "narrow": ("ES384", "system/Patient.rs", 300),
}


@dataclass
class Guarded:
    """The door of a FHIR server: ``base`` is its URL, ``keys`` are the files of the clients' private keys."""

    base: str
    keys: dict[str, Path]
    _before: dict[str, Any] = field(default_factory=dict)

    @property
    def token_url(self) -> str:
        """Return the URL that tokens are asked for at."""
        return f"{self.base.removesuffix('/fhir')}/token"

    def key(self, client: str) -> SigningKey:
        """Return a client's key."""
        return load_key(self.keys[client])

    def seen(self) -> dict[str, Any]:
        """Return what the server saw since this was asked last: granted, refused and turned away."""
        now = httpx.get(self.base.removesuffix("fhir") + "seen").json()
        before, self._before = self._before, now
        refused = now["refused"][len(before.get("refused", [])) :]
        counts = {name: now[name] - before.get(name, 0) for name in ("granted", "turned_away")}
        return counts | {"refused": refused}


@pytest.fixture(scope="session")
def guarded(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Give a HAPI FHIR server that asks for a token of the authorisation server beside it."""
    folder = tmp_path_factory.mktemp("keys")
    keys = {name: folder / f"{name}.pem" for name in CLIENTS}
    clients = [
        {
            "client_id": name,
            "jwks": jwks([make_key(algorithm, keys[name])]),
            "scope": scope,
            "token_seconds": seconds,
        }
        for name, (algorithm, scope, seconds) in CLIENTS.items()
    ]
    command = ["node", PROVIDER, json.dumps({"clients": clients, "fhir": hapi})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        if not first.startswith("READY "):
            pytest.fail("the authorisation server did not start: are its packages installed (make test)?")
        yield Guarded(first.removeprefix("READY ").strip(), keys)
        server.terminate()
