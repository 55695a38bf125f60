"""The HTTP service put together by the settings, and served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from service.access import hospital_servers, signing_keys
from service.api import create_api
from service.api.service import Limits, Service
from service.config import Settings
from service.errors import SettingError
from service.hospital.keys import jwks
from service.screeners import mappings, screener
from service.servers import connected
from service.study.load import study_ids


def create_app(settings: Settings) -> FastAPI:
    """Return the HTTP service; the definitions are loaded before it listens.

    Raises ``DefinitionError`` where one is wrong or there is no study, and ``SettingError``.
    """
    hospital_servers(settings)  # refused before it listens, where it cannot be used
    keys = jwks(signing_keys(settings))["keys"]
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
            join = await stack.enter_async_context(connected(settings))
            by_study = {each.study.record.id: replace(join(each), worker=worker) for each in screeners}
            yield Service(screeners=by_study, limits=limits, worker=worker, keys=keys)

    return create_api(opened)


def serve(settings: Settings) -> None:
    """Serve until stopped. Raises as ``refuse_strangers`` and ``create_app`` do."""
    refuse_strangers(settings)
    # No access log: a URL may name a patient.
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False, server_header=False)


def refuse_strangers(settings: Settings) -> None:
    """Raise ``SettingError`` where the service would listen to other machines without authentication."""
    if not settings.loopback:
        reached = f"CANDOR_HOST: {settings.host} is reached from other machines"
        if settings.oidc_issuer is None:
            raise SettingError(f"{reached}: set CANDOR_OIDC_ISSUER, or listen on 127.0.0.1.")
        raise SettingError(
            f"{reached}, and this version does not verify the tokens of CANDOR_OIDC_ISSUER yet: "
            "listen on 127.0.0.1, behind a proxy that does."
        )
