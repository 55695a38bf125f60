"""A real OpenID provider (npm oidc-provider) that gives callers of the service their tokens."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

PROVIDER = Path(__file__).parent / "oidc/issuer.mjs"
AUDIENCE, ANOTHER = "https://candor.hospital.example", "https://other.hospital.example"
SCOPES = ("candor/screen", "candor/read", "candor/run", "candor/metrics")
# Their roles, and for how many seconds their tokens are good.
CLIENTS = ("care-team.300", "research.300", "none.300", "care-team.1")


@dataclass(frozen=True)
class Issuing:
    """The provider at its issuer's address."""

    url: str

    def token(self, client: str, *scopes: str, audience: str = AUDIENCE) -> str:
        """Return a token, as a client gets one."""
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes), "resource": audience}
        answer = httpx.post(f"{self.url}/token", data=form, auth=(client, "secret"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def rotate(self) -> None:
        """Have another key sign, and the one before published no more."""
        httpx.post(f"{self.url}/rotate")

    def asked(self) -> int:
        """Return how often the keys were asked for."""
        return int(httpx.get(f"{self.url}/seen").json()["keys"])


@contextmanager
def started_issuer() -> Iterator[Issuing]:
    """Run a provider."""
    told = json.dumps({"scopes": SCOPES, "audiences": (AUDIENCE, ANOTHER), "clients": CLIENTS})
    with subprocess.Popen(
        ["node", PROVIDER, told], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        if not first.startswith("READY "):
            pytest.fail("the OpenID provider did not start: are its packages installed (make test)?")
        yield Issuing(first.removeprefix("READY ").strip())
        server.terminate()
