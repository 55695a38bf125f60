"""The HTTP service put together by the settings, and served."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from socket import socket
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from service import tracing
from service.access import hospital_servers, signing_keys
from service.advisors import cds_hooks, trusted
from service.api import create_api
from service.api.service import Limits, Service
from service.callers import bearers, check_callers, pseudonyms
from service.config import Settings
from service.discoveries import Discoveries, notices_of
from service.errors import SettingError
from service.hospital.keys import jwks
from service.hospital.origins import is_loopback
from service.screeners import mappings, screener
from service.servers import entered, joining
from service.store.run_store import SqlRuns
from service.store.store import SqlStore, open_store
from service.study.load import study_ids
from service.triggers import triggers
from service.work.desk import Desk
from service.work.run import Jobs
from service.work.worker import Worker

STOP = 15  # seconds that requests under way have to end when the service stops; running jobs then have 10 more

log = structlog.get_logger()


def create_app(settings: Settings, store: SqlStore) -> FastAPI:
    """Return the HTTP service over an open store; the definitions are loaded before it listens.

    Raises ``DefinitionError`` where one is wrong or there is no study, and ``SettingError``.
    """
    check_callers(settings)
    hospital_servers(settings)  # refused before it listens, where it cannot be used
    keys, clients = jwks(signing_keys(settings))["keys"], trusted(settings)
    # Where there is no study, asking for the first one tells why.
    screeners = [screener(settings, study) for study in study_ids(mappings(settings)) or (None,)]
    limits = Limits(
        body_bytes=settings.max_body_bytes, entries=settings.max_entries, screenings=settings.max_screenings
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Service]:
        async with AsyncExitStack() as stack:
            # Judging holds the interpreter's lock: more threads would only keep the event loop waiting longer.
            worker = stack.enter_context(ThreadPoolExecutor(1, "screening"))
            hospital = await stack.enter_async_context(entered(settings))
            join = await stack.enter_async_context(joining(settings, hospital, store))
            by_study = {each.study.record.id: replace(join(each), worker=worker) for each in screeners}
            lease = timedelta(seconds=settings.lease_seconds)
            kept = None if settings.retention_days is None else timedelta(days=settings.retention_days)
            told = triggers(settings, tuple(by_study), store, hospital.reads) if hospital.reads is not None else None
            discoveries = Discoveries(settings, SqlRuns(store.database), hospital.reads, by_study, notices_of(settings))
            jobs = Jobs(store, by_study, told.look.run if told else None, discoveries.run_job)
            crew = Worker(jobs, lease, settings.workers, kept)
            await stack.enter_async_context(crew.started())
            if told is not None and told.patrol is not None:
                await stack.enter_async_context(told.patrol.started())
            desk = Desk(crew, settings.max_queue)
            cds = await stack.enter_async_context(cds_hooks(settings, by_study, store, clients, hospital.reads))
            yield Service(
                screeners=by_study,
                limits=limits,
                worker=worker,
                keys=keys,
                desk=desk,
                runs=discoveries.door(crew.wake),
                cds=cds,
                notices=told.notices(crew.wake) if told else None,
                bearers=await stack.enter_async_context(bearers(settings)),
                pseudonyms=pseudonyms(settings),
                metrics_open=settings.metrics_open,
                public_url=settings.public_url,
            )

    return create_api(opened)


def serve(settings: Settings) -> None:
    """Serve until stopped. Raises as ``refuse_strangers`` and ``create_app`` do."""
    refuse_strangers(settings)
    with tracing.exported(), open_store(settings.store, settings.home) as store:
        app = create_app(settings, store)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,  # a URL may name a patient
            log_config=None,  # what it logs goes the way of all logs
            server_header=False,
            timeout_graceful_shutdown=STOP,
        )
        server = Server(config)
        server.run()
    if not server.started:
        raise SettingError("The service did not start: the log says why.")


class Server(uvicorn.Server):
    """uvicorn, which says at the first signal to stop that no more work is taken."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen, and log where."""
        await super().startup(sockets)
        if self.started:
            # What is loaded now stays for good. To look through it again would hold the event loop for 100 ms.
            gc.collect()
            gc.freeze()
            log.info("serving", host=self.config.host, port=self.config.port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Close the desk, then stop."""
        service: Service | None = getattr(self.config.app.state, "service", None)  # type: ignore[union-attr]
        if service is not None:
            service.desk.close()
        super().handle_exit(sig, frame)


def refuse_strangers(settings: Settings) -> None:
    """Raise ``SettingError`` where other machines would reach the service without authentication."""
    if settings.near or settings.oidc_issuer is not None:
        return
    if is_loopback(settings.host):
        raise SettingError("CANDOR_PUBLIC_URL: other machines call this address: set CANDOR_OIDC_ISSUER.")
    raise SettingError(
        f"CANDOR_HOST: {settings.host} is reached from other machines: set CANDOR_OIDC_ISSUER, or listen on 127.0.0.1."
    )
