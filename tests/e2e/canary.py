"""A person who must not be heard of: names, identifiers, dates and values made up so that nothing else looks so.

``World`` is the service with all its ears: whatever is said in the log, in metrics, in traces or in an error is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import respx
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan

from service import metrics
from tests.builders import Resource, complete_chart, observation
from tests.doors import OPERATIONS
from tests.e2e.conftest import Run
from tests.hospital import ANSWERS, BASE, Hospital, searchset
from tests.telling import counted
from tests.verdicts import as_json

ID = "canary-4711"
FAMILY, GIVEN, NUMBER, BIRTH, VALUE, SECRET = (
    "Kanarinelli",
    "Zephyrine",
    "277017555555",
    "1961-02-03",
    "83.17",
    "s3cr3t",
)
SIGNS = (ID, FAMILY, GIVEN, NUMBER, BIRTH, VALUE, SECRET)
HOSTILE = f"{FAMILY} {GIVEN} {NUMBER} {BIRTH} {VALUE} {ID}"  # what a server or a caller may put into any text

Json = dict[str, Any]
Answer = Json | int | httpx.Response


def chart(**patient: Any) -> Resource:
    """Return the canary's chart: a candidate, with records that can be read and some that cannot."""
    person = {
        "id": ID,
        "birthDate": BIRTH,
        "name": [{"family": FAMILY, "given": [GIVEN], "text": HOSTILE}],
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": NUMBER}],
        "telecom": [{"system": "phone", "value": NUMBER}],
        "address": [{"text": HOSTILE}],
    }
    whole = complete_chart().value("mrss", f"{VALUE} {{score}}")
    whole = whole.replace("patient", whole.parts["patient"] | person | patient)
    return whole.add(
        observation("718-7", f"{VALUE} {FAMILY}", "2026-11-03"),
        observation("777-3", "250 10*9/L", BIRTH + "T" + HOSTILE),
        {"resourceType": "Observation", "id": "text", "status": HOSTILE, "valueQuantity": {"value": HOSTILE}},
        {"resourceType": "Condition", "code": {"text": HOSTILE}, "onsetString": HOSTILE},
        {"resourceType": "Observation", "subject": {"reference": f"Patient/{FAMILY}"}, "code": {"text": HOSTILE}},
    ).bundle()


def outcome(code: str = "processing") -> Json:
    """Return an OperationOutcome that says too much."""
    issue = {"severity": "error", "code": code, "diagnostics": HOSTILE, "details": {"text": HOSTILE}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@dataclass
class World:
    """The service, whoever calls it, the hospital behind it, and everything that was said."""

    http: TestClient
    candor: Callable[..., Run]
    router: respx.MockRouter
    folder: Path
    heard: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    called: set[str] = field(default_factory=set)  # operations of openapi.yaml

    def post(
        self, path: str, body: Json | bytes, kind: str = "application/json", method: str = "POST", **headers: str
    ) -> Any:
        """Call the service."""
        content = body if isinstance(body, bytes) else as_json(body)
        return self.http.request(method, path, content=content, headers={"Content-Type": kind} | headers)

    def until_done(self, place: str) -> Any:
        """Ask again until the answer is no 202."""
        end = monotonic() + 20
        while (answer := self.http.get(place)).status_code == httpx.codes.ACCEPTED and monotonic() < end:
            sleep(0.05)
        return answer

    def ended(self, place: str) -> Json:
        """Look again until a run has ended."""
        end = monotonic() + 30
        while (run := self.http.get(place).json())["state"] in ("queued", "running") and monotonic() < end:
            sleep(0.05)
        told: Json = run
        return told

    def settle(self) -> None:
        """Wait until no job runs or is about to; one that waits for a server that is down stays."""
        end = monotonic() + 5
        while monotonic() < end:
            self.http.get("/metrics")
            if not sum(counted("candor_jobs", state=state) for state in ("ready", "running")):
                return
            sleep(0.05)

    def command(self, *arguments: str | Path) -> Run:
        """Run a command: its stderr is heard, its stdout is the caller's."""
        run = self.candor(*arguments)
        self.heard.append(run.err)
        return run

    def file(self, name: str, content: bytes) -> Path:
        """Return a file with this content."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def hospital(self, **answers: Answer) -> None:
        """Play a hospital's server that holds the canary; ``answers`` go over those of its types."""
        self.router.clear()
        by_type: dict[str, list[Json]] = {}
        for entry in chart()["entry"]:
            by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
        found = {kind: searchset(*resources) for kind, resources in by_type.items()}
        rest = [{"resource": [{"type": kind} for kind in by_type]}]
        statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}
        held = dict.fromkeys(ANSWERS, searchset()) | found | {"Patient": by_type["Patient"][0], "metadata": statement}
        Hospital(self.router, batches=False, **(held | answers))

    def down(self, answer: httpx.Response | Exception) -> None:
        """Play a hospital's server that answers everything so."""
        self.router.clear()
        route = self.router.route(url__startswith=BASE)
        if isinstance(answer, httpx.Response):
            route.mock(answer)
        else:
            route.mock(side_effect=answer)

    def listen(self, response: Any) -> None:
        """Keep which operation it was, what an error says, and every header."""
        response.read()
        self.statuses.add(response.status_code)
        self.called |= {each.id for each in OPERATIONS if each.is_asked_by(response.request)}
        if response.status_code >= httpx.codes.BAD_REQUEST:
            self.heard.append(response.text)
        self.heard.append(json.dumps(dict(response.headers)))


@contextmanager
def nothing_heard(world: World, spans: Sequence[ReadableSpan], capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail where a sign of the canary is in anything that was said while the body ran."""
    capsys.readouterr()
    yield
    log = "".join(capsys.readouterr())
    said = [log, metrics.exposition().decode(), *(span.to_json() for span in spans), *world.heard]
    told = [(sign, text) for sign in SIGNS for text in said if sign.lower() in text.lower()]
    assert not told, "\n".join(f"{sign} in: {text[:2000]}" for sign, text in told)
