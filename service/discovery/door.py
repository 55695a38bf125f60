"""Runs that callers ask a service for: kept as a job each, and looked at while they go on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import msgspec

from service.discovery.model import Run, RunOrder
from service.errors import InputError
from service.work.model import Key, Kind, NewJob

_encode = msgspec.json.encode
read_order = msgspec.json.Decoder(RunOrder).decode


class Queue(Protocol):
    """Where runs wait. Every method may raise ``StoreDown``."""

    async def queue(self, id_: str, order: RunOrder, job: NewJob, key: Key | None) -> str:
        """Keep a run together with the job that carries it out; return its id, or that of the one with this key.

        Raises ``RunUnderWay`` and ``KeyTaken``.
        """
        ...

    async def read(self, id_: str) -> Run | None:
        """Return a run."""
        ...

    async def last(self, study: str) -> Run | None:
        """Return the study's last run that ended well and left nobody out."""
        ...


@dataclass(frozen=True, slots=True)
class RunDoor:
    """Takes runs in, and tells of them."""

    queue: Queue
    studies: Collection[str]
    sources: frozenset[str]  # those that are configured
    wake: Callable[[], None]  # the worker, when a run was kept

    async def start(self, order: RunOrder, key: Key | None = None) -> str:
        """Keep a run; return its id, the same for the same ``key``, whatever became of that run.

        Raises ``RunUnderWay``, ``KeyTaken``, ``StoreDown``, and ``InputError`` without the server.
        """
        if order.source not in self.sources:
            raise InputError("No hospital server is configured: set CANDOR_FHIR_URL.", "no-hospital-server")
        id_ = str(uuid4())
        job = NewJob(id_, Kind.DISCOVER, id_, _encode(order), lane=f"discover {order.study}")
        kept = await self.queue.queue(id_, order, job, key)
        self.wake()
        return kept

    async def read(self, id_: str) -> Run | None:
        """Return a run. Raises ``StoreDown``."""
        return await self.queue.read(id_)

    async def last(self) -> dict[str, datetime]:
        """Return when the last run of each study began that ended well. Raises ``StoreDown``."""
        found = [await self.queue.last(study) for study in self.studies]
        return {run.order.study: run.started for run in found if run is not None}
