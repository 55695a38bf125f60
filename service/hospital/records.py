"""One patient's records from a FHIR server: at once where it takes batches, all pages, and what could not be had."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from service.errors import InputError
from service.fhir.outcome import says_incomplete
from service.fhir.references import NAMING, NEEDED, references_in
from service.hospital.at_once import Asked, ask_at_once
from service.hospital.client import FhirClient
from service.hospital.pages import Found, Record
from service.hospital.plan import Plan, Search, chunks
from service.hospital.ports import Resource
from service.hospital.refusals import GONE, Refused
from service.hospital.searches import run
from service.screening.ports import Pulled

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_WHOSE = ("subject", "patient", "individual", "beneficiary")  # elements that say whose a record is
_IDS_AT_ONCE = 50


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
    size = client.server.page_size
    asked = await ask_at_once(client, reference, plan.searches(number, size, at_once=True))
    searches = plan.searches(number, size, at_once=bool(asked))
    wanted = partial(_is_about, client, reference)
    reading = asyncio.create_task(_read_patient(client, reference, asked))
    searching = [asyncio.create_task(run(client, search, asked, wanted)) for search in searches]
    try:
        await asyncio.gather(reading, *searching)  # cancelled all at once, so that none in the queue begins
    except BaseException:
        for one in searching:
            one.cancel()
        await asyncio.gather(*searching, return_exceptions=True)
        raise
    records, found = [reading.result()], [one.result() for one in searching]
    failed = set()
    for search, part in zip(searches, found, strict=True):
        records += part.records
        if _is_part(part, plan):
            failed.add(search.kind)
    fetched, unfetched = await _fetch_needed(client, records, plan)
    return Pulled(records + fetched, frozenset(failed | unfetched))


async def _read_patient(client: FhirClient, reference: str, asked: Asked) -> Record:
    patient = asked.get((reference,))
    try:
        if isinstance(patient, Refused):
            raise patient
        if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
            patient = await client.read(reference)
    except Refused as error:
        # A 404 by itself comes from any web server; inside a batch-response it is FHIR.
        known = error is patient or error.in_fhir or error.status == HTTPStatus.GONE
        raise _not_found() if known and error.status in GONE else error from None
    return patient, f"{client.base}/{reference}"


async def _fetch_needed(client: FhirClient, records: list[Record], plan: Plan) -> tuple[list[Record], set[str]]:
    """Fetch the studies and medications that records name and no ``_include`` brought, all at the same time."""
    present = {f"{resource.get('resourceType')}/{resource.get('id')}" for resource, _ in records}
    owners: dict[str, set[str]] = {}  # Type/id -> types of the records that name it
    for resource, _ in records:
        kind = str(resource.get("resourceType"))
        for written in references_in(resource) if kind in NAMING else ():
            reference = client.own(written) or ""
            if reference.partition("/")[0] in NEEDED and reference not in present:
                owners.setdefault(reference, set()).add(kind)
    asked = [
        (kind, some)
        for kind in sorted(NEEDED)
        for some in chunks(sorted(each for each in owners if each.startswith(f"{kind}/")), _IDS_AT_ONCE)
    ]
    found = await asyncio.gather(*(_fetch_by_id(client, kind, some) for kind, some in asked))
    failed = {
        owner
        for (_, some), part in zip(asked, found, strict=True)
        if _is_part(part, plan)
        for reference in some
        for owner in owners[reference]
    }
    return [record for part in found for record in part.records], failed


async def _fetch_by_id(client: FhirClient, kind: str, references: Sequence[str]) -> Found:
    ids = [reference.partition("/")[2] for reference in references]
    way = ([("_id", ",".join(ids)), ("_count", str(_IDS_AT_ONCE))],)
    return await run(client, Search(kind, (way,)), {}, lambda resource: resource.get("id") in ids)


def _is_part(found: Found, plan: Plan) -> bool:
    return not found.complete or any(says_incomplete(outcome, plan.vocabulary) for outcome in found.outcomes)


def _is_about(client: FhirClient, patient: str, resource: Resource) -> bool:
    """Whether a record may be the patient's: it names no other Patient of this server as its own."""
    named = [resource.get(element) for element in _WHOSE]
    written = [each.get("reference") for each in named if isinstance(each, dict)]
    own = [client.own(each) for each in written if isinstance(each, str)]
    return all(each == patient for each in own if each is not None and each.startswith("Patient/"))


def _not_found() -> InputError:
    return InputError("The hospital server holds no such patient.", "patient-not-found")
