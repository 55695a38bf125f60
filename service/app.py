"""The HTTP service put together by the settings, and served."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from service.api import create_api
from service.api.service import Limits, Service
from service.config import Settings
from service.errors import SettingError
from service.screeners import mappings, screener
from service.servers import connected
from service.study.load import study_ids

LOGGED = frozenset({"event", "level", "timestamp", "error", "file", "line"})  # never names, ids or clinical values


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
    log_to_stderr()
    # No access log: a URL may name a patient.
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False, server_header=False)


def log_to_stderr() -> None:
    """Log one JSON object an event on stderr, with the fields of ``LOGGED`` and no others."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def _allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop what is not known to be free of patient data."""
    return {name: value for name, value in event.items() if name in LOGGED}
