"""Whom a study's entry rule names on a FHIR server: searches by all codes of the rule, and whose records they found.

A server finds codes as they are written, not those below them. Of a code that holds all that begin with it (ICD) those
of the value sets are asked for and, digit by digit, those that may stand below it, with and without the dot; other
spellings than these are not found by searches. A folder or an export is read in every spelling.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

from service.eligibility.codes import CodeRow, Lexicon
from service.eligibility.entry import COUNTED, Entry
from service.eligibility.study import Study
from service.eligibility.vocabulary import Vocabulary
from service.errors import Never, ServerError
from service.fhir.coded import codings_in, concepts_in
from service.fhir.outcome import is_outcome, says_incomplete
from service.fhir.references import reference_in
from service.fhir.write_names import token
from service.hospital.client import FhirClient
from service.hospital.pages import each_page
from service.hospital.plan import chunks, escape
from service.hospital.ports import Params, Resource
from service.hospital.refusals import TURNED_AWAY, Refused
from service.hospital.searches import keeps
from service.hospital.subscriptions import moment

_CODES_AT_ONCE = 500
_CATEGORY = 3  # characters of an ICD code before the dot
_LONGEST = 6  # characters of an ICD code without its dot, ATIH's extensions included
_OVERLAP = timedelta(minutes=5)  # what was being written while we searched is searched again
_WHOSE = ("subject", "patient", "individual", "beneficiary")
_BESIDE = {"DiagnosticReport": ("conclusion",)}  # where else a code says what is found; not every server looks there


class Strayed(Never):
    """The server gave what was not asked for: it ignores the parameter, and what follows may be everybody's."""


@dataclass(slots=True)
class People:
    """Who was found, by what."""

    concepts: defaultdict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # Patient/id -> of its records
    members: set[str] = field(default_factory=set)  # with a ResearchSubject of the study
    unread: list[str] = field(default_factory=list)
    clock: list[datetime] = field(default_factory=list)  # when the server made first pages
    searches: int = 0
    failed: int = 0

    @property
    def until(self) -> datetime | None:
        """Up to when everything was seen."""
        return min(self.clock) - _OVERLAP if self.clock else None


class EntrySearch:
    """Searches one server for one study."""

    def __init__(self, client: FhirClient, study: Study, vocabulary: Vocabulary) -> None:
        self._client, self._study, self._vocabulary = client, study, vocabulary

    async def find(self, entry: Entry, since: datetime | None) -> People:
        """Return who has records of the entry, that changed at or after ``since``.

        A search that fails is in ``unread``, and loses nothing else. Raises ``TryLater`` and ``Never`` where all fail.
        """
        found, failures = People(), list[ServerError]()
        jobs = [
            self._search(Asked(kind, frozenset(some), since, by), entry, found, failures)
            for kind, codes in self._codes(entry).items()
            for by in ("code", *_BESIDE.get(kind, ()))
            for some in chunks(codes, _CODES_AT_ONCE)
        ]
        found.searches = len(jobs)
        await asyncio.gather(*jobs, self._members(found))
        if failures and found.failed == found.searches:
            raise failures[0]
        return found

    def _codes(self, entry: Entry) -> dict[str, list[str]]:
        """Return for each resource type the codes to ask for."""
        by_kind: defaultdict[str, dict[str, None]] = defaultdict(dict)
        lexicon = self._study.lexicon
        for notion in self._study.notions.values():
            if concepts := notion.coded_by & entry.concepts:
                codes = sorted({code for concept in concepts for code in spelled(lexicon, concept)})
                for kind in notion.resources:
                    by_kind[kind].update(dict.fromkeys(codes))
        return {kind: list(codes) for kind, codes in by_kind.items()}

    async def _search(self, asked: Asked, entry: Entry, found: People, failures: list[ServerError]) -> None:
        try:
            await self._by_any_way(asked, entry, found)
        except ServerError as error:
            refused = isinstance(error, Refused) and error.status not in TURNED_AWAY
            beside = asked.by != "code" and (refused or isinstance(error, Strayed))
            if beside or (refused and not await keeps(self._client, asked.kind)):
                found.searches -= 1
                return  # it keeps no records of this type, or does not search by that element
            found.failed += 1
            found.unread.append(f"{asked.kind}: {error}")
            failures.append(error)

    async def _by_any_way(self, asked: Asked, entry: Entry, found: People) -> None:
        *ways, last = asked.ways(self._client.server.page_size)
        for params in ways:
            try:
                return await self._all(asked, params, entry, found)
            except Strayed:
                continue
            except Refused as error:
                if error.status in TURNED_AWAY:
                    raise
        return await self._all(asked, last, entry, found)

    async def _all(self, asked: Asked, params: Params, entry: Entry, found: People) -> None:
        first = await self._client.search(asked.kind, params)
        found.clock.append(moment(first) or datetime.now(UTC))
        async for page in each_page(self._client, first):
            for resource in _resources(page):
                if is_outcome(resource) and says_incomplete(resource, self._vocabulary):
                    raise Never(f"{self._client.host} gave only a part of a search of {asked.kind}.")
                if resource.get("resourceType") == asked.kind:
                    self._take(asked, resource, entry, found)

    def _take(self, asked: Asked, resource: Resource, entry: Entry, found: People) -> None:
        concepts = concepts_in(resource, self._study.lexicon, COUNTED) & entry.concepts
        if not concepts and not any(code.strip().upper() in asked.shouted for _, code in codings_in(resource)):
            raise Strayed(f"{self._client.host} answered a search of {asked.kind} with records of other codes.")
        if (patient := self._owner(resource)) is not None:
            found.concepts[patient] |= concepts

    def _owner(self, resource: Resource) -> str | None:
        for element in _WHOSE:
            if (written := reference_in(resource.get(element))) is not None:
                named = self._client.own(written)
                return named if named is not None and named.startswith("Patient/") else None
        return None

    async def _members(self, found: People) -> None:
        """Find who has a ResearchSubject of the study, whoever made it."""
        if not await keeps(self._client, "ResearchSubject"):
            return
        try:
            async for study in self._records("ResearchStudy", [("identifier", self._identifiers())]):
                about = [("study", f"ResearchStudy/{study['id']}")]
                async for subject in self._records("ResearchSubject", about):
                    if (patient := self._owner(subject)) is not None:
                        found.members.add(patient)
        except (ServerError, KeyError) as error:
            why = str(error) if isinstance(error, ServerError) else "a ResearchStudy without an id"
            found.unread.append(f"ResearchSubject: {why}")

    async def _records(self, kind: str, params: Params) -> AsyncIterator[Resource]:
        first = await self._client.search(kind, [*params, ("_count", str(self._client.server.page_size))])
        async for page in each_page(self._client, first):
            for resource in _resources(page):
                if resource.get("resourceType") == kind:
                    yield resource

    def _identifiers(self) -> str:
        identifiers = self._study.record.identifiers
        return ",".join(token((system, value)) for system, value in identifiers.items())

    async def everybody(self) -> set[str]:
        """Return all Patients. Raises ``TryLater`` and ``Never``."""
        patients = self._records("Patient", [("_elements", "id")])
        return {f"Patient/{each['id']}" async for each in patients if isinstance(each.get("id"), str)}

    async def counted(self, kind: str, *params: tuple[str, str]) -> int | None:
        """Return how many there are of a type, where the server tells."""
        try:
            page = await self._client.search(kind, [*params, ("_summary", "count")])
        except ServerError:
            return None
        total = page.get("total")
        return total if isinstance(total, int) else None


