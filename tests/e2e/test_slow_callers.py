"""Callers who send slowly or hang up: nobody else waits for them, and they are no bug."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import pytest

from service.api.service import Limits
from tests.e2e.conftest import Doors

Message = MutableMapping[str, Any]


def post(doors: Doors, receive: Callable[[], Awaitable[Message]]) -> list[Message]:
    """Post a body whose parts ``receive`` gives; return what the service sends."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Message = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/screenings",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def ask() -> None:
        await doors.http.app(scope, receive, send)

    assert doors.http.portal is not None
    doors.http.portal.call(ask)
    return sent


@pytest.mark.parametrize("limits", [Limits(body_bytes=100, entries=9, screenings=1, body_seconds=0.05)])
def test_a_slow_sender_takes_no_place_and_is_timed_out(doors: Doors) -> None:
    """While a body is awaited others are served; one that does not arrive in time is 408, and the line is closed."""
    busy = []

    async def drip() -> Message:
        busy.append(doors.http.app.state.service.places.full)  # type: ignore[attr-defined]
        await anyio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    start, body = post(doors, drip)

    assert (start["status"], json.loads(body["body"])["code"]) == (408, "too-slow")
    assert (b"connection", b"close") in start["headers"]
    assert not any(busy)


def test_a_caller_who_hangs_up_is_no_bug(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is left to answer, and nothing is logged as an error."""

    async def hang_up() -> Message:
        return {"type": "http.disconnect"}

    sent = post(doors, hang_up)
    logged = capsys.readouterr()

    assert sent == []
    assert "client-gone" in logged.out + logged.err
    assert "bug" not in logged.out + logged.err
