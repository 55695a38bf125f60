"""A run that a service was asked for, from its job to its end: carried out, waiting for better times, or given up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.config import Settings
from service.discoveries import Discoveries, untold
from service.discovery.door import RunDoor
from service.discovery.model import RunOrder, RunState
from service.screening.patient import Screener
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.failures import STRIKES
from service.work.model import Filter, Kind
from service.work.run import Jobs
from service.work.worker import Worker
from tests.crash.places import export
from tests.store.conftest import LEASE, Clock
from tests.store.test_runs import DAY, STUDY, TERMS
from tests.verdicts import shipped_reader, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("socket_enabled")]


class Service:
    """What of a service carries out runs: here over a folder, as no caller may have it."""

    def __init__(self, store: SqlStore, folder: Path, home: Path) -> None:
        self.clock = Clock()
        self.store = SqlStore(store.database, self.clock)
        self.runs = SqlRuns(store.database, self.clock)
        screeners = {STUDY: Screener(shipped_study(), shipped_reader())}
        self.discoveries = discoveries = Discoveries(Settings(home=home), self.runs, None, screeners, None)
        self.worker = Worker(Jobs(self.store, screeners, None, discoveries.run_job), LEASE, tasks=1)
        self.door = RunDoor(self.runs, {STUDY}, frozenset({str(folder)}), lambda: None)
        self.order = RunOrder(study=STUDY, as_of=DAY, source=str(folder), caller="somebody")

    async def work(self) -> None:
        """Do the job that is due."""
        claim = await self.store.claim([Kind.DISCOVER], LEASE)
        assert claim is not None
        await self.worker.run(claim)

    async def searched(self, folder: Path) -> dict[str, Any]:
        """Search a folder; return the report."""
        order = RunOrder(study=STUDY, as_of=DAY, source=str(folder), caller="somebody")
        _, report = await self.discoveries.run(str(uuid4()), order, resume=False, told=untold)
        return report

    async def stands(self, id_: str) -> tuple[RunState, str | None]:
        """Return how a run stands, and why."""
        run = await self.door.read(id_)
        assert run is not None
        return run.state, run.reason


@pytest.fixture
def service(store: SqlStore, tmp_path: Path) -> Service:
    """Give a service whose folder is not there yet."""
    return Service(store, tmp_path / "export", tmp_path / "home")


async def test_a_run_is_carried_out_by_its_job(service: Service, tmp_path: Path) -> None:
    """It ends with its report; the results are where every door finds them, and the next run may begin."""
    export(tmp_path / "export", 1)
    id_ = await service.door.start(service.order)
    assert await service.stands(id_) == (RunState.QUEUED, None)
    await service.work()
    assert await service.stands(id_) == (RunState.DONE, None)
    assert await service.store.screenings(Filter(study=STUDY))
    service.clock.pass_(days=1)
    assert await service.store.claim([Kind.DISCOVER], LEASE) is None
    assert await service.door.start(service.order) != id_


async def test_a_run_waits_for_better_times_and_says_why(service: Service, tmp_path: Path) -> None:
    """Nobody who watches it takes it for ended; once the fault is mended it ends well."""
    id_ = await service.door.start(service.order)
    await service.work()
    state, reason = await service.stands(id_)
    assert state is RunState.QUEUED
    assert reason
    export(tmp_path / "export", 1)
    service.clock.pass_(hours=1)
    await service.work()
    assert await service.stands(id_) == (RunState.DONE, None)


async def test_a_run_that_never_ends_well_makes_way(service: Service) -> None:
    """After some attempts its job is set aside: the run has failed, and another may be asked for."""
    id_ = await service.door.start(service.order)
    for _ in range(STRIKES):
        await service.work()
        service.clock.pass_(hours=1)
    state, reason = await service.stands(id_)
    assert state is RunState.FAILED
    assert reason
    assert await service.door.start(service.order) != id_


async def test_the_job_of_a_run_that_was_given_up_ends(service: Service, tmp_path: Path) -> None:
    """No service touched it for hours, so a command has searched meanwhile."""
    export(tmp_path / "export", 1)
    id_ = await service.door.start(service.order)
    service.clock.pass_(hours=7)
    other = await service.door.start(service.order)
    await service.work()
    assert (await service.stands(id_))[0] is RunState.FAILED
    service.clock.pass_(seconds=1)
    await service.work()
    assert (await service.stands(other))[0] is RunState.DONE
    service.clock.pass_(days=1)
    assert await service.store.claim([Kind.DISCOVER], timedelta(seconds=1)) is None


async def test_folders_are_one_source_whatever_their_names(service: Service, tmp_path: Path) -> None:
    """Every night's export has another name: what it holds is no news for that."""
    for night in ("monday", "tuesday"):
        export(tmp_path / night, 1)
    first = await service.searched(tmp_path / "monday")
    second = await service.searched(tmp_path / "tuesday")
    assert first["new"]
    assert (second["new"], second["lost"], second["changed"]) == ([], [], [])


async def test_what_broken_off_runs_left_is_deleted(service: Service, tmp_path: Path) -> None:
    """It is patient data; what another study's run may go on with stays for a week."""
    export(tmp_path / "export", 1)
    works = tmp_path / "home" / "runs"
    other = await service.runs.begin("other", RunOrder(study="other", as_of=DAY), TERMS, LEASE, resume=False)
    for name in (other.id, "unknown"):
        (works / name).mkdir(parents=True)
    await service.searched(tmp_path / "export")
    assert [each.name for each in works.iterdir()] == ["other"]
    service.clock.pass_(days=8)
    await service.searched(tmp_path / "export")
    assert list(works.iterdir()) == []
