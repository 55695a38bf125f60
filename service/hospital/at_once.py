"""The Patient and the searches for it in one batch, which costs a single round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.errors import ServerError
from service.hospital.client import FhirClient, query
from service.hospital.plan import Search
from service.hospital.ports import Params, Resource
from service.hospital.refusals import UNKNOWN, Refused, refusal

Question = tuple[str, *tuple[tuple[str, str], ...]]  # a type and its parameters, or a reference alone
Asked = dict[Question, Resource | ServerError]  # answers of a batch, by what was asked


async def ask_at_once(client: FhirClient, reference: str, searches: Sequence[Search]) -> Asked:
    """Ask for the Patient, and the way of every search that the server takes; nothing where it takes no batch."""
    if not client.habits.takes_batches:
        return {}
    ways = [(search.kind, search.ways[client.habits.ways.get(search.kind, 0)]) for search in searches]
    questions = [(reference,), *(question(kind, params) for kind, way in ways for params in way)]
    try:
        bundle = await client.batch([_url(*each) for each in questions])
    except Refused as error:
        if error.status in UNKNOWN:  # one who was turned away speaks for nobody else
            client.habits.takes_batches = False
        return {}
    except ServerError:
        return {}
    entries = bundle.get("entry")
    if not isinstance(entries, list) or len(entries) != len(questions):
        return {}
    return {
        each: _answer(entry, each[0].partition("/")[0], client.host)
        for each, entry in zip(questions, entries, strict=True)
        if isinstance(entry, dict)
    }


def question(kind: str, params: Params) -> Question:
    """Return the key of a search in what was asked."""
    return (kind, *params)


def _url(what: str, *params: tuple[str, str]) -> str:
    return f"{what}?{query(params)}" if params else what


def _answer(entry: dict[str, Any], kind: str, host: str) -> Resource | ServerError:
    response, resource = entry.get("response"), entry.get("resource")
    response = response if isinstance(response, dict) else {}
    status = str(response.get("status", ""))[:3]
    if isinstance(resource, dict) and status.startswith("2"):
        return resource
    body = resource if isinstance(resource, dict) else response.get("outcome")
    return refusal(int(status) if status.isdecimal() else 500, f"search of {kind}", host, body)
