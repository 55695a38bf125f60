"""The Patient and the searches for it in one batch, which costs a single round trip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from service.errors import ServerError
from service.hospital.client import FhirClient, query
from service.hospital.plan import Search
from service.hospital.ports import Params, Resource
from service.hospital.refusals import Refused, refusal

Asked = dict[str, Resource | ServerError]  # answers of a batch, by what was asked


async def ask_at_once(client: FhirClient, reference: str, searches: Sequence[Search]) -> Asked:
    """Ask for the Patient, and the way of every search that the server takes; nothing where it takes no batch."""
    if not client.habits.takes_batches:
        return {}
    ways = [(search.kind, search.ways[client.habits.ways.get(search.kind, 0)]) for search in searches]
    urls = [reference, *(url_of(kind, params) for kind, way in ways for params in way)]
    try:
        bundle = await client.batch(urls)
    except Refused:
        client.habits.takes_batches = False
        return {}
    except ServerError:
        return {}
    entries = bundle.get("entry")
    if not isinstance(entries, list) or len(entries) != len(urls):
        return {}
    host = client.host
    return {url: _entry(entry, url, host) for url, entry in zip(urls, entries, strict=True) if isinstance(entry, dict)}


def url_of(kind: str, params: Params) -> str:
    """Return a search as a relative URL."""
    return f"{kind}?{query(params)}"


def _entry(entry: dict[str, Any], url: str, host: str) -> Resource | ServerError:
    response, resource = entry.get("response"), entry.get("resource")
    response = response if isinstance(response, dict) else {}
    status = str(response.get("status", ""))[:3]
    what = f"search of {re.split('[/?]', url)[0]}"
    if isinstance(resource, dict) and status.startswith("2"):
        return resource
    body = resource if isinstance(resource, dict) else response.get("outcome")
    return refusal(int(status) if status.isdecimal() else 500, what, host, body)
