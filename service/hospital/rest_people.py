"""People of a FHIR server: found by searches, and each screened by the hospital connection: the port ``People``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus

import structlog

from service.discovery.model import Found, Selection, Uncoded
from service.discovery.ports import Told
from service.discovery.tasks import cancelled, some_done
from service.eligibility.entry import entry_of
from service.eligibility.results import NotScreened
from service.eligibility.vocabulary import Vocabulary
from service.errors import InputError, Never, TryLater
from service.fhir.coverage import tally
from service.hospital.client import FhirClient
from service.hospital.entry_search import EntrySearch
from service.hospital.pulse import felt, put_off
from service.hospital.refusals import TURNED_AWAY, Refused
from service.screening.patient import Judged, Screener

_AHEAD = 3  # people under way for each permitted connection: while some are judged others are fetched
_HOPELESS = 10  # people in a row whom the server does not give: is it down?
_TRY_LATER = "try-later"

log = structlog.get_logger()


class RestPeople:
    """The hospital's server, asked as politely as it is for one patient."""

    source, engine = "rest", "local"

    def __init__(
        self, screener: Screener, client: FhirClient, vocabulary: Vocabulary, *, since: datetime | None
    ) -> None:
        """``since``: only records that changed at or after that are looked through for people."""
        self._screener, self._client, self._since = screener, client, since
        self._search = EntrySearch(client, screener.study, vocabulary)
        self._failures = self._forbidden = 0  # in a row
        self._again = list[str]()  # whose charts may be wanting for what others did to the server

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Find whom the entry rule names; everybody known is taken, and who is not there fails when screened.

        In what changed since the last run, older items of a person are not seen: any new one is enough.
        """
        told("select", 0, None)
        entry = entry_of(self._screener.study)
        if entry is None:
            everybody = await self._search.everybody()
            return Selection(seen=None, patients=sorted(known | everybody.members), unread=everybody.unread)
        found = await self._search.find(entry, self._since)
        named = {
            patient
            for patient, concepts in found.concepts.items()
            if entry.lets_in(concepts) or (self._since is not None and concepts)
        }
        seen, conditions, uncoded = await asyncio.gather(
            self._search.counted("Patient"),
            self._search.counted("Condition"),
            self._search.counted("Condition", ("code:missing", "true")),
        )
        told("select", 1, 1)
        return Selection(
            seen=seen,
            patients=sorted(known | named | found.members),
            unread=found.unread,
            blind=found.blind,
            uncoded=None if conditions is None or uncoded is None else Uncoded(uncoded, conditions, sampled=False),
            until=found.until,
        )

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:  # noqa: ARG002 - who keeps the ends tells
        """Give each of them with the result; no more connections are used than the server permits.

        Raises ``TryLater`` where the server is down, and ``Never`` where it lets us in no more.
        """
        waiting, under_way = iter(patients), set[asyncio.Task[Found | None]]()
        try:
            while True:
                for patient in waiting:
                    under_way.add(asyncio.create_task(self._screened(patient, as_of)))
                    if len(under_way) >= self._client.server.connections * _AHEAD:
                        break
                if not under_way:
                    break
                for found in await some_done(under_way):
                    if found is not None:
                        yield found
        finally:
            await cancelled(under_way)
        for patient in self._again:
            yield await self._alone(patient, as_of) or Found(patient, None, _TRY_LATER)

    async def _alone(self, patient: str, as_of: date) -> Found | None:
        """Screen somebody when nobody else is under way; ``None``: the server breaks on this very chart.

        That a first look tells, which fails once: a whole chart that fails would have the server left in peace again.
        """
        await felt(self._client)
        try:
            await self._client.lent(self._client.server.credentials, attempts=1).read(patient)
        except TryLater:
            return None
        except Never:  # what that means is found out again
            pass
        return await self._screened(patient, as_of, alone=True)

    async def _screened(self, patient: str, as_of: date, *, alone: bool = False) -> Found | None:
        """Return the result; ``None``: the server was left in peace meanwhile, so ``_again`` when others are done."""
        assert self._screener.records is not None  # noqa: S101 - there is a client
        at = datetime.now(UTC)
        try:
            pulled = await self._screener.records.fetch(patient)
        except InputError as error:
            self._failures = 0
            return Found(patient, Judged(NotScreened(patient, error.code, str(error)), None))
        except TryLater as error:
            if not alone and await self._paused(error):
                self._again.append(patient)
                return None
            return Found(patient, None, _TRY_LATER)
        except Never as error:
            if isinstance(error, Refused) and error.status in TURNED_AWAY:
                await self._turned_away(error)
            self._failures = 0
            return Found(patient, None, "server-refuses")
        self._failures = self._forbidden = 0
        if pulled.failed and not alone and (await felt(self._client)).waited:
            self._again.append(patient)
            return None
        try:
            judged = await self._screener.judge_records(pulled, patient, as_of)
            coverage = await asyncio.get_running_loop().run_in_executor(
                self._screener.worker, tally, pulled.resources, self._screener.study
            )
        except Exception as bug:  # noqa: BLE001 - one chart stops nothing; what it says could hold clinical values
            log.warning("patient-unreadable", error=type(bug).__name__)
            return Found(patient, None, "patient-unreadable")
        return Found(patient, judged, None, coverage, at)

    async def _turned_away(self, error: Refused) -> None:
        """Count a chart that is kept from us. Raises ``Never`` where the server lets us in no more."""
        self._forbidden += 1
        if error.status == HTTPStatus.UNAUTHORIZED:
            raise error
        if self._forbidden >= _HOPELESS:
            await self._client.search("Patient", (("_count", "1"), ("_elements", "id")))
            self._forbidden = 0

    async def _paused(self, error: TryLater) -> bool:
        """Count a person whom the server did not give; return whether it gave nobody then, which is over now.

        Raises ``TryLater`` where the server is down, rather than certain charts too much for it.
        """
        self._failures += 1
        paused = put_off(error)
        if paused or self._failures >= _HOPELESS:
            await felt(self._client)
            self._failures = 0
        return paused
