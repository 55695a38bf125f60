"""The hospital's servers, by the settings, as the ports of screening."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.config import Settings
from service.eligibility.chart import Person
from service.eligibility.results import Screening
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.credentials import bearer
from service.hospital.origins import Origin
from service.hospital.patients import find_patient
from service.hospital.plan import Plan, plan_for
from service.hospital.ports import Shelf
from service.hospital.records import fetch_chart_resources
from service.hospital.results import person_status, write_back
from service.screeners import mappings
from service.screening.patient import Screener
from service.screening.ports import Pulled, Written
from service.study.load import load_vocabulary


@dataclass(frozen=True, slots=True)
class HospitalRecords:
    """The hospital's server as the port ``Records``."""

    client: FhirClient
    plan: Plan

    async def fetch(self, patient: str) -> Pulled:
        """Fetch what the study's notions need."""
        return Pulled(*await fetch_chart_resources(self.client, patient, self.plan))


@dataclass(frozen=True, slots=True)
class PostedResults:
    """A server as the port ``Results``."""

    shelf: Shelf
    elsewhere: bool = False  # it is another one than that of the charts
    patient_system: str | None = None  # identifies patients there; ``None``: they have the same ids

    async def post(self, screening: Screening, person: Person) -> Written:
        """Write the result back, now."""
        there = await self._patient(person)
        if there is None:
            why = "no-disease-on-record" if screening.without_disease else "patient-not-on-write-server"
            return Written(done=False, why=why, person_status=self._shown(screening))
        written = await write_back(
            self.shelf,
            screening._replace(patient=there),
            now=datetime.now(UTC),
            as_text=self.patient_system is not None,
        )
        return written._replace(person_status=written.person_status or self._shown(screening))

    async def person_status(self, screening: Screening, person: Person) -> str | None:
        """Return the status that a person has set; of its own server, a chart that shows no subject tells as much."""
        if screening.person_status is None and not self.elsewhere:
            return None
        there = await self._patient(person)
        told = await person_status(self.shelf, screening.study, there) if there is not None else None
        return told or self._shown(screening)

    async def _patient(self, person: Person) -> str | None:
        if self.patient_system is None:
            return person.reference
        return await find_patient(self.shelf, person, self.patient_system)

    def _shown(self, screening: Screening) -> str | None:
        """What the chart shows counts beside another server; of its own, the server's history knows better."""
        return screening.person_status if self.elsewhere else None


def read_server(settings: Settings) -> Server | None:
    """Return the server that charts are pulled from, if one is set."""
    url = settings.fhir_url
    return Server(base=url, credentials=bearer(settings.fhir.token)) if url else None


def write_server(settings: Settings) -> Server | None:
    """Return the server that results are posted to, if one is set."""
    url = settings.fhir_write_url or settings.fhir_url
    if url is None:
        return None
    # A token is for the server that it was issued for: another one gets its own or none.
    same = settings.fhir_url is not None and Origin.parse(url)[:3] == Origin.parse(settings.fhir_url)[:3]
    return Server(base=url, credentials=bearer(settings.fhir_write.token or (settings.fhir.token if same else None)))


def _results(settings: Settings, shelf: Shelf) -> PostedResults:
    reads, writes = settings.fhir_url, settings.fhir_write_url
    if writes is None or (reads is not None and Origin.parse(writes) == Origin.parse(reads)):
        return PostedResults(shelf)
    return PostedResults(shelf, elsewhere=True, patient_system=settings.fhir_write_patient_system)


@asynccontextmanager
async def connected(settings: Settings, unconnected: Screener) -> AsyncIterator[Screener]:
    """Give the screener with the servers that the settings name."""
    async with AsyncExitStack() as stack:
        joined = unconnected
        reads, writes = read_server(settings), write_server(settings)
        client = await stack.enter_async_context(FhirClient(reads)) if reads else None
        if client is not None:
            plan = plan_for(unconnected.study, load_vocabulary(mappings(settings), settings.site))
            joined = replace(joined, records=HospitalRecords(client, plan))
        if writes is not None:
            writer = client if client and writes == reads else await stack.enter_async_context(FhirClient(writes))
            joined = replace(joined, results=_results(settings, HospitalShelf(writer)))
        yield joined


async def capabilities(server: Server) -> dict[str, Any]:
    """Return a server's CapabilityStatement. Raises ``TryLater`` and ``Never``."""
    async with FhirClient(server) as client:
        return await client.read("metadata")
