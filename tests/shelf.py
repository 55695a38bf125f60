"""A shelf of files, for tests of writing back: what stands on it, and what a person does to it."""

from __future__ import annotations

from typing import Any

from service.hospital.local import LocalShelf


async def everything(shelf: LocalShelf) -> dict[str, list[dict[str, Any]]]:
    """Return all that stands on the shelf, by type."""
    kinds = ("ResearchStudy", "Device", "ResearchSubject", "GuidanceResponse", "Provenance", "List")
    return {kind: await shelf.find(kind, []) for kind in kinds}


async def put(shelf: LocalShelf, resource: dict[str, Any]) -> None:
    """Write one resource as somebody else does, without asking for its version."""
    request = (
        {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        if "id" in resource
        else {"method": "POST", "url": resource["resourceType"]}
    )
    await shelf.commit({"entry": [{"resource": resource, "request": request}]})


async def subject(shelf: LocalShelf) -> dict[str, Any]:
    """Return the one ResearchSubject."""
    [one] = await shelf.find("ResearchSubject", [])
    return one


async def lines(shelf: LocalShelf) -> list[dict[str, Any]]:
    """Return the lines of the one screening list."""
    [listed] = await shelf.find("List", [])
    found: list[dict[str, Any]] = listed["entry"]
    return found


async def set_status(shelf: LocalShelf, status: str) -> None:
    """Set the subject's status, as a person does."""
    await put(shelf, await subject(shelf) | {"status": status})


async def parameters(shelf: LocalShelf) -> dict[str, Any]:
    """Return the simple parameters of the one GuidanceResponse."""
    [guidance] = await shelf.find("GuidanceResponse", [])
    found = guidance["contained"][0]["parameter"]
    return {item["name"]: value for item in found for name, value in item.items() if name.startswith("value")}


class Versions:
    """Remembers versions, as the store does."""

    def __init__(self) -> None:
        """Begin with none."""
        self.known: set[str] = set()

    async def ours(self, version: str) -> bool:
        """Whether it was written by us."""
        return version in self.known

    async def wrote(self, version: str) -> None:
        """Remember one."""
        self.known.add(version)
