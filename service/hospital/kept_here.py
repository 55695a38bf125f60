"""A server that does not take all resource types, and a folder here for those that it does not take."""

from __future__ import annotations

from collections.abc import Collection

from service.hospital.commit import one_by_one
from service.hospital.ports import Kept, Params, Resource, Shelf


class KeptHere:
    """Keeps ``kinds`` in the one place and everything else in the other, written singly in a safe order."""

    def __init__(self, server: Shelf, here: Shelf, kinds: Collection[str]) -> None:
        self._server, self._here, self._kinds = server, here, kinds

    async def find(self, kind: str, params: Params) -> list[Resource]:
        return await self._of(kind).find(kind, params)

    def takes(self, kind: str) -> bool:
        return self._of(kind).takes(kind)

    def own(self, reference: str) -> str | None:
        return self._server.own(reference)

    async def holds(self, reference: str) -> bool:
        return await self._server.holds(reference)

    async def commit(self, transaction: Resource) -> list[Kept]:
        return await one_by_one(transaction["entry"], self._write)

    async def remove(self, reference: str) -> None:
        await self._of(reference.partition("/")[0]).remove(reference)

    async def _write(self, entry: Resource) -> Kept:
        resource = entry["resource"]
        shelf = self._of(resource["resourceType"])
        if targets := resource.get("target"):  # a Provenance: the server does not know what it does not hold
            there = [each for each in targets if each["reference"].partition("/")[0] not in self._kinds]
            entry = entry | {"resource": resource | {"target": there}} if there else entry
            shelf = shelf if there else self._here
        [kept] = await shelf.commit({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        return kept

    def _of(self, kind: str) -> Shelf:
        return self._here if kind in self._kinds else self._server
