"""A hospital's FHIR server, services that are killed, their store, and a caller who keeps asking."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from sqlalchemy import select

from service.store.database import Database, opened
from service.store.tables import jobs, screenings
from tests.servers.fault_proxy import Exchange, FaultProxy
from tests.servers.fixtures import free_port
from tests.servers.written import UNCHANGED, found, load_chart

PATIENCE = 90.0  # seconds for anything that has to happen on a busy machine
LEASE = 2  # seconds
CHART = "021-empty-but-ssc"  # small: the disease alone


class Launcher:
    """The process that forks services."""

    def __enter__(self) -> Self:
        self._log = Path(os.devnull).open("w")
        command = [sys.executable, "-m", "tests.crash.launcher"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream is not None
            stream.close()

    def start(self, environment: dict[str, str]) -> int:
        """Start a service; return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(environment) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@dataclass
class Served:
    """One `candor serve`, killed and started again at the same address, behind a proxy of its own to the hospital."""

    name: str
    launcher: Launcher
    environment: dict[str, str]
    proxy: FaultProxy
    port: int = field(default_factory=free_port)
    pid: int = 0

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        await self.ended()  # a kill is only a wish until the process is gone, with its locks and its port
        address = {"CANDOR_PORT": str(self.port), "CANDOR_FHIR_URL": self.proxy.base}
        self.pid = self.launcher.start(self.environment | address)
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.02)

    async def ended(self) -> None:
        """Wait until the process is no more."""
        async with asyncio.timeout(PATIENCE):
            while self.pid and Path(f"/proc/{self.pid}").exists():  # noqa: ASYNC110, ASYNC240 - another process
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut does, if it is not dead yet."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@dataclass
class Request:
    """What was asked, and the id it was accepted under."""

    patient: str
    key: str
    id: str | None = None


@dataclass
class World:
    """Everything, with the requests that were made."""

    hospital: str
    store_url: str | None
    home: Path
    services: list[Served]
    requests: list[Request] = field(default_factory=list)

    async def new_request(self) -> Request:
        """Bring a patient into the hospital, whom nobody has asked about."""
        number = len(self.requests)
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(httpx.TransportError):  # a busy machine; the same again does no harm
                    patient = await asyncio.to_thread(load_chart, self.hospital, f"crash-{number}", CHART)
                    break
        self.requests.append(Request(patient, f"key-{number}"))
        return self.requests[-1]

    async def ask(self, service: Served, request: Request) -> bool:
        """Ask for a screening that is posted, to be answered later; whether it was accepted."""
        headers = {"Prefer": "respond-async", "Idempotency-Key": request.key}
        body = {"patient": request.patient, "as_of": "2026-11-23", "write_back": True}
        try:
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                answer = await client.post(f"{service.url}/api/v1/screenings", json=body, headers=headers)
        except httpx.TransportError:
            return False
        if answer.status_code == 202:
            request.id = answer.json()["id"]
        return answer.status_code == 202

    async def ask_until_accepted(self, service: Served, request: Request) -> None:
        """Ask as an engine does: again with the same key, until the answer is 2xx."""
        async with asyncio.timeout(PATIENCE):
            while not await self.ask(service, request):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Look into the store, beside the services."""
        with opened(self.store_url, self.home, alone=False) as database:
            yield database

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Keep everybody from writing to a table; of SQLite, to any."""
        if self.store_url is None:
            connection = sqlite3.connect(self.home / "candor.db", isolation_level=None, timeout=PATIENCE)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                connection.close()
        else:
            with psycopg.connect(self.store_url) as connection_:
                connection_.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
                yield
                connection_.rollback()

    async def waiting_for_lock(self) -> Served:
        """Return the service that waits inside a transaction. PostgreSQL tells which; of SQLite there is one."""
        if self.store_url is None:
            await asyncio.sleep(0.3)  # judging takes less, and then nothing else is to be done
            return self.services[0]
        query = "SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
        async with asyncio.timeout(PATIENCE):
            async with await psycopg.AsyncConnection.connect(self.store_url, autocommit=True) as connection:
                while True:
                    cursor = await connection.execute(query, [connection.info.dbname])
                    if row := await cursor.fetchone():
                        return next(one for one in self.services if one.name == row[0])
                    await asyncio.sleep(0.01)

    async def settled(self) -> list[str]:
        """Wait until nothing is under way any more; return which answers are not as they must be."""
        said = []
        async with asyncio.timeout(PATIENCE + len(self.requests)), httpx.AsyncClient(timeout=PATIENCE) as client:
            for request in self.requests:
                url = f"{self.services[0].url}/api/v1/screenings/{request.id}"
                while (answer := await client.get(url)).status_code == 202:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.2)
                written = (answer.json()["written"] if answer.status_code == 200 else None) or {"done": False}
                if not written["done"] and written != UNCHANGED:  # posted before a kill, and found so after it
                    said.append(f"{request.patient}: answered {answer.status_code}, {written}")
        return said

    def wrong(self) -> list[str]:
        """Return what is not as it must be: one result for each request, one ResearchSubject for each patient."""
        said = []
        with self.database() as database:
            results = database.now(
                lambda connection: connection.execute(select(screenings.c.id, screenings.c.patient)).all()
            )
            left = database.now(
                lambda connection: connection.execute(select(jobs.c.id).where(jobs.c.state != "done")).all()
            )
        for request in self.requests:
            kept = [row.id for row in results if row.patient == request.patient]
            if kept != [request.id]:
                said.append(f"{request.patient}: {len(kept)} results")
            for kind, element in (("ResearchSubject", "individual"), ("GuidanceResponse", "subject")):
                there = found(self.hospital, kind, **{element: request.patient})
                if len(there) != 1:
                    said.append(f"{request.patient}: {len(there)} {kind}")
        return said + [f"{len(left)} jobs left"] * bool(left)


