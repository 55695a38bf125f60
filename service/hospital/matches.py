"""Every match of one search over a whole hospital, and whether the server told of more than it gave."""

from __future__ import annotations

from collections.abc import AsyncIterator

from service.errors import Never
from service.hospital.client import FhirClient
from service.hospital.pages import each_page
from service.hospital.ports import Params, Resource
from service.hospital.refusals import Refused


class Matches:
    """The matches of one search, page by page; use it once."""

    def __init__(self, client: FhirClient, kind: str, params: Params) -> None:
        self._client, self._kind = client, kind
        self._params = [*params, ("_count", str(client.server.page_size))]
        self._total = self._hidden = 0
        self._given = set[object]()

    async def pages(self) -> AsyncIterator[Resource]:
        """Give the pages. Raises ``TryLater`` and ``Never``; ``Refused`` only where the search itself is refused."""
        first = await self._client.search(self._kind, self._params)
        try:
            async for page in each_page(self._client, first):
                if page.get("resourceType") != "Bundle":
                    raise Never(f"{self._client.host} answered a search of {self._kind} with no Bundle.")
                yield page
        except Refused as error:  # of a page, which tells nothing of what the server searches by
            raise Never(str(error)) from None

    def of(self, page: Resource) -> list[Resource]:
        """Return the resources of a page, and count those that match."""
        if isinstance(total := page.get("total"), int):
            self._total = max(self._total, total)
        entries = page.get("entry")
        found = list[Resource]()
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict):
                self._hidden += 1
                continue
            found.append(resource)
            if resource.get("resourceType") == self._kind:
                name = resource.get("id")
                self._given.add(name if isinstance(name, str) else object())
        return found

    @property
    def missing(self) -> str:
        """What to tell where fewer came than the server told of; nothing where all did."""
        told = max(self._total, len(self._given) + self._hidden)
        if told <= len(self._given):
            return ""
        return f"{self._kind}: {self._client.host} told of {told} records that match, and gave {len(self._given)}."
