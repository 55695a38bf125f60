"""The hospital's servers, by the settings, as the ports of screening."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from service.access import hospital_servers
from service.config import Settings
from service.eligibility.chart import Person
from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.hospital.audit import AuditTrail
from service.hospital.client import FhirClient
from service.hospital.commit import HospitalShelf
from service.hospital.kept_here import KeptHere
from service.hospital.local import LocalShelf
from service.hospital.origins import Origin
from service.hospital.patients import find_patient
from service.hospital.plan import Plan, plan_for
from service.hospital.ports import Shelf, SubjectVersions
from service.hospital.records import fetch_chart_resources
from service.hospital.results import person_status, write_back
from service.hospital.versions import VersionsThere
from service.screeners import mappings
from service.screening.patient import Screener
from service.screening.ports import Pulled, Why, Written
from service.study.load import load_vocabulary


class Clients(NamedTuple):
    """The hospital's servers, as ``Servers`` names them."""

    reads: FhirClient | None
    writes: FhirClient | None  # the very same client where it is the same server


@dataclass(frozen=True, slots=True)
class HospitalRecords:
    """The hospital's server as the port ``Records``."""

    client: FhirClient
    plan: Plan
    study: Study
    trail: AuditTrail

    async def fetch(self, patient: str) -> Pulled:
        """Fetch what the study's notions need, and record that the chart was read."""
        with self.trail.reading(self.study, patient):
            return await fetch_chart_resources(self.client, patient, self.plan)


@dataclass(frozen=True, slots=True)
class PostedResults:
    """A server as the port ``Results``."""

    shelf: Shelf
    elsewhere: bool = False  # it is another one than that of the charts
    patient_system: str | None = None  # identifies patients there; ``None``: they have the same ids
    versions: SubjectVersions | None = None
    trail: AuditTrail | None = None  # where it is recorded that another server was asked about a patient

    async def post(self, screening: Screening, person: Person, *, listed: bool = True) -> Written:
        """Write the result back, now."""
        there = await self._patient(person)
        if there is None:
            why = Why.NO_DISEASE if screening.without_disease else Why.NOT_THERE
            return Written(done=False, why=why, person_status=self._shown(screening))
        with self._reading(screening.study, there):
            written = await write_back(
                self.shelf,
                screening._replace(patient=there),
                now=datetime.now(UTC),
                versions=self.versions,
                as_text=self.patient_system is not None,
                listed=listed,
            )
        return written._replace(person_status=written.person_status or self._shown(screening))

    async def person_status(self, screening: Screening, person: Person) -> str | None:
        """Return the status that a person has set; of its own server, a chart that shows no subject tells as much."""
        if screening.person_status is None and not self.elsewhere:
            return None
        there = await self._patient(person)
        if there is None:
            return self._shown(screening)
        with self._reading(screening.study, there):
            told = await person_status(self.shelf, screening.study, there, versions=self.versions)
        return told or self._shown(screening)

    async def _patient(self, person: Person) -> str | None:
        if self.patient_system is None:
            return person.reference
        return await find_patient(self.shelf, person, self.patient_system)

    def _reading(self, study: Study, patient: str) -> AbstractContextManager[None]:
        """Of the charts' own server one event tells that the patient was read."""
        return nullcontext() if self.trail is None else self.trail.reading(study, patient)

    def _shown(self, screening: Screening) -> str | None:
        """What the chart shows counts beside another server; of its own, the server's history knows better."""
        return screening.person_status if self.elsewhere else None


def _shelf(settings: Settings, writer: FhirClient) -> Shelf:
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    shelf = HospitalShelf(writer, settings.fhir_write_without, vocabulary)
    if "GuidanceResponse" not in settings.fhir_write_without:
        return shelf
    here = settings.home / "kept_here" / quote(writer.base, safe="")  # ids of two servers may be the same
    return KeptHere(shelf, LocalShelf(here), {"GuidanceResponse"})


def _trail(settings: Settings, read: FhirClient, writer: FhirClient | None) -> AuditTrail:
    """Return where reads are recorded: on the server itself, where it is also written to."""
    takes = _same(read, writer) and "AuditEvent" not in settings.fhir_write_without
    return AuditTrail(read.base, writer if takes else None, settings.home / "reads.ndjson")


def _same(one: FhirClient | None, other: FhirClient | None) -> bool:
    """Whether two clients ask the same server, be it with credentials of their own."""
    return one is not None and other is not None and Origin.parse(one.base) == Origin.parse(other.base)


@asynccontextmanager
async def entered(settings: Settings) -> AsyncIterator[Clients]:
    """Give the clients of the servers that the settings name: one for each, whatever it is used for."""
    servers = hospital_servers(settings)
    async with AsyncExitStack() as stack:
        reads = await stack.enter_async_context(FhirClient(servers.reads)) if servers.reads else None
        if servers.writes is None or servers.writes is servers.reads:
            yield Clients(reads, reads)
        else:
            yield Clients(reads, await stack.enter_async_context(FhirClient(servers.writes)))


@asynccontextmanager
async def joining(
    settings: Settings, clients: Clients, versions: SubjectVersions | None = None
) -> AsyncIterator[Callable[[Screener], Screener]]:
    """Give what joins a screener to the servers.

    ``versions`` remembers what was written; without it the server's own resources tell.
    """
    reader, writer = clients
    async with AsyncExitStack() as stack:
        trail = await stack.enter_async_context(_trail(settings, reader, writer)) if reader is not None else None
        results = None
        if writer is not None:
            there = VersionsThere(writer.base, versions) if versions is not None else None
            results = PostedResults(_shelf(settings, writer), versions=there)
            if not _same(reader, writer):
                beside = await stack.enter_async_context(_trail(settings, writer, writer))
                system = settings.fhir_write_patient_system
                results = replace(results, elsewhere=True, patient_system=system, trail=beside)

        def join(unconnected: Screener) -> Screener:
            joined = unconnected
            if reader is not None and trail is not None:
                plan = plan_for(unconnected.study, load_vocabulary(mappings(settings), settings.site))
                joined = replace(joined, records=HospitalRecords(reader, plan, unconnected.study, trail))
            return replace(joined, results=results) if results is not None else joined

        yield join


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Callable[[Screener], Screener]]:
    """Give what joins a screener to the servers that the settings name, where nothing else is done with them."""
    async with entered(settings) as clients, joining(settings, clients) as join:
        yield join
