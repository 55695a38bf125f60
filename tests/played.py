"""A FHIR server played over a shelf of files, for tests of what another server than the charts' is asked and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import respx

from service.fhir.decode import decode
from service.hospital.local import LocalShelf
from tests.shelf import put

Json = dict[str, Any]


class Played:
    """Searches, reads and takes transactions; keeps what was asked by resource type."""

    def __init__(self, router: respx.MockRouter, base: str, folder: Path, *, knows_identifiers: bool = True) -> None:
        """One that does not know a search parameter passes over it, as servers do, and finds everybody."""
        self.shelf, self.asked, self._knows_identifiers = LocalShelf(folder), list[str](), knows_identifiers
        self.down, self.reads = False, list[Json]()
        router.post(base).mock(side_effect=self._commit)
        router.post(f"{base}/AuditEvent").mock(side_effect=self._record)
        router.get(f"{base}/metadata").respond(404)
        router.post(url__regex=rf"{base}/(?P<kind>\w+)/_search").mock(side_effect=self._search)
        router.get(url__regex=rf"{base}/(?P<kind>\w+)/(?P<name>[\w-]+)").mock(side_effect=self._read)

    async def hold(self, *resources: Json) -> None:
        """Put resources there, under the ids that they have."""
        for resource in resources:
            await put(self.shelf, resource)

    async def _search(self, request: httpx.Request, kind: str) -> httpx.Response:
        if self.down:
            return httpx.Response(503)
        self.asked.append(kind)
        params = dict(parse_qsl(request.content.decode()))
        if patient := params.pop("patient", ""):
            params["subject"] = f"Patient/{patient}"
        identifiers = params.pop("identifier", "")
        others = [one for one in params.items() if not one[0].startswith("_")]
        if identifiers and self._knows_identifiers:
            others.append(("identifier", identifiers))
        found = await self.shelf.find(kind, others)
        entries = [{"resource": each, "search": {"mode": "match"}} for each in found]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entries})

    def _record(self, request: httpx.Request) -> httpx.Response:
        self.reads.append(decode(request.content))
        return httpx.Response(201)

    async def _read(self, request: httpx.Request, kind: str, name: str) -> httpx.Response:  # noqa: ARG002 - respx's call
        there = [each for each in await self.shelf.find(kind, []) if each["id"] == name]
        gone = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
        return httpx.Response(200, json=there[0]) if there else httpx.Response(404, json=gone)

    async def _commit(self, request: httpx.Request) -> httpx.Response:
        bundle = decode(request.content)
        if bundle["type"] != "transaction":
            return httpx.Response(404)
        kept = await self.shelf.commit(bundle)
        responses = [
            {"status": "201" if one.done else "200", "location": f"{one.reference}/_history/{one.version}"}
            for one in kept
        ]
        entries = [{"response": response} for response in responses]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
