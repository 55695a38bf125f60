"""How a caller wants work to be taken: now or later, and as the same request as one before."""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import Request

from service.api.problems import Problem
from service.work.model import Key

_KEY_LENGTH = 255

# What OpenAPI says of the headers.
KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body gives the same screening or run, for seven days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _KEY_LENGTH, "pattern": "^[!-~]+$"},
}
WISHES: list[dict[str, Any]] = [
    {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async` (RFC 7240): answered as soon as the request is kept.",
        "schema": {"type": "string"},
    },
    KEY,
]


class Wish(NamedTuple):
    """Whether the answer may come later, and the ``Idempotency-Key``."""

    later: bool
    key: str | None

    def key_of(self, caller: str, asked: bytes) -> Key | None:
        """Return the key that stands for what a caller ``asked`` for, every byte of it."""
        return None if self.key is None else Key(caller, self.key, sha256(asked).hexdigest())


def read_wish(request: Request) -> Wish:
    """Read the headers ``Prefer`` and ``Idempotency-Key``. Raises a ``Problem``: 422."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _KEY_LENGTH and all("!" <= each <= "~" for each in key)):
        detail = f"An Idempotency-Key is 1 to {_KEY_LENGTH} printable ASCII characters without spaces."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-idempotency-key", detail)
    preferred = ",".join(request.headers.getlist("prefer")).split(",")
    later = any(each.partition(";")[0].strip().lower() == "respond-async" for each in preferred)
    return Wish(later, key)
