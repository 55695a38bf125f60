"""The doors as callers use them: the HTTP service over fakes of the hospital, the command line in this process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient

from service.api import create_api
from service.api.service import Limits, Service
from service.app import create_app
from service.cli import main
from service.config import Settings
from service.demo import charts
from service.eligibility.chart import Person
from service.eligibility.results import Screening
from service.errors import InputError
from service.fhir.read import located_in
from service.screening.patient import Screener
from service.screening.ports import Pulled, Written
from service.store.store import open_store
from service.work.desk import Desk
from service.work.run import Jobs
from service.work.worker import Worker
from tests.verdicts import shipped_reader, shipped_study


@dataclass
class FakeRecords:
    """A hospital's server with a few charts; ``failure`` is what it raises instead."""

    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: Exception | None = None

    async def fetch(self, patient: str) -> Pulled:
        """Give a chart's resources."""
        if self.failure is not None:
            raise self.failure
        if patient not in self.charts:
            raise InputError("The hospital server holds no such patient.", "patient-not-found")
        return Pulled(list(located_in(self.charts[patient])))


@dataclass
class FakeResults:
    """A server that takes every result."""

    posted: list[Screening] = field(default_factory=list)
    person: str | None = None
    failure: Exception | None = None  # what it raises instead

    async def post(self, screening: Screening, person: Person, *, listed: bool = True) -> Written:  # noqa: ARG002 - the port's signature
        """Keep the result."""
        if self.failure is not None:
            raise self.failure
        self.posted.append(screening)
        return Written(True, ("ResearchSubject/1",), person_status=self.person)

    async def person_status(self, screening: Screening, person: Person) -> str | None:  # noqa: ARG002 - as above
        """Give the status that a person has set."""
        if self.failure is not None:
            raise self.failure
        return self.person


@dataclass
class Doors:
    """The HTTP service and what stands behind it."""

    http: TestClient
    records: FakeRecords
    results: FakeResults

    def screen(self, **body: Any) -> Any:
        """Ask for a screening on the sample charts' day."""
        return self.http.post("/api/v1/screenings", json={"as_of": "2026-11-23"} | body)


@pytest.fixture(scope="session")
def sample() -> dict[str, dict[str, Any]]:
    """Give the sample charts by name."""
    return charts()


@pytest.fixture
def limits() -> Limits:
    """Give what is taken at once; tests of the limits bring their own."""
    return Limits(body_bytes=1_000_000, entries=1_000, screenings=8)


@pytest.fixture
def hospital() -> bool:
    """Whether a hospital server is configured; tests without one say so."""
    return True


@pytest.fixture
def doors(sample: dict[str, dict[str, Any]], limits: Limits, hospital: bool, tmp_path: Path) -> Iterator[Doors]:
    """Give the HTTP service over fakes."""
    records, results = FakeRecords({"Patient/demo-01": sample["01-shown-in-full"]}), FakeResults()
    ports: dict[str, Any] = {"records": records, "results": results} if hospital else {}

    @asynccontextmanager
    async def opened() -> AsyncIterator[Service]:
        with ThreadPoolExecutor(1) as worker:
            screeners = {"NCT06722105": Screener(shipped_study(), shipped_reader(), worker=worker, **ports)}
            crew = Worker(Jobs(store, screeners), timedelta(seconds=30), tasks=1)
            async with crew.started():
                yield Service(screeners=screeners, limits=limits, worker=worker, desk=Desk(crew, bound=3))

    with open_store(None, tmp_path / "home") as store, TestClient(create_api(opened)) as http:
        yield Doors(http, records, results)


@contextmanager
def served(settings: Settings) -> Iterator[TestClient]:
    """Give the HTTP service as `candor serve` puts it together, with its store."""
    with open_store(settings.store, settings.home) as store, TestClient(create_app(settings, store)) as http:
        yield http


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def candor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Run]:
    """Give the command line, with a state folder of its own."""
    monkeypatch.setenv("CANDOR_HOME", str(tmp_path / "home"))

    def run(*arguments: str | Path) -> Run:
        monkeypatch.setattr(sys, "argv", ["candor", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return Run(int(stopped.value.code or 0), out, err)

    return run


@pytest.fixture
def chart_file(sample: dict[str, dict[str, Any]], tmp_path: Path) -> Callable[[str], Path]:
    """Give a sample chart as a file."""
    folder = Path(__file__).parents[2] / "service/demo_charts"

    def write(name: str) -> Path:
        copy = tmp_path / f"{name}.json"
        copy.write_bytes((folder / f"{name}.json").read_bytes())
        return copy

    return write
