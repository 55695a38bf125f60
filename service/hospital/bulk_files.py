"""The files of an export: where each may be fetched from and with what, fetched in part and gone on with."""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import msgspec

from service.discovery.ports import Told
from service.errors import Never, ServerError, SettingError, TryLater
from service.hospital.client import FhirClient
from service.hospital.origins import Origin, absolute, in_the_open
from service.hospital.refusals import GONE

_ATTEMPTS = 5
_HOPS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_SPARE = 256 * 1024 * 1024  # bytes that stay free on the disk
_KIND = re.compile(r"[A-Z][A-Za-z]{0,63}\Z")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BAD = {"error", "fatal"}


class Missing(Exception):  # noqa: N818 - it is no error: links expire
    """A file is not there any more."""


class _File(NamedTuple):
    kind: str
    url: str
    name: str


class Files:
    """Fetches what a manifest names into a folder."""

    def __init__(self, client: FhirClient, folder: Path, told: Told, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._client, self._folder, self._told, self._sleep = client, folder, told, sleep
        self._bytes = 0

    async def fetch(self, manifest: Mapping[str, Any], *, last: bool = False) -> list[str]:
        """Fetch every file that is not there yet; return what could not be had, and what the server tells of errors.

        Raises ``Missing`` where files are gone, unless this is the ``last`` time; ``SettingError`` for a full disk.
        """
        token = str(manifest.get("requiresAccessToken")).lower() == "true"  # also as text
        files = list(_files(manifest.get("output"), "output"))
        told = list(_files(manifest.get("error"), "error"))
        results = await asyncio.gather(*(self._fetched(each, token=token) for each in (*files, *told)))
        problems = [each for each in results if each is not None]
        if any(isinstance(each, Missing) for each in problems) and not last:
            raise Missing
        for part in self._folder.glob("*.part"):  # of files that were given up
            part.unlink()
        unread = [str(each) for each in problems]
        if len(files) != len(_list(manifest.get("output"))):
            unread.append("the manifest names files in a way that cannot be read")
        for each in told:
            if errors := _errors(self._folder / each.name):
                unread.append(f"the server tells of {errors} errors in the export")
            (self._folder / each.name).unlink(missing_ok=True)
        return unread

    async def _fetched(self, file: _File, *, token: bool) -> Exception | None:
        """Return what went wrong."""
        target = self._folder / file.name
        if target.exists():
            return None
        try:
            own = self._client.follows(file.url)
            if token and not own:
                raise Never("it lies at another server, which is not shown the token")
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    await self._attempt(file, target, token=token)
                    break
                except TryLater as error:
                    if attempt == _ATTEMPTS:
                        raise
                    await self._sleep(min(error.retry_after or 2.0**attempt, 300.0))
        except Missing:
            return Missing(f"{file.name}: it is not there any more")
        except ServerError as error:
            return Never(f"{file.name}: {error}")
        except OSError as error:
            if error.errno in _FULL:
                raise SettingError(f"CANDOR_HOME: the export does not fit on the disk ({error.strerror}).") from None
            raise
        return None

    async def _attempt(self, file: _File, target: Path, *, token: bool) -> None:
        url, part = absolute(self._client.base, file.url), target.with_name(f"{target.name}.part")
        headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "identity"}
        for hop in range(_HOPS):
            if not self._client.follows(url):
                _allowed(url)
            with part.open("ab") as out:
                sink = _Sink(out, self._folder, self._progress)
                sent = headers | ({"Range": f"bytes={out.tell()}-"} if out.tell() else {})
                # Where a redirect leads nobody is shown the token, not even this server.
                reply = await self._client.download(url, "file of an export", sent, sink, token=token and hop == 0)
            if reply.status not in _REDIRECTS:
                break
            url = absolute(url, reply.headers.get("location", ""))
        if reply.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            part.replace(target)
        elif reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()
            raise TryLater("it changed while it was fetched")
        elif reply.status in GONE or (reply.status == HTTPStatus.FORBIDDEN and not token):  # a signature that expired
            raise Missing
        elif reply.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or reply.status >= 500:  # noqa: PLR2004
            raise TryLater(f"HTTP {reply.status}")
        else:
            raise Never(f"HTTP {reply.status}")

    def _progress(self, size: int) -> None:
        self._bytes += size
        self._told("download", self._bytes, None)


class _Sink:
    """A file that grows; an answer that is not the rest of it begins it anew."""

    def __init__(self, out: BinaryIO, folder: Path, progress: Callable[[int], None]) -> None:
        self._out, self._folder, self._progress = out, folder, progress

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take 200 and 206. Raises ``SettingError`` where the disk has no room for it."""
        if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return False
        if status == HTTPStatus.PARTIAL_CONTENT and not _goes_on(headers, self._out.tell()):
            self._out.truncate(0)
            raise TryLater("it was gone on with at another place than asked for")
        size = headers.get("content-length", "")
        needed = (int(size) if size.isdecimal() else 0) + _SPARE
        if shutil.disk_usage(self._folder).free < needed:
            raise SettingError("CANDOR_HOME: the disk has no room for the export: free some, or set another folder.")
        if status == HTTPStatus.OK:
            self._out.truncate(0)
        return True

    def take(self, part: bytes) -> None:
        """Write."""
        self._out.write(part)
        self._progress(len(part))


def _goes_on(headers: Mapping[str, str], at: int) -> bool:
    return headers.get("content-range", f"bytes {at}-").strip().startswith(f"bytes {at}-")


def _allowed(url: str) -> None:
    """Raise ``Never`` for another server from which no file may be fetched, even without a token."""
    try:
        Origin.parse(url.partition("?")[0])
    except ValueError as error:
        raise Never(f"its address cannot be used: {error}") from None
    if in_the_open(url):
        raise Never(f"it lies at {urlsplit(url).hostname} for all to read: plain http")


def _files(entries: object, prefix: str) -> list[_File]:
    found = []
    for number, entry in enumerate(_list(entries)):
        kind, url = (entry.get("type"), entry.get("url")) if isinstance(entry, dict) else (None, None)
        if isinstance(kind, str) and _KIND.match(kind) and isinstance(url, str):
            found.append(_File(kind, url, f"{prefix}-{number:06}.{kind}.ndjson"))
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _errors(file: Path) -> int:
    """Return how many errors a file of OperationOutcomes tells; information and warnings are none."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return 0
    found = 0
    for line in lines:
        try:
            outcome = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        issues = outcome.get("issue") if isinstance(outcome, dict) else None
        found += any(isinstance(each, dict) and each.get("severity") in _BAD for each in _list(issues))
    return found
