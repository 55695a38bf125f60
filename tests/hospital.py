"""A hospital's FHIR server for tests of reading: answers by resource type, with or without batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import respx

from service.hospital.client import FhirClient, Server
from service.hospital.plan import Plan
from service.hospital.records import fetch_chart_resources
from service.screening.ports import Pulled
from service.study.load import default_mappings, load_vocabulary
from tests.verdicts import as_json

BASE = "https://fhir.hospital.example/r4"
VOCABULARY = load_vocabulary(default_mappings())
PLAN = Plan(("Observation", "Condition", "MedicationRequest", "AdverseEvent"), ("1988-5", "a,b"), VOCABULARY)
Json = dict[str, Any]


def record(kind: str, id_: str, **elements: Any) -> Json:
    """Return a resource."""
    return {"resourceType": kind, "id": id_, **elements}


def searchset(*resources: Json, following: str | None = None, **elements: Any) -> Json:
    """Return a page of a search."""
    links = [{"relation": "self", "url": f"{BASE}/x"}]
    if following:
        links.append({"relation": "next", "url": following})
    entries = [
        {"fullUrl": f"{BASE}/{item['resourceType']}/{item.get('id')}", "resource": item, "search": {"mode": "match"}}
        for item in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **elements}


OBSERVATION, CONDITION = record("Observation", "o1"), record("Condition", "c1")
ANSWERS: dict[str, Json | int] = {
    "Patient": record("Patient", "p"),
    "Observation": searchset(OBSERVATION),
    "Condition": searchset(CONDITION),
    "MedicationRequest": searchset(),
    "AdverseEvent": searchset(),
    "metadata": {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [{"resource": [{"type": kind} for kind in ("Patient", *PLAN.kinds)]}],
    },
}

Answer = Json | int | httpx.Response | Callable[[Json], Json | int]


class Hospital:
    """A FHIR server made of answers by resource type: a page, a status, or what a search's parameters give."""

    def __init__(self, router: respx.MockRouter, *, batches: bool, base: str = BASE, **answers: Answer) -> None:
        """Take batches or refuse them; ``answers`` replace those of a small healthy server."""
        self.answers, self.base = ANSWERS | answers, base
        self.batches, self.searches, self.written = batches, [], []
        router.post(base).mock(side_effect=self._batch)
        router.route(url__startswith=f"{base}/").mock(side_effect=self._single)

    def _answer(self, kind: str, params: Json) -> Json | int | httpx.Response:
        if params:
            self.searches.append((kind, params))
        answer = self.answers.get(kind, 404)
        return answer(params) if callable(answer) else answer

    def _single(self, request: httpx.Request) -> httpx.Response:
        place = str(request.url).removeprefix(self.base).partition("?")[0]
        if request.method != "GET" and not place.endswith("/_search"):
            self.written.append(place)
        query = request.content.decode() or urlsplit(str(request.url)).query
        answer = self._answer(place.split("/")[1], dict(parse_qsl(query)))
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(answer) if isinstance(answer, int) else _told(answer)

    def _batch(self, request: httpx.Request) -> httpx.Response:
        bundle = json.loads(request.content)
        if bundle["type"] != "batch":
            self.written.append(bundle["type"])
        if not self.batches:
            return httpx.Response(405)
        entries = []
        for entry in bundle["entry"]:
            path, _, query = entry["request"]["url"].partition("?")
            answer = self._answer(path.split("/")[0], dict(parse_qsl(query)))
            if isinstance(answer, int):
                entries.append({"response": {"status": f"{answer} refused"}})
            else:
                entries.append({"response": {"status": "200 OK"}, "resource": answer})
        return _told({"resourceType": "Bundle", "type": "batch-response", "entry": entries})


def _told(body: Json) -> httpx.Response:
    return httpx.Response(200, content=as_json(body), headers={"Content-Type": "application/fhir+json"})


async def pull(plan: Plan = PLAN, patient: str = "Patient/p") -> Pulled:
    """Pull a patient's records."""
    async with FhirClient(Server(base=BASE, page_size=50)) as client:
        return await fetch_chart_resources(client, patient, plan)


def ids(pulled: Pulled) -> list[str]:
    """Return ``Type/id`` of the records, sorted."""
    return sorted(f"{resource['resourceType']}/{resource['id']}" for resource, _ in pulled.resources)


HEALTHY = ["Condition/c1", "Observation/o1", "Patient/p"]
