"""The versions that we wrote on one server, in a memory for all: two servers may give the same id and version."""

from __future__ import annotations

from dataclasses import dataclass

from service.hospital.ports import SubjectVersions


@dataclass(frozen=True, slots=True)
class VersionsThere:
    """The port ``SubjectVersions`` for the server with a base URL; versions are remembered by their full address."""

    base: str
    memory: SubjectVersions

    async def ours(self, version: str) -> bool:
        """Whether we wrote ``ResearchSubject/id/_history/version`` there."""
        return await self.memory.ours(f"{self.base}/{version}")

    async def wrote(self, version: str) -> None:
        """Remember that we did."""
        await self.memory.wrote(f"{self.base}/{version}")
