"""Which clients may call, on the service as it is served: each call with a token of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import respx
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey

from service.config import Settings, Url
from service.errors import SettingError
from tests.cds import SERVICE, call, of_today, prefetch
from tests.e2e.conftest import served
from tests.e2e.test_command_line import Candor

Json = dict[str, Any]
ISS, JKU, PUBLIC = "https://ehr.example/", "https://ehr.example/jwks.json", "https://candor.example/trial"
CARD = "9368d37b-283f-44a0-93ea-547cebab93ed"
FEEDBACK = {"feedback": [{"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-11-25T10:05:31Z"}]}


@dataclass
class Ehr:
    """A client with a key, and the calls that it makes."""

    http: TestClient
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", {"kid": "k1"}))

    def token(self, path: str, **claims: Any) -> str:
        """Return a token for a call of ``path``."""
        now = int(time.time())
        said = {"iss": ISS, "aud": f"{PUBLIC}{path}", "exp": now + 300, "iat": now, "jti": str(uuid4())} | claims
        header = {"alg": "ES384", "typ": "JWT", "kid": "k1", "jku": JKU}
        return jwt.encode(header, said, self.key, algorithms=["ES384"])

    def ask(self, path: str, body: Json | None = None, token: str | None = None) -> Any:
        """Call a path, by default with a token for it."""
        headers = {"Authorization": f"Bearer {token or self.token(path)}"}
        if body is None:
            return self.http.get(path, headers=headers)
        return self.http.post(path, json=body, headers=headers)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of a service behind a proxy, with one client."""
    listed = tmp_path / "clients.toml"
    listed.write_text(f'[[client]]\niss = "{ISS}"\njku = "{JKU}"\n')
    return Settings(home=tmp_path / "home", cds_clients=listed, public_url=Url(PUBLIC), cds_budget_ms=20_000)


@pytest.fixture
def ehr(settings: Settings) -> Iterator[Ehr]:
    """Give a client whose keys are published."""
    with served(settings) as http, respx.mock(assert_all_called=False) as router:
        client = Ehr(http)
        keys = {"keys": [client.key.as_dict(private=False)]}
        router.get(JKU).mock(return_value=httpx.Response(200, text=json.dumps(keys)))
        yield client


def test_a_listed_client_is_let_in_everywhere(ehr: Ehr, sample: dict[str, Json]) -> None:
    """Discovery, calls and feedback, each with a token for that very URL."""
    services = ehr.ask("/cds-services").json()["services"]
    chart = of_today(sample["01-shown-in-full"])
    answer = ehr.ask(SERVICE, call(chart, prefetch=prefetch(chart, services[0]["prefetch"])))
    told = ehr.ask(f"{SERVICE}/feedback", FEEDBACK)

    assert (len(services), len(answer.json()["cards"]), told.status_code) == (2, 1, 200)
    assert answer.json()["cards"][0]["links"][0]["url"] == f"{PUBLIC}/worklist"


def test_a_dismissal_is_the_clients_own(ehr: Ehr, sample: dict[str, Json], settings: Settings) -> None:
    """Feedback is kept under the client that gave it, so that no other client can hide a card."""
    ehr.ask(f"{SERVICE}/feedback", FEEDBACK)

    assert ISS.encode() in b"".join(file.read_bytes() for file in settings.home.iterdir())


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, f"{SERVICE}/feedback", "/cds-services/unknown"])
def test_without_a_good_token_nothing_is_answered(ehr: Ehr, path: str) -> None:
    """No token, one for another URL, and one that was used are all 401, before anything else is looked at."""
    body = None if path == "/cds-services" else {}
    used = ehr.token(path)
    ehr.ask(path, body, used)
    refused = [
        ehr.http.get(path) if body is None else ehr.http.post(path, json=body),
        ehr.ask(path, body, ehr.token("/cds-services/another")),
        ehr.ask(path, body, ehr.token(path, exp=int(time.time()) - 1)),
        ehr.ask(path, body, used),
    ]

    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["issue"][0]["details"]["coding"] == [{"code": "untrusted"}]


def test_a_token_is_not_taken_again_after_a_restart(settings: Settings) -> None:
    """What was used is kept in the store, which outlives the process; the token itself is not."""
    key, used, answers = ECKey.generate_key("P-384", {"kid": "k1"}), "", []
    for _ in range(2):
        with served(settings) as http, respx.mock as router:
            router.get(JKU).mock(return_value=httpx.Response(200, json={"keys": [key.as_dict(private=False)]}))
            client = Ehr(http, key)
            used = used or client.token("/cds-services")
            answers.append(client.ask("/cds-services", token=used).status_code)

    assert answers == [200, 401]
    assert used.encode() not in b"".join(file.read_bytes() for file in settings.home.iterdir())


def test_keys_that_cannot_be_had_are_503(settings: Settings) -> None:
    """Where the client's keys cannot be fetched, it is told to come again; nothing is let in."""
    with served(settings) as http, respx.mock as router:
        router.get(JKU).mock(return_value=httpx.Response(503, headers={"Retry-After": "7"}))
        answer = Ehr(http).ask("/cds-services")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_keys_are_not_followed_elsewhere(settings: Settings) -> None:
    """A redirect of the published address is refused: keys come from where the list says."""
    with served(settings) as http, respx.mock as router:
        router.get(JKU).mock(return_value=httpx.Response(302, headers={"Location": "https://evil.example/"}))
        answer = Ehr(http).ask("/cds-services")

    assert answer.status_code == 503


def test_beyond_this_machine_somebody_has_to_be_listed(tmp_path: Path) -> None:
    """A service that others reach answers no CDS client while none is listed."""
    with served(Settings(home=tmp_path, host="0.0.0.0")) as http:  # noqa: S104 - what is tested
        assert http.get("/cds-services").status_code == 401


@pytest.mark.parametrize("jku", ["http://ehr.example/jwks.json", "https://169.254.169.254/keys", "file:///etc/passwd"])
def test_keys_come_over_tls_from_a_server(settings: Settings, tmp_path: Path, jku: str) -> None:
    """An address of keys that anybody on the way could change, or that is none, is refused before anyone is served."""
    file = tmp_path / "other.toml"
    file.write_text(f'[[client]]\niss = "{ISS}"\njku = "{jku}"\n')
    with pytest.raises(SettingError, match="jku"), served(replace(settings, cds_clients=file)):
        pass


def test_check_says_what_is_wrong_with_the_list(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A list of clients that `serve` would refuse is found by `check` as well."""
    monkeypatch.setenv("CANDOR_CDS_CLIENTS", str(tmp_path / "none.toml"))

    run = candor("check")

    assert run.code == 3
    assert "CANDOR_CDS_CLIENTS: " in run.out
