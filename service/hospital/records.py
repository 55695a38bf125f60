"""One patient's records from a FHIR server: at once where it takes batches, all pages, and what could not be had."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from service.errors import InputError, ServerError
from service.fhir.outcome import says_incomplete
from service.hospital.client import FhirClient, query
from service.hospital.pages import Found, Record, all_pages
from service.hospital.plan import Plan, Search, chunks
from service.hospital.ports import Params, Resource
from service.hospital.refusals import GONE, Refused, refusal
from service.screening.ports import Pulled

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
# Types that name studies and medications, which are needed to understand them and no search by patient brings.
_NAMING = {"ResearchSubject", "Consent", "MedicationRequest", "MedicationStatement", "MedicationAdministration"}
_NEEDED = {"ResearchStudy", "Medication"}
_IDS_AT_ONCE = 50

Asked = dict[str, Resource | ServerError]  # answers of a batch, by what was asked


async def fetch_chart_resources(client: FhirClient, patient_id: str, plan: Plan) -> Pulled:
    """Fetch what ``plan`` asks for about ``Patient/id`` (or ``id``).

    A search that fails or is cut short loses nothing else: its type is in ``failed``. Raises
    ``InputError`` with the code ``patient-not-found``, and ``TryLater`` or ``Never`` when the Patient
    itself cannot be read.
    """
    reference = f"Patient/{patient_id.removeprefix('Patient/')}"
    number = reference.partition("/")[2]
    if not _ID.match(number):
        raise _not_found()
    searches = plan.searches(number, client.server.page_size)
    asked = await _ask_at_once(client, reference, searches)
    records = [await _read_patient(client, reference, asked)]
    found = await asyncio.gather(*(_search(client, search, asked) for search in searches))
    failed = set()
    for search, part in zip(searches, found, strict=True):
        records += part.records
        if not part.complete or any(says_incomplete(outcome, plan.vocabulary) for outcome in part.outcomes):
            failed.add(search.kind)
    fetched, unfetched = await _fetch_needed(client, records)
    return Pulled(records + fetched, frozenset(failed | unfetched))


async def _ask_at_once(client: FhirClient, reference: str, searches: Sequence[Search]) -> Asked:
    """Ask the first way of every search, and the Patient, in one batch; nothing when the server takes none."""
    if not client.takes_batches:
        return {}
    urls = [reference, *(_url(search.kind, params) for search in searches for params in search.ways[0])]
    try:
        bundle = await client.batch(urls)
    except Refused:
        client.takes_batches = False
        return {}
    except ServerError:
        return {}
    entries = bundle.get("entry")
    if not isinstance(entries, list) or len(entries) != len(urls):
        return {}
    host = client.host
    return {url: _entry(entry, url, host) for url, entry in zip(urls, entries, strict=True) if isinstance(entry, dict)}


def _entry(entry: dict[str, Any], url: str, host: str) -> Resource | ServerError:
    response, resource = entry.get("response"), entry.get("resource")
    response = response if isinstance(response, dict) else {}
    status = str(response.get("status", ""))[:3]
    what = f"search of {re.split('[/?]', url)[0]}"
    if isinstance(resource, dict) and status.startswith("2"):
        return resource
    body = resource if isinstance(resource, dict) else response.get("outcome")
    return refusal(int(status) if status.isdecimal() else 500, what, host, body)


async def _read_patient(client: FhirClient, reference: str, asked: Asked) -> Record:
    patient = asked.get(reference)
    try:
        if isinstance(patient, Refused):
            raise patient
        if not isinstance(patient, dict):
            patient = await client.read(reference)
    except Refused as error:
        # A 404 by itself comes from any web server; inside a batch-response it is FHIR.
        known = error is patient or error.in_fhir or error.status == HTTPStatus.GONE
        raise _not_found() if known and error.status in GONE else error from None
    return patient, f"{client.base}/{reference}"


async def _search(client: FhirClient, search: Search, asked: Asked) -> Found:
    """Go through the ways of a search until the server takes one."""
    for way in search.ways:
        parts = await asyncio.gather(*(_first_page(client, search.kind, params, asked) for params in way))
        if not any(isinstance(part, Refused) for part in parts):
            pages = [part for part in parts if isinstance(part, dict)]
            found = [await all_pages(client, page) for page in pages]
            return Found(
                [record for part in found for record in part.records],
                [outcome for part in found for outcome in part.outcomes],
                len(pages) == len(parts) and all(part.complete for part in found),
            )
    return Found([], [], complete=False)


async def _first_page(client: FhirClient, kind: str, params: Params, asked: Asked) -> Resource | ServerError:
    page = asked.get(_url(kind, params))
    if isinstance(page, dict | Refused):
        return page
    try:
        return await client.search(kind, params)
    except ServerError as error:
        return error


async def _fetch_needed(client: FhirClient, records: list[Record]) -> tuple[list[Record], set[str]]:
    """Fetch the studies and medications that records name and no ``_include`` brought."""
    present = {f"{resource.get('resourceType')}/{resource.get('id')}" for resource, _ in records}
    wanted: dict[str, set[str]] = {}  # type -> ids
    owners: dict[str, set[str]] = {}  # type -> types of the records that name it
    for resource, _ in records:
        owner = str(resource.get("resourceType"))
        for written in _references(resource) if owner in _NAMING else ():
            reference = client.own(written) or ""
            kind, _, id_ = reference.partition("/")
            if kind in _NEEDED and reference not in present:
                wanted.setdefault(kind, set()).add(id_)
                owners.setdefault(kind, set()).add(owner)
    fetched: list[Record] = []
    failed: set[str] = set()
    for kind, ids in wanted.items():
        for some in chunks(sorted(ids), _IDS_AT_ONCE):
            way = ([("_id", ",".join(some)), ("_count", str(_IDS_AT_ONCE))],)
            found = await _search(client, Search(kind, (way,)), {})
            fetched += found.records
            failed |= set() if found.complete else owners[kind]
    return fetched, failed


def _references(value: object) -> Iterator[str]:
    """Give every reference of a resource, however deep it stands."""
    if isinstance(value, list):
        for part in value:
            yield from _references(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name == "reference" and isinstance(part, str):
                yield part
            else:
                yield from _references(part)


def _url(kind: str, params: Params) -> str:
    return f"{kind}?{query(params)}"


def _not_found() -> InputError:
    return InputError("The hospital server holds no such patient.", "patient-not-found")
