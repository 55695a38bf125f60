"""Whom a study's entry rule names on a FHIR server: searches by all codes of the rule, and whose records they found."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from service.eligibility.entry import COUNTED, Entry
from service.eligibility.study import Study
from service.eligibility.vocabulary import Vocabulary
from service.errors import Never, ServerError, TryLater
from service.fhir.coded import codings_in, concepts_in
from service.fhir.outcome import is_outcome, says_incomplete
from service.fhir.write_names import token
from service.hospital.client import FhirClient
from service.hospital.instants import changed_at, instant
from service.hospital.matches import Matches
from service.hospital.plan import chunks, escape
from service.hospital.ports import Params, Resource
from service.hospital.pulse import felt, put_off
from service.hospital.refusals import TURNED_AWAY, Refused
from service.hospital.searches import keeps
from service.hospital.spelled import spelled
from service.hospital.whose import unowned, whose

_CODES_AT_ONCE = 500
_CODES_IN_A_URL = 100  # some servers take no more than 2,000 characters
_OVERLAP = timedelta(minutes=5)  # what was being written while we searched is searched again
_SKEW = timedelta(minutes=5)  # by which our clock may be ahead of a server's that does not tell the time
_BY = {"Observation": "combo-code"}  # the search parameter, where it is not ``code``
_INSTEAD = {"combo-code": ("code", "component-code")}  # for a server that does not search by that
_BESIDE = {"DiagnosticReport": "conclusion"}  # where else a code says what is found; not every server looks there


class Strayed(Never):
    """The server gave what was not asked for: it ignores the parameter, and what follows may be everybody's."""


class Asked(NamedTuple):
    """One search: a resource type and some of the codes."""

    kind: str
    by: str  # the search parameter
    codes: frozenset[str]

    @property
    def shouted(self) -> frozenset[str]:
        """The codes in capitals."""
        return frozenset(code.upper() for code in self.codes)


@dataclass(slots=True)
class People:
    """Who was found, by what."""

    clock: datetime  # when the searches began, or the server made a page before that
    wanted: frozenset[str] = frozenset()  # the concepts of the entry
    since: datetime | None = None  # only records that changed at or after that are looked for
    concepts: defaultdict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # Patient/id -> of its records
    members: set[str] = field(default_factory=set)  # with a ResearchSubject of the study
    unowned: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # type -> ids
    panels: set[str] = field(default_factory=set)  # types by the codes of whose components the server does not search
    unread: list[str] = field(default_factory=list)  # each once
    failures: list[ServerError] = field(default_factory=list)
    paused: list[tuple[Asked, TryLater]] = field(default_factory=list)  # perhaps for what others did
    done: int = 0  # searches

    @property
    def until(self) -> datetime:
        """Up to when everything was seen."""
        return self.clock - _OVERLAP

    @property
    def blind(self) -> list[str]:
        """What is not seen, nor when looked for again."""
        why = "the codes of components were not searched, for the server does not do that."
        return [
            *(f"{kind}: {why}" for kind in sorted(self.panels)),
            *(unowned(kind, len(ids)) for kind, ids in sorted(self.unowned.items())),
        ]

    def misses(self, what: str) -> None:
        """Take down what could not be read."""
        if what not in self.unread:
            self.unread.append(what)

    def failed(self, kind: str, error: ServerError) -> None:
        """Take down a search that failed."""
        self.failures.append(error)
        self.misses(f"{kind}: {error}")


