"""Of a run that is done somebody is told, also where the process is killed before it can."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import msgspec
import pytest
import respx
from msgspec.structs import replace

from service.config import Endpoint, Settings
from service.discoveries import Discoveries, untold
from service.discovery.model import RunOrder
from service.errors import InputError
from service.notices import Notices
from service.screening.patient import Screener
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.model import Kind, NewJob
from service.work.run import Jobs
from service.work.worker import Worker
from tests.crash.places import export
from tests.store.conftest import LEASE, Clock
from tests.store.test_runs import DAY, STUDY
from tests.verdicts import shipped_reader, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("socket_enabled")]

URL = Endpoint("https://flow.hospital.example/hooks/candor/")


class Killed(BaseException):
    """The process is no more."""


class Nights:
    """Searches of a folder, as commands and as jobs, after which another system is told."""

    def __init__(self, store: SqlStore, folder: Path, *, told: bool = True) -> None:
        settings = Settings(home=folder / "home", webhook_url=URL)
        self.clock = Clock()
        self.store, self.runs = SqlStore(store.database, self.clock), SqlRuns(store.database, self.clock)
        screeners = {STUDY: Screener(shipped_study(), shipped_reader())}
        self.discoveries = Discoveries(settings, self.runs, None, screeners, Notices(settings) if told else None)
        self.worker = Worker(Jobs(self.store, screeners, None, self.discoveries.run_job), LEASE, tasks=1)
        self.order = RunOrder(study=STUDY, as_of=DAY, source=str(folder / "export"), caller="somebody")

    async def command(self, id_: str) -> None:
        """Search by a command."""
        self.clock.pass_(minutes=5)
        await self.discoveries.run(id_, self.order, resume=True, told=untold)

    async def job(self) -> None:
        """Do the job that is due."""
        self.clock.pass_(minutes=5)
        claim = await self.store.claim([Kind.DISCOVER], LEASE)
        assert claim is not None
        await self.worker.run(claim)


@pytest.fixture
def nights(store: SqlStore, tmp_path: Path) -> Nights:
    """Give searches of one person."""
    export(tmp_path / "export", 1)
    return Nights(store, tmp_path)


class Hooks:
    """The other system: which runs it was told of, and whether the process was killed before it heard the answer."""

    def __init__(self, router: respx.MockRouter, *, status: int = 204, kills: int = 0) -> None:
        self.told, self._status, self._kills = list[str](), status, kills
        router.post(URL).mock(side_effect=self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.told.append(json.loads(request.content)["run"])
        if len(self.told) <= self._kills:
            raise Killed
        return httpx.Response(self._status)


async def test_the_next_command_tells_of_the_run_before(nights: Nights, respx_mock: respx.MockRouter) -> None:
    """Killed between its end and the notice, a run is told of first by the next one, however that ends; each once."""
    hooks, order = Hooks(respx_mock, kills=1), nights.order
    with pytest.raises(Killed):
        await nights.command("a")
    nights.order = replace(order, source=f"{order.source}-missing")
    with pytest.raises(InputError):
        await nights.command("b")
    assert hooks.told == ["a", "a"]
    nights.order = order
    await nights.command("c")

    assert hooks.told == ["a", "a", "c"]


async def test_a_job_that_is_done_again_tells_of_its_run(nights: Nights, respx_mock: respx.MockRouter) -> None:
    """The service finds its job at the next start; the run has ended, and is not carried out again."""
    order = msgspec.json.encode(nights.order)
    await nights.runs.queue("a", nights.order, NewJob("a", Kind.DISCOVER, "a", order))
    hooks = Hooks(respx_mock, kills=1)
    with pytest.raises(Killed):
        await nights.job()
    await nights.job()

    assert hooks.told == ["a", "a"]
    assert await nights.runs.untold(STUDY) == []
    nights.clock.pass_(hours=1)
    assert await nights.store.claim([Kind.DISCOVER], LEASE) is None


async def test_what_could_not_be_told_is_tried_once(nights: Nights, respx_mock: respx.MockRouter) -> None:
    """A system that is down for a week does not hear of seven nights at once."""
    hooks = Hooks(respx_mock, status=503)
    await nights.command("a")
    await nights.command("b")

    assert hooks.told == ["a", "b"]


async def test_whoever_is_to_be_told_from_now_on_hears_of_nothing_before(
    nights: Nights, store: SqlStore, tmp_path: Path, respx_mock: respx.MockRouter
) -> None:
    """Runs that nobody was to be told of are not told of later, nor are dry ones."""
    await Nights(store, tmp_path, told=False).command("a")
    nights.order = replace(nights.order, dry_run=True)
    await nights.command("b")
    nights.order = replace(nights.order, dry_run=False)
    hooks = Hooks(respx_mock)
    await nights.command("c")

    assert hooks.told == ["c"]
