"""The log: one JSON object an event on stderr, with fields that are known to be free of patient data."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

# Never names, ids of people or clinical values. `route` is a template, `request` a random id.
LOGGED = frozenset({"event", "level", "timestamp", "error", "file", "line", "library"}) | {
    "count", "host", "method", "port", "request", "route", "seconds", "status",
}  # fmt: skip


class _Libraries(logging.Handler):
    """Tells where a library logged something, and not what: it may repeat a URL, a statement or a value."""

    def emit(self, record: logging.LogRecord) -> None:
        told = {"library": record.name, "file": record.pathname, "line": record.lineno}
        if isinstance(record.msg, OSError) and record.msg.errno:  # such as a port that is taken
            told["error"] = os.strerror(record.msg.errno)
        elif record.exc_info and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
        structlog.get_logger().log(record.levelno, "library", **told)


def log_to_stderr() -> None:
    """Log with the fields of ``LOGGED`` and no others; stdout is for results alone."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )
    if not any(isinstance(each, _Libraries) for each in logging.root.handlers):
        logging.root.addHandler(_Libraries())


def _allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop what is not known to be free of patient data."""
    return {name: value for name, value in event.items() if name in LOGGED}
