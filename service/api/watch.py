"""What is known of every request: an id, how it ended and how long it took; in the log, in metrics, as a span."""

from __future__ import annotations

import re
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from service import metrics, tracing

ID = "X-Request-Id"
_PROBES = {"/livez", "/readyz", "/metrics"}  # asked every few seconds
_GONE = 499  # what others log where the caller went before there was an answer
# Any other text might name a patient.
_RANDOM = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\Z", re.IGNORECASE)

log = structlog.get_logger()


class Watch:
    """Watches the application from outside; the path as it was asked for, and its query, are not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, and tell how it ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        method = scope["method"] if scope["method"] in metrics.METHODS else metrics.OTHER
        id_, status, start = _id_of(headers), _GONE, perf_counter()

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message)[ID] = id_
            await send(message)

        parent = tracing.parent_of(headers.get("traceparent"))
        with bound_contextvars(request=id_), tracing.span(method, tracing.SERVER, parent) as span:
            try:
                await self.app(scope, receive, marked)
            finally:
                seconds = perf_counter() - start
                route = getattr(scope.get("route"), "path", metrics.OTHER)
                metrics.request(route, method, status, seconds)
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.request.method": method})
                span.set_attribute("http.response.status_code", status)
                if route not in _PROBES:
                    log.info("request", route=route, method=method, status=status, seconds=round(seconds, 4))


def _id_of(headers: Headers) -> str:
    """Return the caller's id of the request where it is a random one, else one of ours."""
    told = headers.get(ID, "")
    return told if _RANDOM.match(told) else str(uuid4())
