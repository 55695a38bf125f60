"""What CDS Hooks ask of the world outside: the client's FHIR server, and a memory of tokens, cards and results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from service.screening.ports import Pulled
from service.work.model import Audit, StoredScreening


@dataclass(frozen=True, slots=True)
class Access:
    """The FHIR server that a client names, and the token that it lends for this one call: never kept, never shown."""

    server: str
    token: str | None = field(default=None, repr=False)


class ClientServers(Protocol):
    """The FHIR servers that CDS clients may name."""

    def is_ours(self, server: str) -> bool:
        """Whether it is the hospital's own, whose patients and results are ours."""
        ...

    def allows(self, server: str) -> bool:
        """Whether a token that is lent for it may be used there."""
        ...

    async def fetch(self, access: Access, patient: str, kinds: Collection[str]) -> Pulled:
        """Fetch ``Patient/id`` and all its records of ``kinds`` from a server that is allowed.

        Raises ``InputError`` with the code ``patient-not-found``, ``TryLater`` and ``Never``.
        """
        ...


class SeenTokens(Protocol):
    """The tokens that clients used."""

    async def first_use(self, issuer: str, token: str, expires: datetime) -> bool:
        """Remember a token by its id; whether it is new. Raises ``StoreDown``."""
        ...


class Feedback(NamedTuple):
    """What a clinician did with a card."""

    card: str  # its uuid
    outcome: str  # accepted, overridden
    at: datetime


class Cards(Protocol):
    """Results of CDS calls, and what became of their cards. Every method may raise ``StoreDown``."""

    async def keep(self, result: StoredScreening, audit: Audit) -> None:
        """In one transaction: keep a result and the line that says who asked for it."""
        ...

    async def heard(self, caller: str, feedback: Sequence[Feedback]) -> None:
        """Keep feedback; the same may come several times."""
        ...

    async def dismissals(self, caller: str, within: timedelta) -> frozenset[str]:
        """Return the cards that the caller told were overridden, in the last time."""
        ...

    async def recent(self, study: str, patient: str, within: timedelta) -> list[StoredScreening]:
        """Return the patient's results of the last time, newest first."""
        ...

    async def dismissed(self, caller: str, card: str) -> bool:
        """Whether the caller told that this card was overridden."""
        ...
