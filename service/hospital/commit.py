"""The hospital's server as a shelf: searches to their end, transactions, single writes where it has none."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from service.errors import TryLater
from service.hospital.client import FhirClient
from service.hospital.pages import all_pages
from service.hospital.ports import Kept, Params, Resource
from service.hospital.refusals import GONE, Refused

_NO_TRANSACTIONS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
_LOCATION = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?\Z")


class HospitalShelf:
    """Keeps resources on a FHIR server."""

    def __init__(self, client: FhirClient) -> None:
        self._client = client

    async def find(self, kind: str, params: Params) -> list[Resource]:
        page = await self._client.search(kind, [*params, ("_count", str(self._client.server.page_size))])
        found = await all_pages(self._client, page)
        if not found.complete:
            raise TryLater(f"{self._client.host} gave only a part of a search of {kind}.")
        return [resource for resource, _ in found.records if resource.get("resourceType") == kind]

    async def holds(self, reference: str) -> bool:
        try:
            await self._client.read(reference)
        except Refused as error:
            if error.status in GONE:
                return False
            raise
        return True

    async def commit(self, transaction: Resource) -> list[Kept]:
        try:
            answer = await self._client.transaction(transaction)
        except Refused as error:
            if error.status not in _NO_TRANSACTIONS:
                raise
            return await self._one_by_one(transaction["entry"])
        responses = [entry.get("response", {}) for entry in answer.get("entry", [])]
        requests = [entry["request"] for entry in transaction["entry"]]
        if len(responses) != len(requests):
            raise TryLater(f"{self._client.host} did not say what became of a transaction.")
        return [
            _kept(response.get("location", request["url"]), response.get("etag"), int(response["status"][:3]), request)
            for response, request in zip(responses, requests, strict=True)
        ]

    async def remove(self, reference: str) -> None:
        try:
            await self._client.delete(reference)
        except Refused as error:
            if error.status not in GONE:
                raise

    async def _one_by_one(self, entries: list[Resource]) -> list[Kept]:
        """Write in an order that is safe to break off after any step.

        A new result goes before the new subject: the next run finds no subject and goes on. A subject is
        changed before the result that says so: when somebody else was first, nothing else is written.
        """
        places: dict[str, str] = {}
        kept: dict[int, Kept] = {}
        for index in sorted(range(len(entries)), key=lambda at: _turn(entries[at])):
            kept[index] = await self._write(entries[index], places)
        return [kept[index] for index in range(len(entries))]

    async def _write(self, entry: Resource, places: dict[str, str]) -> Kept:
        request, resource = entry["request"], resolve(entry["resource"], places)
        if request["method"] == "PUT":
            answer = await self._client.update(resource, request["ifMatch"])
        else:
            answer = await self._client.create(resource, request.get("ifNoneExist"))
        place = answer.location or f"{resource['resourceType']}/{answer.body.get('id', resource.get('id', ''))}"
        kept = _kept(place, answer.etag, answer.status, request)
        places[entry.get("fullUrl", "")] = kept.reference
        return kept


def resolve(value: Any, places: dict[str, str]) -> Any:
    """Put the references that resources got in the place of their ``urn:uuid``."""
    if isinstance(value, dict):
        return {
            name: places.get(part, part) if name == "reference" else resolve(part, places)
            for name, part in value.items()
        }
    return [resolve(part, places) for part in value] if isinstance(value, list) else value


def _turn(entry: Resource) -> int:
    kind = entry["resource"]["resourceType"]
    if kind == "Provenance":
        return 2
    return 1 if kind == "ResearchSubject" and entry["request"]["method"] == "POST" else 0


def _kept(location: str, etag: str | None, status: int, request: Resource) -> Kept:
    match = _LOCATION.search(location)
    reference, version = (match[1], match[2]) if match else (request["url"], None)
    if version is None and etag:
        version = etag.removeprefix("W/").strip('"')
    there_before = request["method"] == "POST" and "ifNoneExist" in request and status == HTTPStatus.OK
    return Kept(reference, version, not there_before)
