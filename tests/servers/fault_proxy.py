"""A proxy on loopback in front of a FHIR server, with the faults that networks, gateways and servers have."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

_CLOSE = b"Connection: close"
_OF_THE_HOP = re.compile(rb"(?i)(connection|keep-alive|content-length|transfer-encoding|accept-encoding):")


@dataclass
class Exchange:
    """One request, and what may be done about it."""

    head: bytes
    body: bytes
    upstream: tuple[str, int]
    writer: asyncio.StreamWriter
    forwards_host: bool

    @property
    def what(self) -> str:
        """``POST /fhir/Observation/_search``; ``POST /fhir batch`` or ``transaction`` by the body."""
        method, target = self.head.split(b" ", 2)[:2]
        kind = re.search(rb'"type":"(batch|transaction)"', self.body)
        return b" ".join([method, target, kind[1] if kind else b""]).decode().strip()

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        match = re.search(rb"(?im)^" + name.encode() + rb":\s*(.*?)\r$", self.head)
        return match[1].decode() if match else None

    async def ask(self, body: bytes | None = None) -> bytes:
        """Let the server work on the request, or on one with another body; return its answer, in one piece."""
        body = self.body if body is None else body
        lines = [line for line in self.head.split(b"\r\n") if line and not _OF_THE_HOP.match(line)]
        if not self.forwards_host:
            lines = [line for line in lines if not line.lower().startswith(b"host:")] + [b"Host: inside:8080"]
        reader, writer = await asyncio.open_connection(*self.upstream)
        writer.write(b"\r\n".join([*lines, _CLOSE, b"Content-Length: %d" % len(body), b"", body]))
        try:
            head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        if b"chunked" in head.lower():
            content = b"".join(_chunks(content))
        lines = [line for line in head.split(b"\r\n") if not _OF_THE_HOP.match(line)]
        return b"\r\n".join([*lines, _CLOSE, b"Content-Length: %d" % len(content), b"", content])

    async def answer(self, content: bytes) -> None:
        """Send bytes to the client."""
        self.writer.write(content)
        await self.writer.drain()

    def reset(self) -> None:
        """Break off so that the client sees a reset rather than an end."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class FaultProxy:
    """Passes everything on but what ``faults`` are for; use it as a context manager."""

    server: str
    forwards_host: bool = True  # or the server calls itself otherwise
    faults: list[tuple[str, Fault]] = field(default_factory=list)  # (what they match, what happens), each used once
    seen: list[str] = field(default_factory=list)
    _served: list[asyncio.Task[None]] = field(default_factory=list)

    def once(self, pattern: str, fault: Fault, times: int = 1) -> None:
        """Let ``fault`` happen to the next requests whose ``what`` matches."""
        self.faults += [(pattern, fault)] * times

    async def __aenter__(self) -> Self:
        parts = urlsplit(self.server)
        assert parts.hostname is not None
        assert parts.port is not None
        self._upstream = (parts.hostname, parts.port)
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._listener.sockets[0].getsockname()[1]
        self.base = f"http://127.0.0.1:{port}{parts.path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._served:
            one.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            exchange = Exchange(head, b"", self._upstream, writer, self.forwards_host)
            exchange.body = await reader.readexactly(int(exchange.header("content-length") or 0))
            self.seen.append(exchange.what)
            await self._fault_for(exchange.what)(exchange)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, which is what some tests are about
        finally:
            writer.close()

    def _fault_for(self, what: str) -> Fault:
        for number, (pattern, fault) in enumerate(self.faults):
            if re.search(pattern, what):
                del self.faults[number]
                return fault
        return passed_on


async def passed_on(exchange: Exchange) -> None:
    """Pass on."""
    await exchange.answer(await exchange.ask())


async def reset(exchange: Exchange) -> None:
    """Break off before the server has heard of it."""
    exchange.reset()


async def reset_after(exchange: Exchange) -> None:
    """Break off when the server has done it."""
    await exchange.ask()
    exchange.reset()


async def truncated(exchange: Exchange) -> None:
    """Lose the second half of the answer."""
    answer = await exchange.ask()
    await exchange.answer(answer[: len(answer) // 2])


async def sign_in_page(exchange: Exchange) -> None:
    """Answer as a portal does: 200, and a page to sign in."""
    await exchange.answer(response(200, b"<html><body>Please sign in.</body></html>", "text/html; charset=utf-8"))


def latency(seconds: float) -> Fault:
    """Answer late."""

    async def fault(exchange: Exchange) -> None:
        answer = await exchange.ask()
        await asyncio.sleep(seconds)
        await exchange.answer(answer)

    return fault


def slow_drip(pause: float) -> Fault:
    """Answer a byte at a time."""

    async def fault(exchange: Exchange) -> None:
        for number, byte in enumerate(await exchange.ask()):
            await exchange.answer(bytes([byte]))
            await asyncio.sleep(pause if number > 100 else 0)

    return fault


def refusal(status: int, *headers: str) -> Fault:
    """Answer for the server, as a gateway does."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(response(status, b"<h1>No</h1>", "text/html", *headers))

    return fault


def rewritten(change: Callable[[bytes], bytes]) -> Fault:
    """Change the answer's body or headers."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(change(await exchange.ask()))

    return fault


def half_done(*kinds: str) -> Fault:
    """Do a transaction but for its resources of some types, and break off: what no server should do."""

    async def fault(exchange: Exchange) -> None:
        bundle: dict[str, Any] = json.loads(exchange.body)
        bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] not in kinds]
        await exchange.ask(json.dumps(bundle).encode())
        exchange.reset()

    return fault


def response(status: int, content: bytes, kind: str, *headers: str) -> bytes:
    """Return an HTTP answer."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *headers]
    return b"\r\n".join([*(line.encode() for line in lines), _CLOSE, b"", content])


def _chunks(content: bytes) -> Iterator[bytes]:
    while content:
        size, _, rest = content.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        content = rest[length + 2 :] if length else b""
