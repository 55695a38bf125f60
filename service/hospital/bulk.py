"""A Bulk Data export (HL7 FHIR Bulk Data Access 2): asked for, waited for, and fetched into a folder.

What is asked for is remembered beside the folder, so that a run that breaks off goes on with the same export.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from service.discovery.ports import Told
from service.errors import Never, NotFhirError, ServerError, TryLater
from service.fhir.decode import decode
from service.hospital.breaker import Resting
from service.hospital.bulk_files import Files, Missing
from service.hospital.client import FhirClient, query
from service.hospital.instants import instant, read_instant
from service.hospital.patience import Patience, Sleep
from service.hospital.refusals import GONE, Refused, refusal
from service.hospital.searches import keeps
from service.hospital.transport import Reply
from service.retry_after import retry_after

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_HOUR, _DAY = 3600.0, 24 * 3600.0
_SETTLE = 5.0  # seconds: a small export is there then, and whoever looks earlier may be told to wait for minutes
# Beside the files of an export that is not whole, in the words of a server that says so: then no chart counts as whole.
_SHORT = "OperationOutcome.ndjson"
_INCOMPLETE = msgspec.json.encode(
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "incomplete"}]}
)

log = structlog.get_logger()


class Wish(NamedTuple):
    """What to export."""

    kinds: tuple[str, ...]
    group: str | None = None  # of whom; ``None``: of everybody
    since: datetime | None = None  # what changed at or after that
    filters: str | None = None  # ``_typeFilter``, as the site sets it


class Exported(NamedTuple):
    """What came of it: files in the folder."""

    until: datetime | None  # the server's transactionTime: what changed later is for the next export
    unread: list[str]  # files that could not be had, and errors that the server tells


class _State(msgspec.Struct):
    """What is remembered: where the server keeps the export, and what came of it once it is fetched."""

    poll: str
    wish: Wish | None = None
    done: bool = False
    until: datetime | None = None
    unread: list[str] = []


class _Question(NamedTuple):
    """What is asked again until there is an answer."""

    what: str
    headers: Mapping[str, str]
    passing: Collection[int]  # statuses that are none
    trouble: type[TryLater]  # what may pass as well, within an hour
    longest: float  # seconds between two askings
    in_all: float  # seconds


_START = _Question(
    "start of an export",
    {"Accept": "application/fhir+json", "Prefer": "respond-async"},
    _BUSY,
    Resting,  # a server that cannot be reached is not waited for
    inf,
    _HOUR,
)
_STATUS = _Question(
    "status of an export",
    {"Accept": "application/json", "Cache-Control": "no-cache"},
    _BUSY | {HTTPStatus.ACCEPTED, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT},
    TryLater,
    900.0,
    _DAY,
)


class Export:
    """Exports into one folder."""

    def __init__(
        self,
        client: FhirClient,
        folder: Path,
        wish: Wish,
        told: Told,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client, self._folder, self._wish, self._told, self._sleep = client, folder, wish, told, sleep
        self._kept = folder.with_name(f"{folder.name}.json")  # not in it: it is no file of the export

    async def run(self) -> Exported:
        """Export, and fetch every file; files that are there already are not fetched again.

        Raises ``TryLater``, ``Never``, and ``SettingError`` where the disk is full.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = self._remembered()
        if before is not None and before.wish != self._wish:  # the run began anew, on other terms
            await self._forget(before.poll)
            before = None
        if before is not None and before.done:
            return Exported(before.until, before.unread)
        poll = before.poll if before is not None else await self._kick_off()
        try:
            manifest = await self._manifest(poll)
        except Refused as error:
            if error.status not in GONE:
                raise
            poll = await self._kick_off()  # the server has forgotten the one before
            manifest = await self._manifest(poll)
        files = Files(self._client, self._folder, self._told, self._sleep)
        while True:
            try:
                unread = await files.fetch(manifest)
                break
            except Missing:  # links expire: the manifest tells new ones
                manifest = await self._manifest_again(poll)
        exported = Exported(read_instant(manifest.get("transactionTime")), unread)
        if unread:
            (self._folder / _SHORT).write_bytes(_INCOMPLETE)
        self._keep(_State(poll, self._wish, True, *exported))
        files.put_in_order(manifest)
        await self._forget(poll)
        return exported

    async def _kick_off(self) -> str:
        """Ask for the export; a server that refuses a parameter is asked without. Return where to look for it."""
        ways = self._ways([kind for kind in self._wish.kinds if await keeps(self._client, kind)])
        for number, params in enumerate(ways):
            try:
                poll = await self._asked(params)
            except Refused as error:
                if error.status != HTTPStatus.BAD_REQUEST or number == len(ways) - 1:
                    raise
            else:
                for file in self._folder.iterdir():  # of an export that the server has forgotten
                    file.unlink()
                self._keep(_State(poll, self._wish))
                await self._sleep(_SETTLE)
                return poll
        raise AssertionError  # pragma: no cover - the last way returned or raised

    def _ways(self, kinds: Sequence[str]) -> list[list[tuple[str, str]]]:
        least = [("_outputFormat", "application/fhir+ndjson")]
        if self._wish.since is not None:
            least.append(("_since", instant(self._wish.since)))
        typed = [*least, ("_type", ",".join(kinds))]
        filtered = [[*typed, ("_typeFilter", self._wish.filters)]] if self._wish.filters else []
        return [*filtered, typed, least]

    async def _asked(self, params: list[tuple[str, str]]) -> str:
        place = "$export" if self._wish.group is None else f"Group/{self._wish.group}/$export"
        reply = await self._answer(f"{place}?{query(params)}", _START)
        if reply.status != HTTPStatus.ACCEPTED:
            raise self._refusal(reply, _START.what)
        poll = reply.headers.get("content-location")
        if not poll or not self._client.follows(poll):
            raise Never(
                f"{self._client.host} started an export and named no place of its own for it: set CANDOR_FHIR_URL to "
                "the address that the server gives itself."
            )
        return poll

    async def _manifest(self, poll: str) -> dict[str, Any]:
        """Wait until the export is there. Raises ``Refused`` with 404 or 410 where the server knows of none."""
        reply = await self._answer(poll, _STATUS)
        if reply.status == HTTPStatus.OK:
            return self._read(reply)
        if reply.status == HTTPStatus.ACCEPTED:
            raise TryLater(f"{self._client.host} did not finish an export in a day.")
        if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:  # the export failed: another one may not
            self._kept.unlink(missing_ok=True)
        raise self._refusal(reply, _STATUS.what)

    async def _answer(self, link: str, question: _Question) -> Reply:
        """Ask until there is an answer; return the last one where patience ends. Raises as ``FhirClient.call``."""
        patience = Patience(self._sleep, longest=question.longest, in_all=question.in_all)
        silence = Patience(self._sleep, in_all=_HOUR)
        while True:
            self._told("export", int(patience.waited), None)
            try:
                reply = await self._client.call("GET", link, question.what, dict(question.headers))
            except question.trouble as error:
                if not await silence.wait(error.retry_after):
                    raise
                continue
            silence = Patience(self._sleep, in_all=_HOUR)
            wait = retry_after(reply.headers.get("retry-after"), datetime.now(UTC))
            if reply.status not in question.passing or not await patience.wait(wait):
                return reply

    async def _manifest_again(self, poll: str) -> dict[str, Any]:
        """Raises ``TryLater`` where the export is gone too: then it is asked for anew."""
        try:
            return await self._manifest(poll)
        except Refused as error:
            if error.status not in GONE:
                raise
            self._kept.unlink(missing_ok=True)
            raise TryLater(f"{self._client.host} has forgotten an export before it was fetched.") from None

    def _read(self, reply: Reply) -> dict[str, Any]:
        try:
            manifest = msgspec.json.decode(reply.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            manifest = None
        if isinstance(manifest, dict) and "resourceType" not in manifest and isinstance(manifest.get("output"), list):
            return manifest
        raise Never(f"{self._client.host} answered the status of an export with no manifest.")

    def _refusal(self, reply: Reply, what: str) -> ServerError:
        try:
            body = decode(reply.content) if reply.content else None
        except NotFhirError:
            body = None
        return refusal(reply.status, what, self._client.host, body, reply.headers)

    def _remembered(self) -> _State | None:
        """Return the export that was asked for before."""
        try:
            state = msgspec.json.decode(self._kept.read_bytes(), type=_State)
        except (OSError, msgspec.MsgspecError):
            return None
        return state if self._client.follows(state.poll) else None

    def _keep(self, state: _State) -> None:
        unfinished = self._kept.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(state))
        unfinished.replace(self._kept)

    async def _forget(self, poll: str) -> None:
        """Let the server delete the files; it does so some day without being told."""
        try:
            await self._client.call("DELETE", poll, "deletion of an export", {"Accept": "application/json"})
        except ServerError as error:
            log.warning("export-not-deleted", error=type(error).__name__)
