"""The hospital's servers, by the settings, as the ports of screening."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.config import Settings
from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.errors import SettingError
from service.hospital.client import FhirClient, Server
from service.hospital.credentials import bearer
from service.hospital.origins import Origin
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
    """A server, or a folder, as the port ``Results``."""

    server: FhirClient | Shelf

    async def post(self, screening: Screening) -> Written:
        """Write the result back, now."""
        return await write_back(self.server, screening, now=datetime.now(UTC))

    async def person_status(self, study: Study, patient: str) -> str | None:
        """Return the status that a person has set, if any."""
        return await person_status(self.server, study, patient)


def read_server(settings: Settings) -> Server | None:
    """Return the server that charts are pulled from, if one is set."""
    url = settings.fhir_url
    return Server(base=url, credentials=bearer(settings.fhir.token)) if url else None


def write_server(settings: Settings) -> Server | None:
    """Return the server that results are posted to, if one is set.

    Raises ``SettingError`` where patients have other ids there: a result must not go to whoever has the same one.
    """
    url = settings.fhir_write_url or settings.fhir_url
    if url is None:
        return None
    if settings.fhir_write_patient_system is not None:
        raise SettingError(
            "CANDOR_FHIR_WRITE_PATIENT_SYSTEM: this version finds patients of the write server by the same id alone; "
            "remove the setting where the ids are the same, and CANDOR_FHIR_URL and CANDOR_FHIR_WRITE_URL where not."
        )
    # A token is for the server that it was issued for: another one gets its own or none.
    same = settings.fhir_url is not None and Origin.parse(url)[:3] == Origin.parse(settings.fhir_url)[:3]
    return Server(base=url, credentials=bearer(settings.fhir_write.token or (settings.fhir.token if same else None)))


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
            joined = replace(joined, results=PostedResults(writer))
        yield joined


async def capabilities(server: Server) -> dict[str, Any]:
    """Return a server's CapabilityStatement. Raises ``TryLater`` and ``Never``."""
    async with FhirClient(server) as client:
        return await client.read("metadata")
