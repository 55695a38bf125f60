"""HTTP to one server: how many connections, how long to wait, whom TLS trusts, when to leave it in peace.

The only user of httpx.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self
from urllib.parse import urlsplit

import httpx

from service import __version__, metrics, tracing
from service.errors import Never, SettingError, TryLater
from service.hospital.breaker import Breaker
from service.hospital.refusals import Unsent
from service.retry_after import retry_after

_MOST_BYTES = 128 * 1024 * 1024  # of one answer, unpacked
_DOWN = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
_RESTING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}

# They log whole URLs, which hold patients' ids, and headers, which hold the token.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

# What a server tells in the names of OpenSSL that does not let us in for our certificate, or for none.
_ABOUT_OURS = re.compile(r"ALERT_(.*CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust and how to show who we are; PEM files."""

    authorities: Path | None = None  # instead of the public ones
    certificate: Path | None = None  # our own, with those between it and its root
    key: Path | None = None  # where it is not in the certificate's file

    def context(self) -> ssl.SSLContext:
        """Return what a connection needs. Raises ``SettingError`` for a file that cannot be used."""
        context = self._trusting()
        if self.certificate is not None:
            try:
                # Without a password given, OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.certificate, self.key, password=lambda: "")
            except OSError as error:
                files = " and ".join(str(file) for file in (self.certificate, self.key) if file)
                raise SettingError(
                    f"{files}: no client certificate with its key, unencrypted PEM ({_why(error)})."
                ) from None
        return context

    def _trusting(self) -> ssl.SSLContext:
        if self.authorities is None:
            return httpx.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=self.authorities)
        except OSError as error:
            raise SettingError(f"{self.authorities}: no certificates of authorities in PEM ({_why(error)}).") from None


class Reply(NamedTuple):
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]  # their names in any case
    content: bytes


class Sink(Protocol):
    """Takes a body as it comes."""

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether the body of this answer is wanted."""
        ...

    def take(self, part: bytes) -> None:
        """Take the next part."""
        ...


class Transport:
    """Sends single requests to one server, no more than ``connections`` at a time; use it as a context manager.

    It follows no redirect, repeats nothing and adds no token: these are its user's to decide.
    """

    def __init__(self, *, connections: int, seconds: float, tls: Tls | None = None) -> None:
        """Give each request ``seconds`` from its start to the last byte. Raises ``SettingError`` as ``Tls`` does."""
        self._free = asyncio.Semaphore(connections)
        self._seconds = seconds
        # One each: an export's files may lie at another server, whose failures tell nothing of this one.
        self._breakers = defaultdict[tuple[str, bytes], Breaker](Breaker)
        self._http = httpx.AsyncClient(
            # A session that a server opens for one caller would let in the next one too.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": f"candor/{__version__}"},
            timeout=httpx.Timeout(seconds, pool=None),
            limits=httpx.Limits(max_connections=connections),
            verify=(tls or Tls()).context(),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(
        self, method: str, url: str, what: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """Send one request; ``what`` is its name in messages, without ids.

        Raises ``Unsent`` when the server cannot be reached, ``TryLater`` when it breaks off or is too slow, its
        subclass ``Paused`` while the server is left in peace, and ``Never`` when its certificate is not to be
        trusted, ours is not taken, its answer does not fit into memory, or a link that it gave is no URL.
        """
        with tracing.span(f"{method} {what}", tracing.CLIENT) as span, metrics.hospital() as outcome:
            reply = await self._sent(method, url, what, headers, content)
            outcome.append(str(reply.status))
            span.set_attribute("http.response.status_code", reply.status)
        return reply

    async def download(self, url: str, what: str, headers: Mapping[str, str], sink: Sink) -> Reply:
        """Get what may be larger than the memory: parts go to ``sink`` as they come, each within the time of a request.

        Of an answer that the sink does not want (no 200 or 206) the reply holds the body. Raises as ``send``, and what
        the sink raises.
        """
        with tracing.span(f"GET {what}", tracing.CLIENT), metrics.hospital() as outcome:
            reply = await self._sent("GET", url, what, headers, None, sink)
            outcome.append(str(reply.status))
        return reply

    async def _sent(
        self,
        method: str,
        url: str,
        what: str,
        headers: Mapping[str, str],
        content: bytes | None,
        sink: Sink | None = None,
    ) -> Reply:
        host = urlsplit(url).hostname or ""
        try:
            request = self._http.build_request(method, url, content=content, headers=headers)
        except (httpx.InvalidURL, UnicodeEncodeError):  # their texts hold the URL
            raise Never(f"{host} gave a link or a version for the {what} that cannot be sent back.") from None
        breaker = self._breakers[request.url.scheme, request.url.netloc]
        async with self._free:
            trial = breaker.enter(host)
            try:
                reply = await (self._exchange(request) if sink is None else self._poured(request, sink))
                self._learn(reply, breaker)
            except (TimeoutError, httpx.HTTPError, ssl.SSLError) as error:  # their texts may hold the URL
                if (fault := _certificate_fault(error)) is not None:
                    breaker.left(trial=trial)
                    raise Never(f"{host} {fault}") from None
                if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    breaker.failed("it cannot be reached")
                    raise Unsent(f"{host} cannot be reached for the {what}.") from None
                breaker.failed("it broke off or was too slow")
                raise TryLater(f"{host} broke off or was too slow in the {what}.") from None
            except BaseException:  # cancelled: the connection is closed, and tells nothing of the server
                breaker.left(trial=trial)
                raise
        if len(reply.content) > _MOST_BYTES:
            raise Never(f"{host} answered the {what} with more than {_MOST_BYTES:,} bytes: set a smaller page size.")
        return reply

    async def _exchange(self, request: httpx.Request) -> Reply:
        """Send and read to the end, or to where an answer is too large to be one."""
        async with asyncio.timeout(self._seconds):
            response = await self._http.send(request, stream=True)
            try:
                content = bytearray()
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        break
            finally:
                await response.aclose()
        return Reply(response.status_code, response.headers, bytes(content))

    async def _poured(self, request: httpx.Request, sink: Sink) -> Reply:
        response = await self._http.send(request, stream=True)
        content = bytearray()
        try:
            wanted = sink.begin(response.status_code, response.headers)
            async for part in response.aiter_bytes():
                if wanted:
                    sink.take(part)
                elif len(content) <= _MOST_BYTES:
                    content += part
        finally:
            await response.aclose()
        return Reply(response.status_code, response.headers, bytes(content))

    def _learn(self, reply: Reply, breaker: Breaker) -> None:
        """Tell the breaker how the server is: 500 may be about one request, a long wait is for all."""
        wait = retry_after(reply.headers.get("retry-after"), datetime.now(UTC))
        if reply.status in _RESTING and wait is not None and wait >= self._seconds:
            breaker.rest(wait, f"it asked for a rest (HTTP {reply.status})")
        elif reply.status in _DOWN:
            breaker.failed(f"it answered HTTP {reply.status}")
        else:
            breaker.succeeded()


def _certificate_fault(error: BaseException | None) -> str | None:
    """Return which certificate is at fault, the server's or ours, where one of them is."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "shows a certificate that is not trusted: set its authority, or correct the URL."
        if isinstance(error, ssl.SSLError) and _ABOUT_OURS.search(error.reason or ""):  # TLS 1.3: in the first read
            return "asks for a client certificate, or does not take ours: set one that it knows."
        error = error.__cause__ or error.__context__
    return None


def _why(error: OSError) -> str:
    return (error.strerror if not isinstance(error, ssl.SSLError) else error.reason) or type(error).__name__