class EntrySearch:
    """Searches one server for one study."""

    def __init__(self, client: FhirClient, study: Study, vocabulary: Vocabulary) -> None:
        self._client, self._study, self._vocabulary = client, study, vocabulary

    async def find(self, entry: Entry, since: datetime | None) -> People:
        """Return who has records of the entry, that changed at or after ``since``.

        A search that fails is in ``unread``, and loses nothing else. Raises ``TryLater`` and ``Never`` where all fail.
        """
        found = People(await self._now(), entry.concepts, since)
        by_kind = self._codes(found.wanted).items()
        await asyncio.gather(*(self._of_kind(kind, codes, found) for kind, codes in by_kind))
        paused, found.paused = found.paused, []
        for asked, _ in paused:  # alone: a type that fails every time has the server left in peace for all
            await felt(self._client)
            await self._search(asked, found)
        for asked, error in found.paused:
            found.failed(asked.kind, error)
        if found.failures and not found.done:
            raise found.failures[0]
        if found.failures:
            await felt(self._client)
        await self._members(found)
        return found

    async def _now(self) -> datetime:
        """Return when the searches begin, by the server's clock where it tells the time."""
        ours = datetime.now(UTC) - _SKEW
        try:
            return (await felt(self._client)).clock or ours
        except ServerError:  # the searches tell why
            return ours

    def _codes(self, wanted: frozenset[str]) -> dict[str, list[str]]:
        """Return for each resource type the codes to ask for."""
        by_kind: defaultdict[str, dict[str, None]] = defaultdict(dict)
        lexicon = self._study.lexicon
        for notion in self._study.notions.values():
            codes = sorted({code for concept in notion.coded_by & wanted for code in spelled(lexicon, concept)})
            for kind in notion.resources if codes else ():
                by_kind[kind].update(dict.fromkeys(codes))
        return {kind: list(codes) for kind, codes in by_kind.items()}

    async def _of_kind(self, kind: str, codes: Sequence[str], found: People) -> None:
        """Search by few codes first, which tells whether the server takes many (by POST) or no more (by GET)."""
        by = _BY.get(kind, "code")
        await self._search(Asked(kind, by, frozenset(codes[:_CODES_IN_A_URL])), found)
        size = _CODES_IN_A_URL if kind in self._client.habits.no_form_search else _CODES_AT_ONCE
        searches = [Asked(kind, by, frozenset(some)) for some in chunks(codes[_CODES_IN_A_URL:], size)]
        if (beside := _BESIDE.get(kind)) is not None:
            searches += [Asked(kind, beside, frozenset(some)) for some in chunks(codes, size)]
        await asyncio.gather(*(self._search(asked, found) for asked in searches))

    async def _search(self, asked: Asked, found: People) -> None:
        params = [*_changed(found.since), (asked.by, ",".join(map(escape, sorted(asked.codes))))]
        try:
            async for resource in self._matches(asked.kind, params, found):
                self._take(asked, resource, found)
        except ServerError as error:
            if isinstance(error, TryLater) and put_off(error):
                found.paused.append((asked, error))
            else:
                await self._otherwise(asked, error, found)
        else:
            found.done += 1

    async def _otherwise(self, asked: Asked, error: ServerError, found: People) -> None:
        """Do what can be done where a search was in vain."""
        refused = isinstance(error, Refused) and error.status not in TURNED_AWAY
        useless = refused or isinstance(error, Strayed)  # the server does not search by that
        if useless and asked.by in _INSTEAD:
            others = (asked._replace(by=by) for by in _INSTEAD[asked.by])
            await asyncio.gather(*(self._search(other, found) for other in others))
        elif (useless and asked.by in _BESIDE.values()) or (refused and not await keeps(self._client, asked.kind)):
            return
        elif useless and asked.by == "component-code":
            found.panels.add(asked.kind)
        else:
            found.failed(asked.kind, error)

    async def _matches(self, kind: str, params: Params, found: People) -> AsyncIterator[Resource]:
        """Give all that match; again where fewer came than the server told of, for some may just have been deleted.

        What is missing then too is taken down. Raises ``TryLater`` and ``Never``.
        """
        for _ in range(2):
            matches = Matches(self._client, kind, params)
            async for page in matches.pages():
                found.clock = min(found.clock, changed_at(page) or found.clock)
                for resource in matches.of(page):
                    if is_outcome(resource) and says_incomplete(resource, self._vocabulary):
                        raise Never(f"{self._client.host} gave only a part of a search of {kind}.")
                    if resource.get("resourceType") == kind:
                        yield resource
            if not (missing := matches.missing):
                return
        found.misses(missing)

    def _take(self, asked: Asked, resource: Resource, found: People) -> None:
        concepts = concepts_in(resource, self._study.lexicon, COUNTED) & found.wanted
        if not concepts and not any(code.strip().upper() in asked.shouted for _, code in codings_in(resource)):
            raise Strayed(f"{self._client.host} answered a search of {asked.kind} with records of other codes.")
        if (patient := self._owner(resource, found, counts=bool(concepts))) is not None:
            found.concepts[patient] |= concepts

    def _owner(self, resource: Resource, found: People, *, counts: bool = True) -> str | None:
        """Return whose Patient's it is; take down what ``counts`` and does not tell whose it is."""
        owner = whose(resource)
        if owner is None and counts:
            found.unowned[resource["resourceType"]].add(str(resource.get("id")))
        return owner if owner is not None and owner.startswith("Patient/") else None

    async def _members(self, found: People) -> None:
        """Find who has a ResearchSubject of the study, whoever made it; again where the server asks to wait."""
        if not await keeps(self._client, "ResearchSubject"):
            return
        try:
            try:
                await self._subjects(found)
            except TryLater as error:
                if not put_off(error):
                    raise
                await felt(self._client)
                await self._subjects(found)
        except (ServerError, KeyError) as error:
            why = str(error) if isinstance(error, ServerError) else "a ResearchStudy without an id"
            found.misses(f"ResearchSubject: {why}")

    async def _subjects(self, found: People) -> None:
        identifiers = self._study.record.identifiers
        ours = ",".join(token((system, value)) for system, value in identifiers.items())
        async for study in self._matches("ResearchStudy", [("identifier", ours)], found):
            about = [("study", f"ResearchStudy/{study['id']}")]
            async for subject in self._matches("ResearchSubject", about, found):
                if (patient := self._owner(subject, found)) is not None:
                    found.members.add(patient)

    async def everybody(self) -> People:
        """Return all Patients as ``members``. Raises ``TryLater`` and ``Never``."""
        found = People(datetime.now(UTC))
        async for patient in self._matches("Patient", [("_elements", "id")], found):
            if isinstance(patient.get("id"), str):
                found.members.add(f"Patient/{patient['id']}")
        return found

    async def counted(self, kind: str, *params: tuple[str, str]) -> int | None:
        """Return how many there are of a type, where the server tells."""
        try:
            page = await self._client.search(kind, [*params, ("_summary", "count")])
        except ServerError:
            return None
        total = page.get("total")
        return total if isinstance(total, int) else None


def _changed(since: datetime | None) -> Params:
    return [] if since is None else [("_lastUpdated", f"ge{instant(since)}")]
