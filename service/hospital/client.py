"""One FHIR server: who may get the token, what is repeated, and what its answers mean."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import stamina

from service.errors import Never, SettingError, TryLater
from service.fhir.write import encode
from service.hospital.capabilities import Capabilities, read_capabilities
from service.hospital.origins import Origin, absolute, in_the_open
from service.hospital.ports import Credentials, Params, Resource
from service.hospital.refusals import Refused, Unsent
from service.hospital.replies import Answer, read_answer, repeated
from service.hospital.transport import Reply, Sink, Tls, Transport

_FHIR_JSON = "application/fhir+json"
_NO_FORM_SEARCH = {
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.NOT_IMPLEMENTED,
}
_SPREAD = 0.5  # seconds
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(/_history/[A-Za-z0-9.-]{1,64})?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How to talk to one server; the defaults are polite."""

    base: str
    credentials: Credentials | None = None
    tls: Tls | None = None
    connections: int = 4
    page_size: int = 200
    seconds: float = 30.0  # for one request, and the time within which it is begun again
    attempts: int = 4

    def __post_init__(self) -> None:
        """Raises ``SettingError`` for credentials that could be read on the way."""
        if self.credentials is not None and in_the_open(self.base):
            host = urlsplit(self.base).hostname
            raise SettingError(f"What lets us in would travel to {host} for all to read: set an https URL.")


@dataclass(slots=True)
class Habits:
    """What was learnt of a server, whoever asked: what it says of itself, and what it is not asked in vain again."""

    capabilities: Capabilities | None = None
    takes_batches: bool = True
    no_form_search: set[str] = field(default_factory=set)  # resource types that it searches by GET alone
    ways: dict[str, int] = field(default_factory=dict)  # resource type -> the first way of a search that it takes


