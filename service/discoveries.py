"""Discovery runs put together by the settings: where people are looked for, by which engine, and where results go."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from service.config import Settings
from service.discovery.door import RunDoor, read_order
from service.discovery.ending import Ending
from service.discovery.model import Ended, Run, RunOrder, RunState, Terms
from service.discovery.ports import People, RunLost, RunUnderWay, Told
from service.discovery.run import Discovery
from service.discovery.sections import Report
from service.errors import InputError, Never, TryLater
from service.population.people import LocalPeople
from service.screening.document import encode
from service.screening.patient import Screener
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.failures import reason_of
from service.work.model import Claim
from service.work.ports import StoreDown

if TYPE_CHECKING:
    from service.hospital.client import FhirClient
    from service.notices import Notices

REST, BULK = "rest", "bulk"
AGAIN = 30.0  # seconds until a run whose holder is gone without a word is asked for again
ABANDONED = timedelta(days=7)  # nobody goes on with a run as old as that

log = structlog.get_logger()


def untold(stage: str, done: int, total: int | None) -> None:
    """Hear of progress, and tell nobody."""


@dataclass(frozen=True, slots=True)
class Discoveries:
    """Runs of all studies, over open servers and an open store."""

    settings: Settings
    runs: SqlRuns
    client: FhirClient | None  # of the hospital's server, from which charts are read
    screeners: Mapping[str, Screener]  # by study, joined to the servers
    notices: Notices | None

    @property
    def sources(self) -> frozenset[str]:
        """Where people can be looked for besides folders."""
        return frozenset({REST, BULK} if self.client is not None else ())

    def door(self, wake: Callable[[], None]) -> RunDoor:
        """Return what takes in runs that callers ask for; ``wake`` tells the worker."""
        return RunDoor(self.runs, self.screeners.keys(), self.sources, wake)

    async def run_job(self, claim: Claim) -> None:
        """Carry out the run that a job is about. Raises ``TryLater``, ``Never``, ``LeaseLost`` and ``StoreDown``."""
        order = read_order(claim.payload)
        if order.study not in self.screeners:
            raise Never("The study of this run is not loaded any more.")
        try:
            run = await self.runs.take(claim.screening, self._terms(order), self._lease)
        except RunUnderWay as error:  # by a process that is gone or not
            raise TryLater(str(error), AGAIN) from None
        if run is None:
            await self._tell(order.study)  # it may have ended well, and the process right after that
            return
        try:
            await self._carry_out(run, untold)
        except RunLost:
            log.warning("run-lost")
        except StoreDown:
            raise
        except Exception as error:  # what becomes of its job is the worker's to say
            with suppress(RunLost):
                await self.runs.put_off(run, reason_of(error))
            raise

    async def run(self, id_: str, order: RunOrder, *, resume: bool, told: Told) -> tuple[Run, Report]:
        """Begin or resume a run, and carry it out; return it with its report.

        Raises ``InputError``, ``SettingError``, ``TryLater``, ``Never``, ``RunUnderWay``, ``RunLost``, ``StoreDown``.
        """
        run = await self.runs.begin(id_, order, self._terms(order), self._lease, resume=resume)
        try:
            return run, await self._carry_out(run, told)
        except (RunLost, StoreDown):
            raise
        except Exception as error:
            with suppress(RunLost):
                await self.runs.fail(run, reason_of(error))
            raise

    async def _carry_out(self, run: Run, told: Told) -> Report:
        screener = self.screeners[run.order.study]
        await self._tell(run.order.study)
        await self._clear(run)
        discovery = Discovery(self.runs, Ending(self._telling(screener, run.order), self.runs), self._lease)
        report = await discovery.carry_out(run, self._people(run, screener), told)
        shutil.rmtree(self._work(run), ignore_errors=True)
        await self._tell(run.order.study)
        return report

    async def _tell(self, study: str) -> None:
        """Tell of the runs that are done and of which nobody was told: once, or twice where it is killed here."""
        with suppress(StoreDown):  # the next run tells of them
            for id_, report in await self.runs.untold(study):
                if self.notices is not None:
                    await self.notices.tell(msgspec.json.decode(report))
                await self.runs.was_told(id_)

    def _terms(self, order: RunOrder) -> Terms:
        settings = self.settings
        where = {
            REST: (REST, settings.fhir_url),
            BULK: (BULK, settings.fhir_url, settings.bulk_group, settings.bulk_type_filter),
        }.get(order.source, ("folder",))  # a folder has another name every night
        return Terms(
            rules=self.screeners[order.study].study.rulebook.hash,
            scope=blake2b(repr([*map(str, where)]).encode(), digest_size=16).hexdigest(),
            whole_every=timedelta(days=settings.discovery_full_days),
        )

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def _telling(self, screener: Screener, order: RunOrder) -> Screener:
        """Return what posts results: nothing is told of a run that is only tried."""
        return replace(screener, results=None) if order.dry_run else screener

    def _people(self, run: Run, screener: Screener) -> People:
        order, work = run.order, self._work(run)
        if order.source not in (REST, BULK):
            return self._folder(order, screener, order.source, work=work)
        if self.client is None:
            raise InputError(
                "No hospital server is configured: set CANDOR_FHIR_URL, or name a folder.", "no-hospital-server"
            )
        from service.hospital_people import exported, searched  # noqa: PLC0415 - takes long to load; a folder needs none

        if order.source == REST:
            return searched(self.settings, self.client, screener, run.since)
        local = partial(self._folder, order, screener, work=work)
        return exported(self.settings, self.client, screener, run.since, work / "export", local)

    def _folder(self, order: RunOrder, screener: Screener, folder: str | Path, *, work: Path) -> People:
        if order.engine == "spark":
            from service.spark.people import SparkPeople  # noqa: PLC0415 - of an extra

            return SparkPeople(screener, folder, work=work / "spark", whole_count=order.whole_count)
        return LocalPeople(screener, Path(folder), work / "selected", whole_count=order.whole_count)

    def _work(self, run: Run) -> Path:
        return self._works / run.id

    @property
    def _works(self) -> Path:
        return self.settings.home / "runs"

    async def _clear(self, run: Run) -> None:
        """Delete what runs left that are not gone on with: it is patient data."""
        for folder in list(self._works.iterdir()) if self._works.is_dir() else ():
            other = await self.runs.read(folder.name)
            if folder.name != run.id and not (other is not None and _may_go_on_beside(other, run)):
                shutil.rmtree(folder, ignore_errors=True)


async def write_results(runs: SqlRuns, run: Run, file: Path) -> None:
    """Write the documents that a run found as NDJSON. Raises ``OSError`` and ``StoreDown``."""

    def lines(people: Iterable[Ended]) -> Iterator[bytes]:
        return (encode(one.document) + b"\n" for one in people if one.found and one.document is not None)

    with file.open("wb") as out:
        async for page in runs.ends(run):
            await asyncio.to_thread(out.writelines, lines(page))


def _may_go_on_beside(other: Run, run: Run) -> bool:
    """Whether a run of another study goes on, or may be resumed."""
    if other.order.study == run.order.study or other.state is RunState.DONE:
        return False
    return run.started - other.started < ABANDONED


@asynccontextmanager
async def opened(settings: Settings, store: SqlStore, screeners: Mapping[str, Screener]) -> AsyncIterator[Discoveries]:
    """Give the runs of a command that does nothing else."""
    runs, notices = SqlRuns(store.database), notices_of(settings)
    if settings.fhir_url is None and settings.fhir_write_url is None:
        yield Discoveries(settings, runs, None, screeners, notices)
        return
    from service.servers import entered, joining  # noqa: PLC0415 - as above

    async with entered(settings) as clients, joining(settings, clients, store) as join:
        joined = {study: join(each) for study, each in screeners.items()}
        yield Discoveries(settings, runs, clients.reads, joined, notices)


def notices_of(settings: Settings) -> Notices | None:
    """Return who is told of runs, if anybody is. Raises ``SettingError``."""
    if settings.smtp_host is None and settings.webhook_url is None:
        return None
    from service.notices import Notices  # noqa: PLC0415 - as above

    return Notices(settings)
