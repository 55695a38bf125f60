"""What every endpoint needs: the studies' screeners, the limits, and the thread that judges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, TypeVar, TypeVarTuple

from fastapi import Depends, Request

from service.api.problems import Problem
from service.cds.door import CdsHooks
from service.discovery.door import RunDoor
from service.screening.patient import Screener
from service.screening.research import Pseudonyms
from service.subscriptions.door import Notices
from service.trust.bearers import Bearers
from service.work.desk import Desk
from service.work.model import Key
from service.work.orders import ScreenOrder

RETRY_WHEN_BUSY = 1  # seconds
UNPROVEN = 8  # bodies at a time that may be anybody's until they are read

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken at once."""

    body_bytes: int
    entries: int
    screenings: int  # under way or waiting
    body_seconds: float = 60.0  # for a body to arrive


@dataclass(slots=True)
class Places:
    """How many of a kind may be under way at once, and are."""

    number: int
    kind: str
    taken: int = 0

    @property
    def full(self) -> bool:
        """Whether there is no place left."""
        return self.taken >= self.number

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place. Raises a ``Problem``: 429."""
        if self.full:
            detail = f"As many {self.kind} as allowed are under way."
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "queue-full", detail, retry_after=RETRY_WHEN_BUSY)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


@dataclass(slots=True, kw_only=True)
class Service:
    """The doors' share of the composition: built by ``service.app``, handed to ``create_api``."""

    screeners: Mapping[str, Screener]  # by study id, the default study first
    limits: Limits
    worker: Executor  # decodes and judges, off the event loop
    desk: Desk  # keeps what is accepted
    keys: Sequence[Mapping[str, str]] = ()  # the public parts of those by which we sign, as JWKs
    runs: RunDoor | None = None
    cds: CdsHooks | None = None
    notices: Notices | None = None
    bearers: Bearers | None = None  # whose tokens are believed; ``None``: reached from this machine alone
    pseudonyms: Pseudonyms | None = None  # people's names for researchers
    metrics_open: bool = False  # to whoever reaches the port
    public_url: str | None = None  # under which callers reach the service; ``None``: as each of them says
    unproven: Places = field(default_factory=lambda: Places(UNPROVEN, "signed bodies"))
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        """Have as many places for screenings as the limits allow."""
        self.places = Places(self.limits.screenings, "screenings")

    def screener(self, study: str | None) -> Screener:
        """Return the screener of a study, or of the first one. Raises a ``Problem``: 404."""
        if study is None:
            return next(iter(self.screeners.values()))
        if study not in self.screeners:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-study", "No study of this id is loaded.")
        return self.screeners[study]

    async def take(self, order: ScreenOrder, key: Key | None, *, later: bool) -> str:
        """Keep a request and, unless it may be done later, do it; return the id of its screening.

        Raises as ``Desk.accept`` and ``Desk.run``.
        """
        accepted = await self.desk.accept(order, key, at_once=not later)
        if not later:
            await self.desk.run(accepted)
        return accepted.screening

    async def off_loop(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do in the worker's thread what takes long for a large body. Raises what ``work`` raises."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, work, *args)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(_service)]