class Asked(NamedTuple):
    """One search: a resource type and some of the codes."""

    kind: str
    codes: frozenset[str]
    since: datetime | None
    by: str = "code"  # the search parameter

    @property
    def shouted(self) -> frozenset[str]:
        """The codes in capitals."""
        return frozenset(code.upper() for code in self.codes)

    def ways(self, size: int) -> list[Params]:
        """Return how to ask; the next one is for a server that refuses or ignores the one before."""
        least = [("_count", str(size))]
        if self.since is not None:
            at = self.since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            least.append(("_lastUpdated", f"ge{at}"))
        codes = ",".join(map(escape, sorted(self.codes)))
        names = ("combo-code", "code") if self.kind == "Observation" else (self.by,)
        return [[*least, (name, codes)] for name in names]


def spelled(lexicon: Lexicon, concept: str) -> Iterator[str]:
    """Yield the codes of a concept, in the spellings that a server is asked for."""
    yield from (code for _, code in lexicon.codes_of(concept, COUNTED))  # the site's own too
    for row in lexicon.rows_of(concept):
        if row.role not in COUNTED:
            continue
        below = row.until is not None or (row.descendants and not lexicon.listed_under(row))
        for code in _categories(row):
            bare = code.replace(".", "")
            for each in _below(bare) if below else (bare,):
                yield each
                if len(each) > _CATEGORY and (each[0].isalpha() or "." in code):
                    yield f"{each[:_CATEGORY]}.{each[_CATEGORY:]}"


def _categories(row: CodeRow) -> Sequence[str]:
    if row.until is None:
        return (row.code,)
    letter, first, last = row.code[0], row.code[1:_CATEGORY], row.until[1:_CATEGORY]
    return [f"{letter}{number:02}" for number in range(int(first), int(last) + 1)]


def _below(code: str) -> Iterator[str]:
    """Yield a code and what may stand below it, two digits deep."""
    yield code
    for depth in (1, 2):
        if len(code) + depth <= _LONGEST:
            yield from (f"{code}{''.join(digits)}" for digits in product("0123456789", repeat=depth))


def _resources(page: Resource) -> list[Resource]:
    entries = page.get("entry")
    found = (each.get("resource") for each in entries if isinstance(each, dict)) if isinstance(entries, list) else ()
    return [each for each in found if isinstance(each, dict)]
