"""All pages of a search, with what tells that they are not the whole answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from service.errors import ServerError, TryLater
from service.hospital.client import FhirClient
from service.hospital.ports import Resource

Record = tuple[Resource, str | None]  # a resource and its fullUrl

_MOST_PAGES = 2_000  # of one chart: a server that never stops
_MOST_OF_ALL = 1_000_000  # of a search over a whole hospital, which may well give 20 records a page


class Found(NamedTuple):
    """What a search found; not ``complete`` when pages or entries are known to be missing."""

    records: list[Record]
    outcomes: list[Resource]  # OperationOutcomes that came with them
    complete: bool


def _any(_: Resource) -> bool:
    return True


async def all_pages(client: FhirClient, page: Resource, wanted: Callable[[Resource], bool] = _any) -> Found:
    """Follow the ``next`` links from the first page on.

    An entry that comes twice is kept once. A link to another server, to a page seen before or to a page
    that cannot be had ends the search as incomplete; so does a total that was not reached, and a record that
    is not ``wanted``: a server that gives one has ignored what was asked, which may give those of everybody.
    """
    reader = _Pages(wanted)
    seen: set[str] = set()
    reader.add(page)
    while (link := _next(page)) is not None:
        if link in seen or len(seen) >= _MOST_PAGES or reader.strayed:
            return reader.found(complete=False)
        seen.add(link)
        try:
            page = await client.follow(link)
        except ServerError:
            return reader.found(complete=False)
        reader.add(page)
    return reader.found(complete=True)


async def each_page(client: FhirClient, page: Resource) -> AsyncIterator[Resource]:
    """Give all pages of a search over a whole hospital. Raises ``TryLater`` and ``Never`` where one cannot be had."""
    seen: set[str] = set()
    yield page
    while (link := _next(page)) is not None:
        if link in seen or len(seen) >= _MOST_OF_ALL:
            raise TryLater(f"{client.host} gives pages without end.")
        seen.add(link)
        page = await client.follow(link)
        yield page


class _Pages:
    """Collects entries over the pages of one search."""

    def __init__(self, wanted: Callable[[Resource], bool]) -> None:
        self.wanted = wanted
        self.strayed = False
        self.records: dict[tuple[Any, ...], Record] = {}
        self.outcomes: list[Resource] = []
        self.matches: set[tuple[Any, ...]] = set()
        self.whole = True
        self.total = 0

    def add(self, page: Resource) -> None:
        if page.get("resourceType") == "OperationOutcome":
            self.outcomes.append(page)
        if page.get("resourceType") != "Bundle":
            self.whole = False
        if isinstance(total := page.get("total"), int):
            self.total = total
        for entry in _dicts(page.get("entry")):
            self._add_entry(entry)

    def found(self, *, complete: bool) -> Found:
        whole = complete and self.whole and not self.strayed and len(self.matches) >= self.total
        return Found(list(self.records.values()), self.outcomes, whole)

    def _add_entry(self, entry: Resource) -> None:
        resource = entry.get("resource")
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            self.whole = False  # a match that is not shown, or not as a resource
            return
        if resource.get("resourceType") == "OperationOutcome":
            self.outcomes.append(resource)
            return
        if not self.wanted(resource):
            self.strayed = True
            return
        meta = resource.get("meta")
        version = meta.get("versionId") if isinstance(meta, dict) else None
        key = (resource.get("resourceType"), str(resource.get("id", id(resource))), str(version))
        full_url = entry.get("fullUrl")
        self.records.setdefault(key, (resource, full_url if isinstance(full_url, str) else None))
        search = entry.get("search")
        if not isinstance(search, dict) or search.get("mode") != "include":
            self.matches.add(key[:2])  # it counts once, in whichever versions it came


def _next(page: Resource) -> str | None:
    links = [link for link in _dicts(page.get("link")) if link.get("relation") == "next"]
    url = links[0].get("url") if links else None
    return url if isinstance(url, str) else None


def _dicts(value: object) -> list[Resource]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
