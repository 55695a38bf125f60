"""People of real servers that lack something: who is found there all the same, and what is told."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import date
from pathlib import Path

import httpx
import pytest

from bench.online import hospital, seen
from service.demo import charts
from service.discovery.model import GONE, Found
from service.eligibility.entry import entry_of
from service.eligibility.results import NotScreened, Screening
from service.fhir.read import Reader
from service.hospital.client import FhirClient, Server
from service.hospital.entry_search import EntrySearch, People
from service.hospital.plan import plan_for
from service.hospital.records import fetch_chart_resources
from service.hospital.rest_people import RestPeople
from service.screening.patient import Screener
from service.screening.ports import Pulled
from tests.hospital import VOCABULARY
from tests.servers.fault_proxy import Exchange, Fault, FaultProxy, passed_on, refusal
from tests.servers.fixtures import started_medplum
from tests.servers.test_discovery import discover, put
from tests.verdicts import shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

SSC = "https://trial-screening.example/fhir/CodeSystem/ssc"
ALWAYS = 1_000  # times


def patient_on(server: str, *, deleted: bool = False) -> str:
    """Make a Patient, who may be gone again, and return the id."""
    patient = str(httpx.post(f"{server}/Patient", json={"resourceType": "Patient"}).json()["id"])
    if deleted:
        httpx.delete(f"{server}/Patient/{patient}").raise_for_status()
    return patient


def panel_on(server: str) -> str:
    """Make somebody on the server with a skin score in a component, and return who that is."""
    patient = patient_on(server)
    score = {"code": {"coding": [{"system": SSC, "code": "mrss-total"}]}, "valueInteger": 20}
    panel = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "component": [score],
    }
    assert httpx.post(f"{server}/Observation", json=panel).status_code == 201
    return f"Patient/{patient}"


async def found_on(base: str) -> People:
    """Search a server."""
    study = shipped_study()
    entry = entry_of(study)
    assert entry is not None
    async with FhirClient(Server(base=base)) as client:
        return await EntrySearch(client, study, VOCABULARY).find(entry, None)


async def no_combo_code(exchange: Exchange) -> None:
    """Refuse what many servers do not know."""
    await (refusal(400) if b"combo-code" in exchange.body else passed_on)(exchange)


async def no_forms(exchange: Exchange) -> None:
    """Refuse searches by POST."""
    await (refusal(405) if exchange.what.startswith("POST") else passed_on)(exchange)


@pytest.mark.parametrize("lack", [passed_on, no_combo_code, no_forms])
async def test_a_code_in_a_component_is_found(server: str, lack: Fault) -> None:
    """By both codes at once, each by itself where the server refuses that, and by GET where it takes no form."""
    patient = panel_on(server)

    async with FaultProxy(server) as proxy:
        proxy.once("_search$", lack, ALWAYS)
        found = await found_on(proxy.base)

    assert "mrss" in found.concepts[patient]
    assert not [each for each in found.unread if each.startswith("Observation")]


async def test_whom_the_server_does_not_hold_any_more_is_gone(server: str) -> None:
    """Deleted, or never there; somebody who is there is screened."""
    there, deleted = patient_on(server), patient_on(server, deleted=True)

    found = await screened_on(server, [f"Patient/{each}" for each in (deleted, there, "nobody")])

    results = {each.patient.removeprefix("Patient/"): each.judged.result for each in found if each.judged is not None}
    gone = {each for each, result in results.items() if isinstance(result, NotScreened) and result.code == GONE}
    assert gone == {deleted, "nobody"}
    assert isinstance(results[there], Screening)


@pytest.mark.slow
async def test_a_type_that_is_down_ends_no_run(tmp_path: Path) -> None:
    """The others are searched, their people screened, the type is told of, and the command ends with 4."""
    with started_medplum() as server:
        put(server, charts()["02-early-disease"])
        async with FaultProxy(server) as proxy:
            proxy.once("/DiagnosticReport/_search", refusal(503), ALWAYS)
            done: subprocess.CompletedProcess[str] = await asyncio.to_thread(
                discover, tmp_path, proxy.base, "--dry-run"
            )

    assert done.returncode == 4, done.stderr
    report = json.loads(done.stdout)
    assert report["screened"] == 1
    assert {each.partition(":")[0] for each in report["unread"]} == {"DiagnosticReport"}


@pytest.mark.slow
@pytest.mark.parametrize("batches", [True, False])
async def test_a_slow_server_is_asked_as_much_as_it_permits(batches: bool) -> None:
    """All four requests that it permits go on at a time, and never more; how busy they are kept is bench.online's."""
    pause, count = (0.3, 20) if batches else (0.1, 12)
    with hospital(pause, batches=batches) as base:
        found = await screened_on(base, [f"Patient/{number}" for number in range(count)])
        told = seen(base)
    assert [each.error for each in found] == [None] * count
    assert told.most == 4


async def screened_on(base: str, patients: list[str]) -> list[Found]:
    """Screen people; return their ends."""
    study = shipped_study()
    plan = plan_for(study, VOCABULARY)
    async with FhirClient(Server(base=base)) as client:

        class Charts:
            async def fetch(self, patient: str) -> Pulled:
                return await fetch_chart_resources(client, patient, plan)

        screener = Screener(study, Reader(study.lexicon, VOCABULARY, server=base), Charts())
        people = RestPeople(screener, client, VOCABULARY, since=None)
        return [each async for each in people.screened(patients, date(2026, 11, 23), lambda *_: None)]
