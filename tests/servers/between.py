"""A server in front of another one that lets something happen when every writer has read and none has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread
from urllib.parse import urlsplit

import httpx

_PASSED_ON = {"content-type", "if-match", "if-none-exist", "cache-control", "accept"}
_PASSED_BACK = {"content-type", "etag"}


@contextmanager
def in_between(server: str, writers: int, happens: Callable[[], None]) -> Iterator[str]:
    """Give the base URL of a server that passes everything on; ``happens`` when all ``writers`` begin to write."""
    path = urlsplit(server).path
    waiting = [Barrier(writers, happens, timeout=60)] * writers  # the first transaction of each

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if b'"type":"transaction"' in body and waiting:
                waiting.pop().wait()
            headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
            url = server + self.path.removeprefix(path)
            reply = httpx.request(self.command, url, content=body, headers=headers, timeout=30)
            self.send_response(reply.status_code)
            for name, value in reply.headers.items():
                if name in _PASSED_BACK:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names that the base class calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as front:
        front.daemon_threads = True
        Thread(target=front.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{front.server_port}{path}"
        front.shutdown()
