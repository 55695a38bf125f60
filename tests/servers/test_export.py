"""HAPI's own $export, of everybody, of a Group and of what changed; searches name the same people as its files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.discovery.model import Selection
from service.hospital.bulk import Export, Wish
from service.hospital.bulk_people import BulkPeople
from service.hospital.client import FhirClient, Server
from service.hospital.rest_people import RestPeople
from service.population.people import LocalPeople
from service.screening.patient import Screener
from service.study.load import default_mappings, load_vocabulary
from tests.servers.fixtures import started_hapi
from tests.verdicts import shipped_reader, shipped_study

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.anyio]

KINDS = ("Patient", "Condition", "Observation")
ICD = "http://hl7.org/fhir/sid/icd-10"
SSC = "https://trial-screening.example/fhir/CodeSystem/ssc"
SCREENER = Screener(shipped_study(), shipped_reader())


def put(server: str, kind: str, id_: str, **elements: Any) -> None:
    """Keep a resource."""
    body = {"resourceType": kind, "id": id_, **elements}
    httpx.put(f"{server}/{kind}/{id_}", json=body, timeout=60).raise_for_status()


def coded(server: str, kind: str, id_: str, patient: str, code: str, system: str = ICD) -> None:
    """Keep a record with a code."""
    coding = {"coding": [{"system": system, "code": code}]}
    status = {"status": "final"} if kind == "Observation" else {}
    put(server, kind, id_, code=coding, subject={"reference": f"Patient/{patient}"}, **status)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a HAPI server with people of whom some have the disease, some items, and some neither."""
    with started_hapi(tmp_path_factory.mktemp("hapi")) as server:
        for patient in ("dotted", "bare", "below", "items", "one-item", "well", "other-system"):
            put(server, "Patient", patient)
        coded(server, "Condition", "c1", "dotted", "M34.0")
        coded(server, "Condition", "c2", "bare", "M341")
        coded(server, "Condition", "c3", "below", "M34.81")
        coded(server, "Condition", "c4", "items", "I73.0")
        coded(server, "Observation", "o4", "items", "sclerodactyly", SSC)
        coded(server, "Condition", "c5", "one-item", "I73.0")
        coded(server, "Condition", "c6", "well", "J45.0")
        coded(server, "Condition", "c7", "other-system", "M34.0", "urn:oid:1.2.3.4")
        put(server, "Group", "g1", type="person", actual=True, member=[{"entity": {"reference": "Patient/bare"}}])
        yield server


async def bulk(server: str, folder: Path, known: frozenset[str] = frozenset(), **wish: Any) -> Selection:
    """Select from an export."""
    async with FhirClient(Server(base=server)) as client:
        rest = RestPeople(SCREENER, client, load_vocabulary(default_mappings()), since=wish.get("since"))
        people = BulkPeople(
            client,
            SCREENER.study,
            folder / "export",
            Wish(KINDS, **wish),
            lambda source: LocalPeople(SCREENER, source, folder / "selected"),
            rest,
        )
        return await people.select(known, lambda *_: None)


async def test_searches_and_an_export_name_the_same_people(hospital: str, tmp_path: Path) -> None:
    """In each spelling, by the diagnosis or by items that reach the score; nobody else."""
    exported = await bulk(hospital, tmp_path)
    async with FhirClient(Server(base=hospital)) as client:
        rest = RestPeople(SCREENER, client, load_vocabulary(default_mappings()), since=None)
        searched = await rest.select(frozenset(), lambda *_: None)

    named = [f"Patient/{each}" for each in ("below", "bare", "dotted", "items")]
    assert exported.patients == sorted(named)
    assert searched.patients == exported.patients
    assert (exported.unread, searched.unread) == ([], [])
    assert searched.seen == exported.seen == 7
    assert exported.until is not None


async def test_a_group_is_exported(hospital: str, tmp_path: Path) -> None:
    """Its members and their records, and nobody else's."""
    folder = tmp_path / "export"
    async with FhirClient(Server(base=hospital)) as client:
        done = await Export(client, folder, Wish(KINDS, "g1"), lambda *_: None).run()

    text = "".join(file.read_text() for file in folder.iterdir())
    assert done.unread == []
    assert "M341" in text
    assert "M34.0" not in text


async def test_of_what_changed_one_new_item_is_enough(hospital: str, tmp_path: Path) -> None:
    """The Patient itself did not change, and is in no file."""
    await asyncio.sleep(1.1)  # what was put before is older
    since = datetime.now(UTC)
    await asyncio.sleep(0.1)
    coded(hospital, "Condition", "c8", "well", "I73.0")

    found = await bulk(hospital, tmp_path, frozenset({"Patient/dotted"}), since=since)

    assert found.patients == ["Patient/dotted", "Patient/well"]
    assert found.unread == []
