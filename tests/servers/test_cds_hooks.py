"""CDS Hooks as an EHR uses them: a real FHIR server behind it, keys of its own, the service as a process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from service.demo import charts
from tests.cds import SERVICE, call, lent, of_today
from tests.servers.running import running
from tests.verdicts import as_json

pytestmark = pytest.mark.servers

Json = dict[str, Any]
PATIENT = "cds-01"
ISS = "https://ehr.example/"


@contextmanager
def published(keys: Json) -> Iterator[str]:
    """Give the address of a JWK Set on this machine."""
    body = json.dumps(keys).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        server.shutdown()


@dataclass
class Ehr:
    """An EHR with its FHIR server, whose clinician opens one chart."""

    service: str
    fhir: str
    key: RSAKey

    def ask(self, path: str, body: Json | None = None) -> httpx.Response:
        """Call the service with a token for this call."""
        now = int(time.time())
        claims = {"iss": ISS, "aud": self.service + path, "exp": now + 60, "iat": now, "jti": str(uuid4())}
        token = jwt.encode({"alg": "RS384", "kid": "k1"}, claims, self.key, algorithms=["RS384"])
        method = "GET" if body is None else "POST"
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.request(method, self.service + path, json=body, headers=headers, timeout=60)

    def prefetch(self) -> Json:
        """Return what the templates of discovery bring, one request each, all pages of it."""
        templates: dict[str, str] = self.ask("/cds-services").json()["services"][0]["prefetch"]
        asked = {kind: each.replace("{{context.patientId}}", PATIENT) for kind, each in templates.items()}
        return {kind: self.everything(f"{self.fhir}/{query}") for kind, query in asked.items()}

    def everything(self, url: str) -> Json:
        """Return what a URL of the server brings, all pages in one."""
        headers = {"Cache-Control": "no-cache"}
        answer = httpx.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        page = found
        while following := [link["url"] for link in page.get("link", ()) if link["relation"] == "next"]:
            page = httpx.get(following[0], headers=headers).json()
            found["entry"] += page["entry"]
        found["link"] = []
        return found

    def card(self, chart: Json, **members: Any) -> Json:
        """Open the chart; return its card."""
        answer = self.ask(SERVICE, call(chart, **members))
        assert answer.status_code == 200, answer.text
        [card] = answer.json()["cards"]
        found: Json = card
        return found


@pytest.fixture(scope="module")
def chart(hapi: str) -> Json:
    """Put a candidate's chart on the EHR's server, under ids of its own."""
    named = as_json(charts()["01-shown-in-full"]).decode().replace("demo-01", PATIENT)
    chart = of_today(json.loads(named))
    for each in chart["entry"]:
        resource = each["resource"]
        resource["id"] = resource["id"] if resource["resourceType"] == "Patient" else f"{PATIENT}-{resource['id']}"
    requests = [
        {
            "resource": each["resource"],
            "request": {"method": "PUT", "url": f"{each['resource']['resourceType']}/{each['resource']['id']}"},
        }
        for each in chart["entry"]
    ]
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": requests}
    answer = httpx.post(hapi, content=as_json(sent), headers={"Content-Type": "application/fhir+json"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return chart


@pytest.fixture(scope="module")
def ehr(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    """Give an EHR that the service knows."""
    key, folder = RSAKey.generate_key(2048, {"kid": "k1"}), tmp_path_factory.mktemp("cds")
    with published({"keys": [key.as_dict(private=False)]}) as jku:
        (folder / "clients.toml").write_text(f'[[client]]\niss = "{ISS}"\njku = "{jku}"\n')
        # One chart on a busy machine of two cores may take longer than a clinician would be kept waiting.
        settings = {"CDS_CLIENTS": str(folder / "clients.toml"), "CDS_BUDGET_MS": "20000", "FHIR_URL": hapi}
        with running(folder / "home", **settings) as service:
            yield Ehr(service.url, hapi, key)


def test_a_chart_that_is_brought_and_one_that_is_fetched_give_one_card(ehr: Ehr, hapi: str, chart: Json) -> None:
    """A real server takes every template, and what they bring is what a fetch finds."""
    brought = ehr.card(chart, prefetch=ehr.prefetch(), fhirServer=hapi)
    fetched = ehr.card(chart, **lent(hapi))

    assert brought["summary"].startswith("Candidate for the trial NCT06722105")
    assert brought == fetched


def test_who_is_put_on_the_list_is_a_persons_and_not_suggested_again(ehr: Ehr, hapi: str, chart: Json) -> None:
    """The suggestion is a resource that the server takes; from then on its status is told and nobody writes over it."""
    [suggestion] = ehr.card(chart, **lent(hapi))["suggestions"]
    [action] = suggestion["actions"]
    created = httpx.post(f"{hapi}/ResearchSubject", json=action["resource"], timeout=60)
    after = ehr.card(chart, **lent(hapi))
    screened = httpx.post(
        f"{ehr.service}/api/v1/screenings", json={"patient": PATIENT, "write_back": True}, timeout=60
    ).json()
    [subject] = ehr.everything(f"{hapi}/ResearchSubject?individual=Patient/{PATIENT}")["entry"]

    assert created.status_code == 201, created.text
    assert "suggestions" not in after
    assert "A person has set the status on this study's list: screening." in after["detail"]
    assert (screened["person_status"], screened["written"]["done"]) == ("screening", True)
    assert subject["resource"]["status"] == "screening"


def test_nobody_else_is_answered(ehr: Ehr, chart: Json) -> None:
    """Over real sockets too, a call without a token is 401."""
    answer = httpx.post(ehr.service + SERVICE, json=call(chart))

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_log_and_the_files_hold_no_lent_token(ehr: Ehr, hapi: str, chart: Json, tmp_path: Path) -> None:
    """After a call with a token that is one of a kind, nothing on disk holds it."""
    token = f"one-of-a-kind-{uuid4()}"
    with running(tmp_path / "home", FHIR_URL=hapi) as service:
        answer = httpx.post(service.url + SERVICE, json=call(chart, **lent(hapi, token)), timeout=60)
    held = [file for file in (tmp_path / "home").rglob("*") if file.is_file() and token.encode() in file.read_bytes()]

    assert answer.status_code == 200
    assert held == []
