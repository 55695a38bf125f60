"""The hospital's server as a shelf: searches to their end, transactions, single writes where it has none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from http import HTTPStatus
from typing import Any

import stamina

from service.eligibility.vocabulary import Vocabulary
from service.errors import Never, ServerError, TryLater
from service.fhir.outcome import says_incomplete
from service.fhir.references import version_of
from service.fhir.write_kinds import KINDS
from service.fhir.write_provenance import named_by_text
from service.hospital.answers import Told, read_answers
from service.hospital.capabilities import Capabilities
from service.hospital.client import FhirClient
from service.hospital.creation import condition, heeds_condition, is_conditional, made_once
from service.hospital.matching import shows
from service.hospital.pages import Found, all_pages
from service.hospital.ports import Kept, Params, Resource
from service.hospital.refusals import GONE, UNKNOWN, Conflict, Refused, refusal

# Also of a reference to a record that is not there: of a chart brought by the caller, or deleted.
_CONTENT_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_NOT_HAD = UNKNOWN - _CONTENT_REFUSED
_DISPENSABLE = {kind for kind, each in KINDS.items() if each.besides}
_LOOKS = 3  # at a search: what another writer deletes meanwhile is counted and not shown
_SHARED = ("ResearchStudy/", "Device/")  # by all patients: other writers may refer to them already
_LAST = ("ResearchSubject", "Provenance")  # in single writes, in this order
_NO_WORDS = Vocabulary(
    incomplete_codes=frozenset(),
    incomplete_details=frozenset(),
    incomplete_texts=(),
    interventional_words=(),
    observational_words=(),
)
_LOCATION = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?\Z")


class HospitalShelf:
    """Keeps resources on a FHIR server, ``without`` those types that it is known not to take."""

    def __init__(self, client: FhirClient, without: Collection[str] = (), vocabulary: Vocabulary = _NO_WORDS) -> None:
        """``vocabulary`` has the words by which a server says that it withholds something."""
        self._client = client
        self._without, self._vocabulary = set(without), vocabulary
        self.takes_transactions = True  # until it does a part of one

    async def find(self, kind: str, params: Params) -> list[Resource]:
        for _ in range(_LOOKS):
            found = await self._look(kind, params)
            if found.complete and not any(says_incomplete(each, self._vocabulary) for each in found.outcomes):
                return [resource for resource, _ in found.records if resource.get("resourceType") == kind]
        raise TryLater(f"{self._client.host} gave only a part of a search of {kind}.")

    async def _look(self, kind: str, params: Params) -> Found:
        try:
            page = await self._client.search(kind, [*params, ("_count", str(self._client.server.page_size))])
        except Refused as error:
            if kind not in _DISPENSABLE or error.status not in _NOT_HAD:
                raise
            self._without.add(kind)  # not asked again
            return Found([], [], complete=True)
        return await all_pages(self._client, page, partial(self._check, kind, params))

    def _check(self, kind: str, params: Params, resource: Resource) -> bool:
        """Stop at the first resource that was not asked for: what follows may be everybody's."""
        if resource.get("resourceType") != kind:
            return True
        if not isinstance(resource.get("id"), str):
            raise Never(f"{self._client.host} gave a {kind} without an id.")
        if shows(resource, params) is False:
            names = " and ".join(name for name, _ in params)
            raise Never(
                f"{self._client.host} answered a search of {kind} with one that does not show what was asked for: "
                f"it ignores the parameter {names}, or withholds that element. Have it searched by {names}."
            )
        return True

    def takes(self, kind: str) -> bool:
        return kind not in self._without

    def own(self, reference: str) -> str | None:
        return self._client.own(reference)

    async def holds(self, reference: str) -> bool:
        try:
            await self._client.read(reference)
        except Refused as error:
            if error.status in GONE:
                return False
            raise
        return True

    async def commit(self, transaction: Resource) -> list[Kept]:
        entries = transaction["entry"]
        declared = await self._declared()
        kept = await self._send([made_once(entry, declared) for entry in entries], declared)
        return [
            one if heeds_condition(entry, declared) else await self._only(entry, one)
            for entry, one in zip(entries, kept, strict=True)
        ]

    async def _declared(self) -> Capabilities | None:
        try:
            declared = await self._client.capabilities()
        except ServerError:  # what it does not say of itself, it shows
            return None
        if declared.interactions and not declared.takes_transactions:
            self.takes_transactions = False
        return declared

    async def _only(self, entry: Resource, made: Kept) -> Kept:
        """Look whether another writer made the same at the same moment: then ours goes, if it is not the older one."""
        if not made.done or not is_conditional(entry):
            return made
        kind = entry["resource"]["resourceType"]
        first = min(await self.find(kind, condition(entry)), key=_age, default=None)
        if first is None or f"{kind}/{first['id']}" == made.reference:
            return made
        await self.remove(made.reference)
        return Kept(f"{kind}/{first['id']}", version_of(first), done=False)

    async def _send(self, entries: list[Resource], declared: Capabilities | None) -> list[Kept]:
        if not self.takes_transactions:
            return await one_by_one(entries, self._write)
        try:
            answer = await self._client.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        except Refused as error:
            if _was_deleted(error, entries) and declared is not None and declared.takes_transactions:
                raise Conflict(str(error), error.status) from None
            if error.status in _NOT_HAD:
                self.takes_transactions = False
            elif error.status not in _CONTENT_REFUSED or (by_text := [_by_text(each) for each in entries]) == entries:
                raise
            else:
                entries = by_text
            return await self._send(entries, declared)
        told = read_answers(answer, len(entries))
        if told is None:
            raise TryLater(f"{self._client.host} did not say what became of a transaction.")
        requests = [entry["request"] for entry in entries]
        kept = [_kept(*each) for each in zip(told, requests, strict=True)]
        refused = [each for each in told if not each.done]
        if refused:
            self.takes_transactions = False
            done = zip(told, requests, kept, strict=True)
            await self._take_back([(request, one) for each, request, one in done if each.done])
            what = "transaction, of which it did a part that was taken back"
            failed = refusal(refused[0].status, what, self._client.host, refused[0].outcome)
            if isinstance(failed, Refused) and failed.status in _CONTENT_REFUSED:
                raise Conflict(str(failed), failed.status)  # decided anew, now one by one
            raise failed
        return kept

    async def remove(self, reference: str) -> None:
        if "/" not in reference:  # it would be a deletion of all of a type
            raise Never(f"{self._client.host} did not tell the place of what it made, so that it cannot be taken back.")
        try:
            # Nobody has a say in it but us; yet writers of other resources can make HAPI answer 409.
            async for attempt in stamina.retry_context(on=Conflict, attempts=5, timeout=None, wait_max=1):
                with attempt:
                    await self._client.delete(reference)
        except Refused as error:
            if error.status not in GONE:
                raise

    async def _take_back(self, done: list[tuple[Resource, Kept]]) -> None:
        """Undo what a server did of a transaction that it takes for a batch. Raises ``Never`` where it lets nobody."""
        try:
            for request, kept in reversed(done):  # what refers to others first
                if "ifMatch" in request:
                    before = await self._client.read(f"{kept.reference}/_history/{_bare(request['ifMatch'])}")
                    await self._client.update(before, f'W/"{kept.version}"')
                elif kept.done and not kept.reference.startswith(_SHARED):
                    await self.remove(kept.reference)
        except ServerError as error:
            raise Never(
                f"{self._client.host} did a part of a transaction, refused the rest and does not let the part be "
                f"taken back: {error} Ask for transactions that are done whole or not at all."
            ) from None

    async def _write(self, entry: Resource) -> Kept:
        request, resource = entry["request"], entry["resource"]
        try:
            if request["method"] == "PUT":
                answer = await self._client.update(resource, request.get("ifMatch"))
            else:
                answer = await self._client.create(resource, request.get("ifNoneExist"))
        except Refused as error:
            if _was_deleted(error, [entry]):
                raise Conflict(str(error), error.status) from None
            if error.status not in _CONTENT_REFUSED or (by_text := _by_text(entry)) == entry:
                raise
            return await self._write(by_text)
        place = answer.location or f"{resource['resourceType']}/{answer.body.get('id', resource.get('id', ''))}"
        return _kept(Told(answer.status, place, answer.etag, None), request)


