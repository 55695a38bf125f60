"""What a CDS client sends: sample charts moved to today, as a prefetch or on its FHIR server, and the calls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import respx

from service.fhir.read import located_in
from tests.verdicts import AS_OF, as_json

Json = dict[str, Any]

SERVICE = "/cds-services/NCT06722105-patient-view"
EHR = "https://ehr.example/fhir"
_DATE = re.compile(r'"(\d{4}-\d\d-\d\d)(?=T|")')


def of_today(chart: Json) -> Json:
    """Return a sample chart with every date as far from today as it is from the samples' day."""
    moved = datetime.now().astimezone().date() - date.fromisoformat(AS_OF)
    text = _DATE.sub(lambda found: f'"{date.fromisoformat(found[1]) + moved}', as_json(chart).decode())
    turned: Json = json.loads(text)
    return turned


def prefetch(chart: Json, kinds: Iterable[str]) -> Json:
    """Return what a client brings along of a chart."""
    return {kind: _found(chart, kind) for kind in kinds}


def _found(chart: Json, kind: str) -> Json:
    found = [resource for resource, _ in located_in(chart) if resource["resourceType"] == kind]
    if kind == "Patient":
        return found[0]
    entries = [{"fullUrl": f"{EHR}/{kind}/{each['id']}", "resource": each} for each in found]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def call(chart: Json, **members: Any) -> Json:
    """Return the body of a call about a chart's patient, without prefetch."""
    [patient] = [resource["id"] for resource, _ in located_in(chart) if resource["resourceType"] == "Patient"]
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/dr-1", "patientId": patient},
        **members,
    }


def lent(server: str = EHR, token: str = "lent-token-4711") -> Json:  # noqa: S107 - made up
    """Return the members that give access to a server."""
    return {
        "fhirServer": server,
        "fhirAuthorization": {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "candor",
        },
    }


class Ehr:
    """The client's FHIR server, which takes no batches: what it was asked for, and with which token."""

    def __init__(self, router: respx.MockRouter, chart: Json, base: str = EHR, status: int = 200) -> None:
        """Serve one chart, or answer everything with a ``status`` of refusal."""
        self.chart, self.status, self.path = chart, status, urlsplit(base).path
        self.asked: list[str] = []
        self.shown: set[str | None] = set()
        self.before: Callable[[], None] = lambda: None  # what it does before each answer
        router.route(url__startswith=base).mock(side_effect=self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.before()
        self.shown.add(request.headers.get("authorization"))
        kind, _, rest = urlsplit(str(request.url)).path.removeprefix(f"{self.path}/").partition("/")
        if self.status != 200:
            return httpx.Response(self.status)
        if request.method == "POST" and rest != "_search":
            return httpx.Response(405)
        self.asked.append(kind)
        if kind == "metadata":
            return httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
        assert rest != "_search" or dict(parse_qsl(request.content.decode()))
        return httpx.Response(200, json=_found(self.chart, kind))
