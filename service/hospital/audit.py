"""Records that charts were read: on the hospital's server, and in a file where it takes no such record."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from service.eligibility.study import Study
from service.errors import ServerError, SettingError
from service.fhir.write import encode
from service.fhir.write_audit import write_audit
from service.hospital.client import FhirClient
from service.hospital.ports import Resource
from service.hospital.refusals import Refused


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AuditTrail:
    """One AuditEvent for each chart read; use it as an async context manager, whose end waits for all of them.

    Nobody waits for an event to be kept, but where one could not be kept at all, no further chart is read.
    """

    def __init__(
        self, server: str, to: FhirClient | None, file: Path, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        """``server`` is read; events go ``to`` it, or with ``None`` to ``file`` alone."""
        self._server, self._to, self._file, self._clock = server, to, file, clock
        self._machine = socket.gethostname()
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = kind is not None and issubclass(kind, asyncio.CancelledError)
        if stopped:
            for task in self._under_way:
                task.cancel()  # it is kept in the file, which takes no time
        await asyncio.gather(*self._under_way, return_exceptions=stopped)

    def read(self, study: Study, patient: str) -> None:
        """Record that ``Patient/id`` was read. Raises ``SettingError`` where an earlier event could not be kept."""
        for done in [task for task in self._under_way if task.done()]:
            self._under_way.remove(done)
            done.result()
        event = write_audit(study, patient, server=self._server, machine=self._machine, now=self._clock())
        self._under_way.add(asyncio.create_task(self._keep(event)))

    async def _keep(self, event: Resource) -> None:
        try:
            if self._to is not None:
                await self._to.create(event)
                return
        except Refused:
            self._to = None  # it takes none: not asked again
        except ServerError:
            pass  # it may have taken this one: twice is better than never
        except asyncio.CancelledError:
            self._write(event)
            raise
        self._write(event)

    def _write(self, event: Resource) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Appended in one go, so that processes may share the file; for nobody else to read.
            to = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(to, encode(event) + b"\n")
            finally:
                os.close(to)
        except OSError as error:
            raise SettingError(
                f"CANDOR_HOME: no record of reads can be kept in {self._file} ({error.strerror})."
            ) from None
