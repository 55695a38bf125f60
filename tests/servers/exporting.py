"""A Bulk Data server of the tests' own, on a real socket: it answers as told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from service.hospital.bulk import Export, Exported, Wish
from service.hospital.client import FhirClient, Server
from service.hospital.credentials import bearer

ONE, TWO = {"resourceType": "Patient", "id": "one"}, {"resourceType": "Patient", "id": "two"}
WISH = Wish(("Patient", "Condition"))
UNTIL = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)  # of the manifest
FILE = "/fhir/files/1"
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """What is answered: with ``cut`` the connection breaks after so many bytes, with ``held`` not before it is set.

    A header that is empty is not sent.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    cut: int | None = None
    held: threading.Event | None = None


class Request(NamedTuple):
    """What was asked."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """Without its parameters."""
        return self.target.partition("?")[0]


class Exporting:
    """The answers by path, one after another, of which the last one stays; 404 for any other path."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.base = ""
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._answers: dict[str, list[Answer]] = {}
        self.on("/fhir/metadata", Answer(404))

    def on(self, path: str, *answers: Answer) -> None:
        """Answer a path."""
        self._answers[path] = list(answers)

    def exports(self, manifest: Mapping[str, Any], *before: Answer) -> None:
        """Take an export, answer ``before`` to those who look for it, then the manifest."""
        self.on("/fhir/$export", Answer(202, headers={"Content-Location": f"{self.base}/status/1"}))
        self.on("/fhir/status/1", *before, manifested(manifest))

    def asked(self, path: str) -> list[Request]:
        """Return the requests for a path, deletions left out."""
        return [each for each in self.seen if each.path == path and each.method == "GET"]

    def answer(self, request: Request) -> Answer:
        """Return what is answered to a request that has begun."""
        with self._lock:
            self.seen.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            answers = self._answers.get(request.path, [Answer(404)])
            if request.method == "DELETE":
                return Answer(202)
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def answered(self) -> None:
        """Hear that a request has ended."""
        with self._lock:
            self._at_once -= 1


def manifested(manifest: Mapping[str, Any]) -> Answer:
    """Return a manifest as an answer."""
    return Answer(200, json.dumps(manifest).encode(), JSON)


def manifest(*output: tuple[str, str], token: object = False, **more: object) -> dict[str, Any]:
    """Return a manifest of files, each a type and a URL."""
    return {
        "transactionTime": "2026-11-23T01:02:03Z",
        "request": "x",
        "requiresAccessToken": token,
        "output": [{"type": kind, "url": url} for kind, url in output],
        "error": [],
    } | more


def ndjson(*resources: Mapping[str, Any]) -> bytes:
    """Return a file."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


def whole(body: bytes) -> Answer:
    """Return a file as an answer."""
    return Answer(200, body, {"Content-Type": "application/fhir+ndjson"})


@contextmanager
def exporting(kind: type[Exporting] = Exporting) -> Iterator[Exporting]:
    """Run one."""
    played = kind()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._do()

        def do_DELETE(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = played.answer(Request(self.command, self.path, dict(self.headers)))
            try:
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
                if answer.held is not None:
                    answer.held.wait(10)
                self.close_connection = self.close_connection or answer.cut is not None
            except ConnectionError:  # whoever asked is gone
                self.close_connection = True
            finally:
                played.answered()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        played.base = f"http://127.0.0.1:{server.server_port}/fhir"
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield played
        finally:
            server.shutdown()
            thread.join()


def targets(requests: Sequence[Request]) -> list[str]:
    """Return what was asked for, with its parameters."""
    return [each.target for each in requests]


class Waits(list[float]):
    """Hears how long was waited, without waiting."""

    async def __call__(self, seconds: float) -> None:
        """Wait."""
        self.append(seconds)


class BrokenOff(Waits):
    """The process ends in a wait: the first is that for the export."""

    def __init__(self, number: int = 1) -> None:
        """``number``: in which."""
        super().__init__()
        self._number = number

    async def __call__(self, seconds: float) -> None:
        """End."""
        await super().__call__(seconds)
        if len(self) == self._number:
            raise asyncio.CancelledError


async def export(
    server: Exporting, folder: Path, wish: Wish = WISH, waits: Waits | None = None, connections: int = 2
) -> Exported:
    """Export with a token."""
    asked = Server(base=server.base, credentials=bearer("secret"), connections=connections)
    async with FhirClient(asked) as client:
        return await Export(client, folder, wish, lambda *_: None, Waits() if waits is None else waits).run()


def files(folder: Path) -> list[bytes]:
    """Return what was fetched into the folder, in order."""
    return sorted(each.read_bytes() for each in folder.iterdir() if each.name != "OperationOutcome.ndjson")


def shown(requests: list[Request]) -> list[str | None]:
    """Return the tokens that were shown."""
    return [each.headers.get("Authorization") for each in requests]


def parameters(request: Request) -> dict[str, list[str]]:
    """Return the parameters of a request."""
    return parse_qs(urlsplit(request.target).query)
