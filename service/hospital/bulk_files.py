"""The files of an export: where each may be fetched from and with what, some at a time, and again where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.discovery.ports import Told
from service.discovery.tasks import cancelled, some_done
from service.errors import FULL, Never, ServerError, SettingError, TryLater
from service.hospital.bulk_checks import shortcomings
from service.hospital.bulk_manifest import File, named_files, names_all
from service.hospital.bulk_part import Part, Room
from service.hospital.client import FhirClient
from service.hospital.origins import Origin, absolute, in_the_open
from service.hospital.patience import Patience, Sleep
from service.hospital.refusals import GONE
from service.hospital.transport import Reply
from service.retry_after import retry_after

_ATTEMPTS = 8  # in a row that brought nothing of a file, where the server did not ask to wait: four minutes
_HOUR = 3600.0  # seconds that are waited for more of one file
_HOPELESS = 10  # files in a row that a server does not give now: it is down
_MANIFESTS = 100  # of which each has led to something
_HOPS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class Missing(Exception):  # noqa: N818 - it is no error: links expire
    """A file is not there any more."""


class Files:
    """Fetches what the manifests of one export name into a folder."""

    def __init__(self, client: FhirClient, folder: Path, told: Told, sleep: Sleep) -> None:
        self._client, self._folder, self._told, self._sleep = client, folder, told, sleep
        self._room = Room(folder)
        self._bytes = self._manifests = self._failures = 0

    async def fetch(self, manifest: Mapping[str, Any]) -> list[str]:
        """Fetch every file that is not there yet; return what could not be had, and what the server tells of errors.

        Raises ``Missing`` where files are gone to which a manifest told anew may lead, ``TryLater`` where nothing
        comes any more, and ``SettingError`` for a full disk. Nothing is under way then.
        """
        token = str(manifest.get("requiresAccessToken")).lower() == "true"  # also as text
        files, told = named_files(manifest, "output"), named_files(manifest, "error")
        self._leave_only({f"{file.name}{end}" for file in (*files, *told) for end in ("", ".part", ".mark")})
        self._manifests, before = self._manifests + 1, self._there()
        problems = await self._all([*files, *told], token=token)
        led_on = self._manifests == 1 or (self._there() > before and self._manifests < _MANIFESTS)
        if led_on and any(isinstance(each, Missing) for each in problems):
            raise Missing
        unread = [str(each) for each in problems]
        for member, what in (("output", "files"), ("error", "errors")):
            if not names_all(manifest, member):
                unread.append(f"the manifest names {what} in a way that cannot be read")
        unread += await asyncio.to_thread(shortcomings, self._folder, files, told)
        self._leave_only({file.name for file in files})
        return unread

    def put_in_order(self, manifest: Mapping[str, Any]) -> None:
        """Name the files by where they stand in the manifest, in which order they were written.

        Those of one type are then read one after the other, which needs no index where they hold people in one order.
        Only for an export that is remembered as done: ``fetch`` does not know these names, and would begin anew.
        """
        for file in named_files(manifest, "output"):
            with suppress(FileNotFoundError):  # what could not be had
                (self._folder / file.name).rename(self._folder / file.place)

    def _there(self) -> int:
        """Return how many bytes have come and stay, of whole files and parts."""
        return sum(each.stat().st_size for each in self._folder.iterdir())

    def _leave_only(self, names: set[str]) -> None:
        """Delete what is of another export or known by nothing any more, and parts of files that were given up."""
        for each in self._folder.iterdir():
            if each.name not in names:
                each.unlink()

    async def _all(self, files: Sequence[File], *, token: bool) -> list[Exception]:
        """Return what went wrong."""
        waiting, under_way, problems = iter(files), set[asyncio.Task[Exception | None]](), list[Exception]()
        try:
            while True:
                for file in islice(waiting, self._client.server.connections - len(under_way)):
                    under_way.add(asyncio.create_task(self._fetched(file, token=token)))
                if not under_way:
                    return problems
                problems += [each for each in await some_done(under_way) if each is not None]
        finally:
            await cancelled(under_way)

    async def _fetched(self, file: File, *, token: bool) -> Exception | None:
        """Return what went wrong."""
        target = self._folder / file.name
        if target.exists():
            return None
        problem: Exception | None = None
        try:
            if token and not self._client.follows(file.url):
                raise Never("it lies at another server, which is not shown the token")
            await self._repeated(file, target, token=token)
        except TryLater as error:
            self._failures += 1
            if self._failures >= _HOPELESS:
                raise TryLater(f"{_HOPELESS} files of the export in a row could not be had: {error}") from None
            return Never(f"{file.place}: {error}")
        except Missing:
            problem = Missing(f"{file.place}: it is not there any more")
        except ServerError as error:
            problem = Never(f"{file.place}: {error}")
        except OSError as error:
            if error.errno in FULL:
                raise SettingError(f"CANDOR_HOME: the export does not fit on the disk ({error.strerror}).") from None
            raise
        self._failures = 0
        return problem

    async def _repeated(self, file: File, target: Path, *, token: bool) -> None:
        part, most = Part(target, self._room, self._progress), -1
        while True:
            try:
                return await self._attempt(file, part, token=token)
            except TryLater as error:
                if part.there > most:
                    most, failures, patience = part.there, 0, Patience(self._sleep, first=2.0, in_all=_HOUR)
                failures += error.retry_after is None
                if failures == _ATTEMPTS or not await patience.wait(error.retry_after):
                    raise

    async def _attempt(self, file: File, part: Part, *, token: bool) -> None:
        with part:
            reply = await self._reply(absolute(self._client.base, file.url), part, token=token)
        if reply.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            part.finish()
        elif reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.forget()
            raise TryLater("it changed while it was fetched")
        elif reply.status in GONE or (reply.status == HTTPStatus.FORBIDDEN and not token):  # a signature that expired
            raise Missing
        elif reply.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or reply.status >= 500:  # noqa: PLR2004
            wait = retry_after(reply.headers.get("retry-after"), datetime.now(UTC))
            raise TryLater(f"HTTP {reply.status}", wait)
        else:
            raise Never(f"HTTP {reply.status}")

    async def _reply(self, url: str, part: Part, *, token: bool) -> Reply:
        """Follow redirects; where one leads nobody is shown the token, not even this server."""
        headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "identity"} | part.rest()
        for hop in range(_HOPS):
            if not self._client.follows(url):
                _allowed(url)
            reply = await self._client.download(url, "file of an export", headers, part, token=token and hop == 0)
            if reply.status not in _REDIRECTS:
                break
            url = absolute(url, reply.headers.get("location", ""))
        return reply

    def _progress(self, size: int) -> None:
        self._bytes += size
        self._told("download", self._bytes, None)


def _allowed(url: str) -> None:
    """Raise ``Never`` for another server from which no file may be fetched, even without a token."""
    try:
        Origin.parse(url.partition("?")[0])
    except ValueError as error:
        raise Never(f"its address cannot be used: {error}") from None
    if in_the_open(url):
        raise Never(f"it lies at {urlsplit(url).hostname} for all to read: plain http")
