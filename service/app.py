"""The composition root: the one place that knows every concrete part and puts them together by the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from service.api import create_api
from service.api.service import Limits, Service
from service.config import Settings
from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.errors import InputError, SettingError
from service.fhir.read import Reader
from service.hospital.client import FhirClient, Server
from service.hospital.plan import Plan, plan_for
from service.hospital.ports import Shelf
from service.hospital.records import fetch_chart_resources
from service.hospital.results import person_status, write_back
from service.screening.patient import Screener
from service.screening.ports import Pulled, Written
from service.study.load import default_mappings, load_study, load_vocabulary, study_ids


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


def mappings(settings: Settings) -> Path:
    """Return the folder of the definitions."""
    return settings.mappings or default_mappings()


def load(settings: Settings, study: str | None = None) -> Study:
    """Load a study, or the first one. Raises ``DefinitionError``, and ``InputError`` for an unknown id."""
    folder = mappings(settings)
    known = study_ids(folder)
    if study is not None and study not in known:
        raise InputError(f"There is no study {study}; there are: {', '.join(known) or 'none'}.", "unknown-study")
    return load_study(folder, study, settings.site)


def screener(settings: Settings, study: str | None = None) -> Screener:
    """Return the screener of a study, over records that are brought. Raises as ``load`` does."""
    loaded = load(settings, study)
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    server = str(settings.fhir_url) if settings.fhir_url else None
    return Screener(loaded, Reader(loaded.lexicon, vocabulary, server=server))


def read_server(settings: Settings) -> Server | None:
    """Return the server that charts are pulled from, if one is set."""
    return _server(settings, str(settings.fhir_url)) if settings.fhir_url else None


def write_server(settings: Settings) -> Server | None:
    """Return the server that results are posted to, if one is set."""
    url = settings.fhir_write_url or settings.fhir_url
    return _server(settings, str(url)) if url else None


def _server(settings: Settings, base: str) -> Server:
    return Server(base=base, token=settings.fhir_token.get_secret_value() if settings.fhir_token else None)


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


def create_app(settings: Settings) -> FastAPI:
    """Return the HTTP service; the definitions are loaded before it listens."""
    screeners = [screener(settings, study) for study in study_ids(mappings(settings))]
    limits = Limits(
        body_bytes=settings.max_body_bytes, entries=settings.max_entries, screenings=settings.max_screenings
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Service]:
        async with AsyncExitStack() as stack:
            # Judging holds the interpreter's lock: more threads would only keep the event loop waiting longer.
            worker = stack.enter_context(ThreadPoolExecutor(1, "screening"))
            joined = [await stack.enter_async_context(connected(settings, each)) for each in screeners]
            by_study = {each.study.record.id: replace(each, worker=worker) for each in joined}
            yield Service(screeners=by_study, limits=limits, worker=worker)

    return create_api(opened)


def serve(settings: Settings) -> None:
    """Serve until stopped. Raises ``SettingError`` rather than listen to strangers without authentication."""
    if not settings.loopback:
        reached = f"CANDOR_HOST: {settings.host} is reached from other machines"
        if settings.oidc_issuer is None:
            raise SettingError(f"{reached}: set CANDOR_OIDC_ISSUER, or listen on 127.0.0.1.")
        raise SettingError(
            f"{reached}, and this version does not verify the tokens of CANDOR_OIDC_ISSUER yet: "
            "listen on 127.0.0.1, behind a proxy that does."
        )
    # No access log: a URL may name a patient.
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False, server_header=False)
