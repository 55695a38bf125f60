"""What the hospital's servers ask of others: credentials, a place for resources, a memory of writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

Resource = dict[str, Any]
Params = Sequence[tuple[str, str]]


class Credentials(Protocol):
    """What one server lets us in by."""

    async def header(self) -> str | None:
        """Return the value of ``Authorization``, or ``None`` for a server that asks for none.

        Raises ``TryLater`` and ``Never`` where it has to be asked for and is not to be had.
        """
        ...

    async def rejected(self, header: str) -> bool:
        """Forget ``header``, which the server answered with 401; return whether another can be had."""
        ...


class Kept(NamedTuple):
    """What became of one entry of a write."""

    reference: str  # Type/id
    version: str | None
    done: bool  # False: a conditional create found one that was there already


class Shelf(Protocol):
    """A place that keeps FHIR resources: the hospital's server, or a folder."""

    async def find(self, kind: str, params: Params) -> list[Resource]:
        """Return every resource of ``kind`` that matches. Raises ``TryLater`` rather than return a part."""
        ...

    def takes(self, kind: str) -> bool:
        """Whether resources of this type are kept there."""
        ...

    def own(self, reference: str) -> str | None:
        """Return ``Type/id`` of a reference to what is kept there, ``None`` of one to any other place."""
        ...

    async def holds(self, reference: str) -> bool:
        """Whether ``Type/id`` exists there."""
        ...

    async def commit(self, transaction: Resource) -> list[Kept]:
        """Do what a transaction Bundle says, entry by entry in its order.

        Raises ``Conflict`` when a version given by ``ifMatch`` is not the current one.
        """
        ...

    async def remove(self, reference: str) -> None:
        """Delete ``Type/id``; what is gone already is no error."""
        ...


class SubjectVersions(Protocol):
    """The versions of one server's ResearchSubjects that we wrote, each ``ResearchSubject/id/_history/version``."""

    async def ours(self, version: str) -> bool:
        """Whether we wrote it."""
        ...

    async def wrote(self, version: str) -> None:
        """Remember that we did."""
        ...
