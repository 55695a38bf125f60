"""What is shown to a server so that it answers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that a person was given for one server."""

    token: str = field(repr=False)

    async def header(self) -> str | None:
        return f"Bearer {self.token}"

    async def rejected(self, header: str) -> bool:  # noqa: ARG002 - the port's signature
        """Whether another can be had: no, a person has to ask for one."""
        return False


def bearer(token: str | None) -> Bearer | None:
    """Return the credentials that a setting holds, if any."""
    return Bearer(token) if token else None
