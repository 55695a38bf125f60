"""One search to its end: by the first way of asking that the server takes, over all pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from service.errors import ServerError
from service.hospital.at_once import Asked, question
from service.hospital.client import FhirClient
from service.hospital.pages import Found, all_pages
from service.hospital.plan import Search
from service.hospital.ports import Params, Resource
from service.hospital.refusals import TURNED_AWAY, UNKNOWN, Refused


async def run(client: FhirClient, search: Search, asked: Asked, wanted: Callable[[Resource], bool]) -> Found:
    """Go through the ways of a search until the server takes one; ``asked`` holds what a batch brought already.

    A type that the server refuses and does not declare holds no records: nothing is missing of it.
    """
    first = client.habits.ways.get(search.kind, 0)
    refused: list[Refused] = []
    for number, way in enumerate(search.ways[first:], first):
        parts = await asyncio.gather(*(_first_page(client, search.kind, params, asked) for params in way))
        refused = [part for part in parts if isinstance(part, Refused)]
        if not refused:
            if number:
                client.habits.ways[search.kind] = number
            return await _to_the_end(client, parts, wanted)
        if any(error.status in TURNED_AWAY for error in refused):
            break
    unknown = {error.status for error in refused} <= UNKNOWN and not await keeps(client, search.kind)
    return Found([], [], complete=unknown)


async def _first_page(client: FhirClient, kind: str, params: Params, asked: Asked) -> Resource | ServerError:
    page = asked.get(question(kind, params))
    if isinstance(page, dict | Refused):
        return page
    try:
        return await client.search(kind, params)
    except ServerError as error:
        return error


async def _to_the_end(
    client: FhirClient, parts: Sequence[Resource | ServerError], wanted: Callable[[Resource], bool]
) -> Found:
    pages = [part for part in parts if isinstance(part, dict)]
    found = await asyncio.gather(*(all_pages(client, page, wanted) for page in pages))
    return Found(
        [record for part in found for record in part.records],
        [outcome for part in found for outcome in part.outcomes],
        len(pages) == len(parts) and all(part.complete for part in found),
    )


async def keeps(client: FhirClient, kind: str) -> bool:
    """Whether the server keeps a type, as far as it tells."""
    try:
        return (await client.capabilities()).knows(kind)
    except ServerError:
        return True