class FhirClient:
    """Asks one server; use it as an async context manager.

    Every method raises ``TryLater`` when the server is down, slow or busy (after the repeats that are
    safe), ``Refused`` when it says no for good, and its subclass ``Conflict`` for 409 and 412.
    """

    def __init__(self, server: Server) -> None:
        """Raises ``SettingError`` for a base URL that is none."""
        self.server = server
        self.base = server.base.rstrip("/")
        try:
            self._origin = Origin.parse(self.base)
        except ValueError as error:
            raise SettingError(f"The FHIR server's URL cannot be used: {error}.") from None
        self.habits = Habits()
        self._describing = asyncio.Lock()
        self._transport = Transport(connections=server.connections, seconds=server.seconds, tls=server.tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def lent(
        self, credentials: Credentials | None, *, seconds: float | None = None, attempts: int | None = None
    ) -> FhirClient:
        """Return a client for the same server and over the same connections, let in by other credentials.

        ``seconds`` is the time within which a request is begun again, ``attempts`` how often; as here by default.
        """
        other = copy(self)
        other.server = replace(
            self.server,
            credentials=credentials,
            seconds=seconds or self.server.seconds,
            attempts=attempts or self.server.attempts,
        )
        return other

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return self._origin.host

    def follows(self, link: str) -> bool:
        """Whether a link leads to this server, so that it may be asked, with what lets us in."""
        return self._origin.covers(absolute(self.base, link))

    def own(self, reference: str) -> str | None:
        """Return ``Type/id`` for a reference to a resource of this server, ``None`` for any other."""
        match = _REFERENCE.match(reference.removeprefix(f"{self.base}/"))  # as nearly all are written
        if match is None:
            match = _REFERENCE.match("/".join(self._origin.below(absolute(self.base, reference)) or ()))
        return match[1] if match else None

    async def capabilities(self) -> Capabilities:
        """Return what the server says that it can do; it is asked once. Raises ``Never`` where it says nothing."""
        async with self._describing:
            if self.habits.capabilities is None:
                statement = (await self._ask("GET", "metadata", "CapabilityStatement")).body
                self.habits.capabilities = read_capabilities(statement, self.host)
            return self.habits.capabilities

    async def read(self, reference: str) -> Resource:
        """Read ``Type/id``. Raises ``Never`` where something else comes."""
        kind = reference.partition("/")[0]
        resource = (await self._ask("GET", reference, f"read of {kind}")).body
        if resource.get("resourceType") != kind:
            raise Never(f"{self.host} answered the read of {kind} with no {kind}.")
        return resource

    async def search(self, kind: str, params: Params) -> Resource:
        """Return the first page of a search, asked by POST so that nothing of it stands in access logs.

        A type of which the server takes no POST ``_search`` is asked for by GET.
        """
        what = f"search of {kind}"
        headers = {"Cache-Control": "no-cache"}  # HAPI answers a repeated search from memory for a minute
        if kind not in self.habits.no_form_search:
            try:
                form = query(params).encode()
                sort = {"Content-Type": "application/x-www-form-urlencoded"}
                return (await self._ask("POST", f"{kind}/_search", what, form, headers | sort, repeatable=True)).body
            except Refused as error:
                if error.status not in _NO_FORM_SEARCH:
                    raise
        answer = await self._ask("GET", f"{kind}?{query(params)}", what, None, headers)
        self.habits.no_form_search.add(kind)
        return answer.body

    async def follow(self, link: str) -> Resource:
        """Return the page that a server's link leads to. Raises ``Never`` when it leads to another server."""
        return (await self._ask("GET", link, "next page", None, {"Cache-Control": "no-cache"})).body

    async def batch(self, requests: Sequence[str]) -> Resource:
        """Return the ``batch-response`` for many reads and searches, asked at once."""
        entries = [{"request": {"method": "GET", "url": url}} for url in requests]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        headers = {"Cache-Control": "no-cache"}
        return (await self._ask("POST", "", "batch", encode(bundle), headers, repeatable=True)).body

    async def transaction(self, bundle: Resource) -> Resource:
        """Send a transaction: all of it is done, or nothing. Never repeated once it was sent."""
        return (await self._ask("POST", "", "transaction", encode(bundle))).body

    async def create(self, resource: Resource, unless: str | None = None) -> Answer:
        """Create a resource, ``unless`` (``If-None-Exist``) a search finds one: then its status is 200."""
        kind = resource["resourceType"]
        headers = {"If-None-Exist": unless} if unless else {}
        return await self._ask("POST", kind, f"creation of {kind}", encode(resource), headers)

    async def update(self, resource: Resource, match: str | None) -> Answer:
        """Write over the version ``match`` (an ETag) of ``Type/id``, and over no other; ``None``: over none at all."""
        kind = resource["resourceType"]
        place = f"{kind}/{resource['id']}"
        condition = {"If-None-Match": "*"} if match is None else {"If-Match": match}
        return await self._ask("PUT", place, f"update of {kind}", encode(resource), condition)

    async def delete(self, reference: str) -> None:
        """Delete ``Type/id``."""
        await self._ask("DELETE", reference, f"deletion of {reference.partition('/')[0]}", repeatable=True)

    async def call(self, method: str, link: str, what: str, headers: dict[str, str]) -> Reply:
        """Ask for what is no resource, and return the answer whatever its status; as ``read`` otherwise."""
        url = self._trusted(link)
        again = repeated(TryLater if method == "GET" else Unsent, self.server.seconds)
        async for attempt in stamina.retry_context(
            on=again, attempts=self.server.attempts, timeout=self.server.seconds
        ):
            with attempt:
                return await self._send(method, url, what, headers, None)
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    async def download(self, url: str, what: str, headers: dict[str, str], sink: Sink, *, token: bool) -> Reply:
        """Get a file; with ``token``, which only this server is shown, in its own name. Nothing is repeated."""
        if not token or self.server.credentials is None:
            return await self._transport.download(url, what, headers, sink)
        shown = await self.server.credentials.header()
        sent = headers | ({"Authorization": shown} if shown else {})
        reply = await self._transport.download(self._trusted(url), what, sent, sink)
        if reply.status != HTTPStatus.UNAUTHORIZED or shown is None:
            return reply
        if not await self.server.credentials.rejected(shown):
            return reply
        other = await self.server.credentials.header()
        sent = headers | ({"Authorization": other} if other else {})
        return await self._transport.download(self._trusted(url), what, sent, sink)

    def _trusted(self, link: str) -> str:
        """Return a link as a URL of this server. Raises ``Never`` for any other."""
        url = absolute(self.base, link) if link else self.base
        if not self._origin.covers(url):
            raise Never(f"{self.host} sent a link to another server, which is not followed.")
        return url

    async def _ask(
        self,
        method: str,
        link: str,
        what: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        url = self._trusted(link)
        sent = {"Accept": _FHIR_JSON} | (headers or {})
        if content is not None:
            sent.setdefault("Content-Type", _FHIR_JSON)
        again = repeated(TryLater if repeatable or method == "GET" else Unsent, self.server.seconds)
        async for attempt in stamina.retry_context(
            on=again, attempts=self.server.attempts, timeout=self.server.seconds
        ):
            with attempt:
                return read_answer(await self._send(method, url, what, sent, content), what, self.host)
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    async def _send(self, method: str, url: str, what: str, headers: dict[str, str], content: bytes | None) -> Reply:
        """Send with the credentials of this moment, and once more with others where these are too old."""
        credentials = self.server.credentials
        shown = await credentials.header() if credentials else None
        if credentials is None or shown is None:
            return await self._transport.send(method, url, what, headers, content)
        reply = await self._transport.send(method, url, what, headers | {"Authorization": shown}, content)
        if reply.status != HTTPStatus.UNAUTHORIZED or not await credentials.rejected(shown):
            return reply
        other = await credentials.header()  # a 401 did nothing, so that a write may be sent again too
        return await self._transport.send(
            method, url, what, headers | ({"Authorization": other} if other else {}), content
        )


def query(params: Params) -> str:
    """Write search parameters as a query string."""
    return urlencode(params)
