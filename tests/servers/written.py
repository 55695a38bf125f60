"""Sample charts on a real server, screened and posted, and what then stands there: for tests of writing back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from service.eligibility.results import Screening
from service.eligibility.screen import screen
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.hospital.client import FhirClient
from service.hospital.commit import HospitalShelf
from service.hospital.plan import Plan, plan_for
from service.hospital.ports import Kept
from service.hospital.records import fetch_chart_resources
from service.hospital.results import write_back
from service.screening.ports import Written
from service.study.load import default_mappings, load_vocabulary
from tests.verdicts import as_json, shipped_study

EXAMPLES = Path(__file__).parents[1] / "examples"
CANDIDATE = "001-clear-candidate"
AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNCHANGED = {"done": False, "why": "unchanged"}
ABOUT_A_PATIENT = ("ResearchSubject", "GuidanceResponse", "Provenance")
LIST = "https://trial-screening.example/fhir/screening-list|NCT06722105"
_VOCABULARY = load_vocabulary(default_mappings())

Json = dict[str, Any]


@cache
def _plan() -> Plan:
    return plan_for(shipped_study(), _VOCABULARY)


def load_chart(server: str, patient: str, name: str = CANDIDATE) -> str:
    """Put the records of a sample chart on the server under ``patient`` as the id; return the patient's reference."""
    bundle = decode((EXAMPLES / f"{name}.json").read_bytes())
    [old] = [entry["resource"]["id"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
    text = as_json(bundle).decode().replace("https://fhir.hospital.example/fhir/", "").replace(old, patient)
    resources = [entry["resource"] for entry in json.loads(text)["entry"]]
    entries = [
        {"resource": item, "request": {"method": "PUT", "url": f"{item['resourceType']}/{item['id']}"}}
        for item in resources
    ]
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    httpx.post(server, json=transaction, timeout=30).raise_for_status()
    return f"Patient/{patient}"


def keep(server: str, resource: Json, unless: str | None = None) -> str:
    """Put a resource there as somebody else does; return its reference. ``unless`` a search finds one already."""
    kind = resource["resourceType"]
    if unless is not None and (there := found(server, kind, identifier=unless)):
        return f"{kind}/{there[0]['id']}"
    if "id" in resource:
        httpx.put(f"{server}/{kind}/{resource['id']}", json=resource, timeout=30).raise_for_status()
        return f"{kind}/{resource['id']}"
    return f"{kind}/{httpx.post(f'{server}/{kind}', json=resource, timeout=30).raise_for_status().json()['id']}"


def exclude(server: str, patient: str) -> None:
    """Give a patient platelets that exclude."""
    platelets = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 12, "system": "http://unitsofmeasure.org", "code": "10*9/L"},
    }
    keep(server, platelets)


async def screen_on(client: FhirClient, patient: str) -> Screening:
    """Pull a chart and screen it."""
    study = shipped_study()
    pulled = await fetch_chart_resources(client, patient, _plan())
    assert pulled.failed == frozenset()
    chart = Reader(study.lexicon, _VOCABULARY, server=client.base).read(pulled.resources, patient)
    result = screen(study, chart, (), AS_OF)
    assert isinstance(result, Screening)
    return result


async def screen_and_post(client: FhirClient, patient: str) -> Written:
    """Pull a chart, screen it and post the result."""
    return await write_back(HospitalShelf(client), await screen_on(client, patient), now=NOW)


async def screened(server: str, patient: str, home: Path) -> dict[str, Any]:
    """Run the command that screens a patient of the server and writes back, in a process of its own."""
    command = ["-m", "service", "screen", "--patient", patient, "--as-of", AS_OF.isoformat(), "--write-back", "--json"]
    settings = {"CANDOR_FHIR_URL": server, "CANDOR_HOME": str(home), "PATH": os.defpath}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    document: dict[str, Any] = json.loads(out)
    return document


def found(server: str, kind: str, **params: str) -> list[Json]:
    """Return the resources that a search finds."""
    params["_count"] = "200"
    bundle = httpx.get(f"{server}/{kind}", params=params, timeout=30).raise_for_status().json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


def about(server: str, patient: str) -> list[Json]:
    """Return everything written about a patient but its line in the list."""
    subjects = found(server, "ResearchSubject", individual=patient)
    guidances = found(server, "GuidanceResponse", subject=patient)
    provenances = {
        each["id"]: each
        for target in (*subjects, *guidances)
        for each in found(server, "Provenance", target=f"{target['resourceType']}/{target['id']}")
    }
    return [*subjects, *guidances, *provenances.values()]


def kinds(resources: Iterable[Json]) -> list[str]:
    """Return the types of resources."""
    return [each["resourceType"] for each in resources]


def versions(resources: Iterable[Json]) -> dict[str, str]:
    """Return the versions of resources by reference."""
    return {f"{each['resourceType']}/{each['id']}": each["meta"]["versionId"] for each in resources}


def subject_of(server: str, patient: str) -> Json:
    """Return the patient's one ResearchSubject."""
    [subject] = found(server, "ResearchSubject", individual=patient)
    return subject


def set_status(server: str, patient: str, status: str) -> None:
    """Set the subject's status, as a person does in another tool."""
    subject = subject_of(server, patient)
    match = {"If-Match": f'W/"{subject["meta"]["versionId"]}"'}
    changed = subject | {"status": status}
    httpx.put(f"{server}/ResearchSubject/{subject['id']}", json=changed, headers=match).raise_for_status()


def lines_of(server: str, patient: str) -> list[Json]:
    """Return what the one screening list says of a patient."""
    [listed] = found(server, "List", identifier=LIST)
    reference = f"ResearchSubject/{subject_of(server, patient)['id']}"
    return [entry for entry in listed["entry"] if entry["item"]["reference"] == reference]


def delete_subject(server: str, patient: str) -> None:
    """Delete the patient's subject, as a person does."""
    httpx.delete(f"{server}/ResearchSubject/{subject_of(server, patient)['id']}").raise_for_status()


class Overtaken(HospitalShelf):
    """A shelf on which a person does something between our read and our first write."""

    def __init__(self, client: FhirClient, act: Callable[[], None]) -> None:
        super().__init__(client)
        self.waiting = [act]

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Let the person go first."""
        while self.waiting:
            self.waiting.pop()()
        return await super().commit(transaction)