async def one_by_one(entries: list[Resource], write: Callable[[Resource], Awaitable[Kept]]) -> list[Kept]:
    """Write the entries of a transaction singly, in an order that is safe to break off after any step.

    The result goes before the subject, for it says which version of it is replaced: a status of ours stays ours
    where the next step fails, and a new subject that is not made yet is made by the next screening.
    """
    places: dict[str, str] = {}
    kept: dict[int, Kept] = {}
    for index in sorted(range(len(entries)), key=lambda at: _turn(entries[at])):
        entry = entries[index]
        kept[index] = await write(entry | {"resource": resolve(entry["resource"], places)})
        places[entry.get("fullUrl", "")] = kept[index].reference
    return [kept[index] for index in range(len(entries))]


def resolve(value: Any, places: dict[str, str]) -> Any:
    """Put the references that resources got in the place of their ``urn:uuid``."""
    if isinstance(value, dict):
        return {
            name: places.get(part, part) if name == "reference" else resolve(part, places)
            for name, part in value.items()
        }
    return [resolve(part, places) for part in value] if isinstance(value, list) else value


def _turn(entry: Resource) -> int:
    return _LAST.index(kind) if (kind := entry["resource"]["resourceType"]) in _LAST else -1


def _age(resource: Resource) -> tuple[str, str]:
    meta = resource.get("meta")
    return str(meta.get("lastUpdated", "") if isinstance(meta, dict) else ""), str(resource["id"])


def _was_deleted(error: Refused, entries: list[Resource]) -> bool:
    """Whether what was read to be written over may be gone: then another writer was first."""
    return error.status in GONE and error.in_fhir and any("ifMatch" in entry["request"] for entry in entries)


def _by_text(entry: Resource) -> Resource:
    """Return the entry without references to records, which the server may not hold."""
    resource = entry["resource"]
    return entry | {"resource": named_by_text(resource)} if resource["resourceType"] == "Provenance" else entry


def _kept(told: Told, request: Resource) -> Kept:
    match = _LOCATION.search(told.place or "")
    reference, version = (match[1], match[2]) if match else (request["url"], None)
    there_before = told.status == HTTPStatus.OK and ("ifNoneExist" in request or "ifNoneMatch" in request)
    return Kept(reference, version or (_bare(told.version) if told.version else None), not there_before)


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