@asynccontextmanager
async def made(hospital: str, postgres: str | None, home: Path) -> AsyncIterator[World]:
    """Make a world: with ``postgres``, the URL of an empty database, two services share it, else one has its file."""
    async with AsyncExitStack() as stack:
        launcher = stack.enter_context(Launcher())
        services = []
        for name in ("first", "second") if postgres else ("first",):
            proxy = await stack.enter_async_context(FaultProxy(hospital))
            environment = {
                "CANDOR_HOME": str(home),
                "CANDOR_LEASE_SECONDS": str(LEASE),
                "CANDOR_WORKERS": "2",
                "CANDOR_STORE": f"{postgres}?application_name={name}" if postgres else "",
            }
            services.append(Served(name, launcher, environment, proxy))
        world = World(hospital, postgres, home, services)
        await asyncio.gather(*(one.start() for one in services))
        try:
            yield world
        finally:
            for one in services:
                one.kill()


class Hold:
    """A fault that stops at a request to the hospital, before or after the hospital has done it."""

    def __init__(self, world: World, pattern: str, *, done: bool) -> None:
        self._world, self._pattern, self._done = world, pattern, done
        self._reached: asyncio.Queue[Served] = asyncio.Queue()
        self._free = asyncio.Event()

    async def __aenter__(self) -> Self:
        for one in self._world.services:
            one.proxy.once(self._pattern, self._fault_of(one))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._free.set()
        for one in self._world.services:
            one.proxy.faults.clear()

    async def reached(self) -> Served:
        """Wait until a service is there, and return it."""
        return await asyncio.wait_for(self._reached.get(), PATIENCE)

    def go_on(self) -> None:
        """Let it go on."""
        self._free.set()

    def _fault_of(self, service: Served) -> Any:
        async def fault(exchange: Exchange) -> None:
            answer = await exchange.ask() if self._done else None
            self._reached.put_nowait(service)
            await self._free.wait()
            await exchange.answer(answer or await exchange.ask())

        return fault
