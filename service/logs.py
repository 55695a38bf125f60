"""The log: one JSON object an event on stderr, with fields that are known to be free of patient data."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

LOGGED = frozenset({"event", "level", "timestamp", "error", "file", "line"})  # never names, ids or clinical values


def log_to_stderr() -> None:
    """Log with the fields of ``LOGGED`` and no others; stdout is for results alone."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def _allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop what is not known to be free of patient data."""
    return {name: value for name, value in event.items() if name in LOGGED}
