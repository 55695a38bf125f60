"""A shelf without a server: FHIR resources as JSON files in a folder, for the demo and for looking at."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from service.fhir.decode import decode
from service.fhir.references import without_version
from service.fhir.write import encode
from service.hospital.commit import resolve
from service.hospital.creation import condition, is_conditional
from service.hospital.matching import shows
from service.hospital.ports import Kept, Params, Resource
from service.hospital.refusals import Conflict

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalShelf:
    """Keeps ``Type/id.json`` under a folder, one version of each."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = _utc_now) -> None:
        self._folder = folder
        self._clock = clock

    async def find(self, kind: str, params: Params) -> list[Resource]:
        """Return the resources whose ``identifier`` or reference elements match; all without ``params``."""
        resources = [decode(path.read_bytes()) for path in sorted((self._folder / kind).glob("*.json"))]
        return [item for item in resources if shows(item, params)]

    def takes(self, kind: str) -> bool:  # noqa: ARG002 - the port's signature
        """Whether resources of this type are kept there: all are."""
        return True

    def own(self, reference: str) -> str | None:
        """Return ``Type/id`` of a reference to what is kept there: of a relative one."""
        return None if ":" in reference else without_version(reference)

    async def holds(self, reference: str) -> bool:  # noqa: ARG002 - the port's signature
        """Whether the patient is there: always, for the charts lie beside the folder."""
        return True

    async def commit(self, transaction: Resource) -> list[Kept]:
        """Write all entries, or none when an ``ifMatch`` names a version that is not the current one."""
        entries = transaction["entry"]
        for entry in entries:
            wanted = entry["request"].get("ifMatch")
            if wanted is not None and wanted != f'W/"{self._version(entry["request"]["url"])}"':
                raise Conflict("the resource has another version.", HTTPStatus.PRECONDITION_FAILED)
        places: dict[str, str] = {}
        return [await self._write(entry, places) for entry in entries]

    async def remove(self, reference: str) -> None:
        """Delete a resource's file."""
        (self._folder / f"{reference}.json").unlink(missing_ok=True)

    async def _write(self, entry: Resource, places: dict[str, str]) -> Kept:
        request, resource = entry["request"], resolve(entry["resource"], places)
        kind = resource["resourceType"]
        if is_conditional(entry):
            there = await self.find(kind, condition(entry))
            if there:
                kept = Kept(f"{kind}/{there[0]['id']}", there[0]["meta"]["versionId"], done=False)
                places[entry.get("fullUrl", "")] = kept.reference
                return kept
        id_ = resource["id"] if request["method"] == "PUT" else _new_id(resource)
        reference = f"{kind}/{id_}"
        version = str(self._version(reference) + 1)
        meta = {"versionId": version, "lastUpdated": self._clock().isoformat(timespec="milliseconds")}
        self._save(reference, {"resourceType": kind, "id": id_, "meta": meta} | _without(resource, "id", "meta"))
        places[entry.get("fullUrl", "")] = reference
        return Kept(reference, version, done=True)

    def _version(self, reference: str) -> int:
        path = self._folder / f"{reference}.json"
        return int(decode(path.read_bytes())["meta"]["versionId"]) if path.exists() else 0

    def _save(self, reference: str, resource: Resource) -> None:
        path = self._folder / f"{reference}.json"
        for folder in (self._folder, path.parent):  # for nobody else to read
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(0o600)
        unfinished.write_bytes(encode(resource))
        unfinished.replace(path)  # whole or not at all, also when the process ends here


def _new_id(resource: Resource) -> str:
    for identifier in resource.get("identifier", []):
        if _ID.match(identifier["value"]):
            return str(identifier["value"])
    return str(uuid.uuid4())


def _without(resource: Resource, *names: str) -> Resource:
    return {name: value for name, value in resource.items() if name not in names}
