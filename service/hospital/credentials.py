"""What is shown to a server so that it answers, where a person was given it; ``tokens.py`` asks for its own."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value of ``Authorization`` that does not change."""

    value: str = field(repr=False)

    async def header(self) -> str | None:
        return self.value

    async def rejected(self, header: str) -> bool:  # noqa: ARG002 - the port's signature
        """Whether another can be had: no, a person has to ask for one."""
        return False


def bearer(token: str | None) -> Fixed | None:
    """Return the credentials that a token is, if there is one."""
    return Fixed(f"Bearer {token}") if token else None


def basic(user: str, password: str) -> Fixed:
    """Return the credentials that a user's password is (RFC 7617, in UTF-8)."""
    return Fixed(f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
