"""Records that charts were read: on the hospital's server, and in a file where it takes no such record."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import ENOSPC
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from service.eligibility.study import Study
from service.errors import InputError, ServerError, SettingError
from service.fhir.write import encode
from service.fhir.write_audit import write_audit
from service.hospital.breaker import Paused
from service.hospital.client import FhirClient
from service.hospital.ports import Resource
from service.hospital.refusals import Refused, Unsent

_NOTHING_CAME = (InputError, Paused, Unsent)  # no such patient, or a server that was not reached


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AuditTrail:
    """One AuditEvent for each chart read; use it as an async context manager, whose end waits for all of them.

    Nobody waits for an event to be kept, but while one is kept nowhere, no further chart is read.
    """

    def __init__(
        self, server: str, to: FhirClient | None, file: Path, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        """``server`` is read; events go ``to`` it, or with ``None`` to ``file`` alone."""
        self._server, self._to, self._file, self._clock = server, to, file, clock
        self._machine = socket.gethostname()
        self._under_way: set[asyncio.Task[None]] = set()
        self._unkept: list[Resource] = []

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
        if self._unkept and not stopped:
            self._write()

    @contextmanager
    def reading(self, study: Study, patient: str) -> Iterator[None]:
        """Record that ``Patient/id`` is read within, in part too where that fails, unless nothing can have come.

        Raises ``SettingError`` before anything is read where it could not be recorded.
        """
        if self._to is None or self._unkept:
            self._write()
        try:
            yield
        except _NOTHING_CAME:
            raise
        except BaseException:
            self._record(study, patient)
            raise
        self._record(study, patient)

    def _record(self, study: Study, patient: str) -> None:
        event = write_audit(study, patient, server=self._server, machine=self._machine, now=self._clock())
        task = asyncio.create_task(self._post(event))
        self._under_way.add(task)
        task.add_done_callback(partial(self._ended, event))

    async def _post(self, event: Resource) -> None:
        try:
            if self._to is not None:
                await self._to.create(event)
                return
        except Refused:
            self._to = None  # it takes none: not asked again
        except ServerError:
            pass  # it may have taken this one: twice is better than never
        self._keep(event)

    def _ended(self, event: Resource, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if task.cancelled():  # before it began, maybe
            self._keep(event)

    def _keep(self, event: Resource) -> None:
        self._unkept.append(event)
        with suppress(SettingError):  # raised when the next chart is to be read, and at the end
            self._write()

    def _write(self) -> None:
        """Write what is kept nowhere yet to the file. Raises ``SettingError`` where it takes nothing."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Appended in one go, so that processes may share the file; for nobody else to read.
            to = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                while self._unkept:
                    line = encode(self._unkept[0]) + b"\n"
                    if os.write(to, line) < len(line):
                        raise OSError(ENOSPC, os.strerror(ENOSPC))
                    del self._unkept[0]
            finally:
                os.close(to)
        except OSError as error:
            raise SettingError(
                f"CANDOR_HOME: no record of reads can be kept in {self._file} ({error.strerror})."
            ) from None
