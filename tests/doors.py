"""Every operation of openapi.yaml, and who may call it; a new one has to be given its rule here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx2
import yaml
from fastapi.testclient import TestClient

DOCUMENT = yaml.safe_load((Path(__file__).parents[1] / "openapi.yaml").read_text(encoding="utf-8"))
STUDY = "NCT06722105"
CARE, BOTH, ALL = {"care-team"}, {"care-team", "research"}, {"care-team", "research", "none"}


class Rule(NamedTuple):
    """The scope that an operation asks for, and the roles that it is for."""

    scope: str
    roles: set[str]


RULES = {
    "screen": Rule("candor/screen", CARE),
    "readScreening": Rule("candor/read", BOTH),
    "listScreenings": Rule("candor/read", BOTH),
    "startRun": Rule("candor/run", CARE),
    "readRun": Rule("candor/run", CARE),
    "listStudies": Rule("candor/read", BOTH),
    "readStudy": Rule("candor/read", BOTH),
    "fhirEvaluate": Rule("candor/screen", CARE),
    "fhirEvaluation": Rule("candor/read", CARE),
    "fhirMatch": Rule("candor/screen", CARE),
    "fhirOperations": Rule("candor/read", BOTH),
    "fhirOperation": Rule("candor/read", BOTH),
    "fhirStudy": Rule("candor/read", BOTH),
    "metrics": Rule("candor/metrics", ALL),
}
# What they tell is public, or they have a check of their own.
OPEN = {"live", "ready", "keys", "fhirCapabilities"}
OWN = {
    "discoverCdsServices",
    "callCdsService",
    "giveCdsFeedback",
    "notify",
    "notifyByPut",
    "notifyOfResource",
    "notifyOfResourceByPut",
}


class Operation(NamedTuple):
    """One operation of the document."""

    id: str
    method: str
    path: str

    @property
    def form(self) -> str:
        """The media type of its door's errors."""
        return "application/fhir+json" if self.path.startswith("/fhir/") else "application/problem+json"

    def is_asked_by(self, request: httpx2.Request) -> bool:
        """Whether a request is for it."""
        parts = (re.escape(part) if part[:1] != "{" else "[^/]+" for part in self.path.split("/"))
        return request.method == self.method and re.fullmatch("/".join(parts), request.url.path) is not None

    def call(self, http: TestClient, headers: dict[str, str]) -> httpx2.Response:
        """Call it for what there may be."""
        path = self.path.replace("{study}", STUDY).replace("ResearchStudy/{id}", f"ResearchStudy/{STUDY}")
        body = b"{}" if self.method == "POST" else None
        told = headers | ({"Content-Type": "application/json"} if body else {})
        return http.request(self.method, path.replace("{id}", str(uuid4())), content=body, headers=told)


OPERATIONS = [
    Operation(each["operationId"], method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method, each in methods.items()
]
GUARDED = [each for each in OPERATIONS if each.id in RULES]
