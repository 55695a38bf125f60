"""What changes in the hospital have screened and posted, and what of it is told to people, on both stores."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from service.eligibility.chart import Person
from service.eligibility.results import Screening
from service.screening.patient import Screener
from service.screening.ports import Pulled, Written
from service.store.store import SqlStore
from service.study.load import default_mappings, load_laboratory
from service.work.announcing import screening_after_change
from service.work.model import JobState, Kind, NewJob
from service.work.orders import ScreenOrder, write_order
from service.work.run import Jobs
from service.work.worker import Worker
from tests.builders import SampleChart, complete_chart, condition, resource
from tests.store.conftest import BOTH, Clock
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio
STUDY, DAY = "NCT06722105", date(2026, 11, 23)
PATIENT = "Patient/p"
OPPOSED = resource(
    "Consent",
    status="active",
    scope={"coding": [{"code": "research"}]},
    dateTime="2026-01-01",
    provision={"type": "deny"},
)
LOW = complete_chart().value("platelets", "9 10*9/L")


class Hospital:
    """One patient's records, and a server that keeps results and a list."""

    def __init__(self) -> None:
        """Hold a chart that passes everything."""
        self.chart: SampleChart = complete_chart()
        self.failed: frozenset[str] = frozenset()
        self.posted: list[tuple[str, bool]] = []
        self._on_list: str | None = None

    async def fetch(self, patient: str) -> Pulled:  # noqa: ARG002 - the port's signature
        """Give the records."""
        bundle: dict[str, Any] = self.chart.bundle()
        return Pulled([(entry["resource"], entry.get("fullUrl")) for entry in bundle["entry"]], self.failed)

    async def post(self, screening: Screening, person: Person, *, listed: bool = True) -> Written:  # noqa: ARG002
        """Keep a result; the list changes where it tells something else."""
        self.posted.append((screening.status.value, listed))
        resources = ["ResearchSubject/1"]
        if listed and self._on_list != screening.status.value:
            self._on_list = screening.status.value
            resources.append("List/1")
        return Written(True, tuple(resources))

    async def person_status(self, screening: Screening, person: Person) -> str | None:  # noqa: ARG002
        """Tell that no person has set one."""
        return None


class Ward:
    """A patient whose records change, and the service that is told."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        """Begin with nothing screened."""
        self.store, self.clock, self.hospital = store, clock, Hospital()
        laboratory = load_laboratory(default_mappings(), shipped_study().notions)
        screener = Screener(
            shipped_study(),
            shipped_reader(),
            records=self.hospital,
            results=self.hospital,
            laboratory=laboratory,
        )
        self.worker = Worker(Jobs(store, {STUDY: screener}), timedelta(seconds=30), tasks=1)

    async def change(self, chart: SampleChart) -> None:
        """Change the records, and have what is told of it done."""
        self.hospital.chart = chart
        for _ in range(3):  # a burst
            await self.store.received([], jobs=[screening_after_change(STUDY, "Patient/p", DAY)])
        await self.pass_(seconds=6)

    async def pass_(self, **time: float) -> None:
        """Let time pass, and do what is due."""
        self.clock.pass_(**time)
        await self.work(*BOTH)

    async def work(self, *kinds: Kind) -> None:
        """Do what is due of some kinds."""
        while (claim := await self.store.claim(kinds, self.worker.lease)) is not None:
            assert await self.worker.run(claim) is None


@pytest.fixture
def ward(store: SqlStore, clock: Clock) -> Ward:
    """Give a patient and the service."""
    return Ward(store, clock)


async def test_a_burst_is_one_screening(ward: Ward) -> None:
    """Several changes of one patient within seconds are one screening, and one write."""
    await ward.change(complete_chart())

    assert ward.hospital.posted == [("candidate", True)]


async def test_what_is_told_while_a_screening_runs_is_screened_again(ward: Ward) -> None:
    """A change that comes when the patient's screening has begun is not lost with it."""
    first, second = (screening_after_change(STUDY, "Patient/p", DAY) for _ in range(2))
    await ward.store.received([], jobs=[first])
    ward.clock.pass_(seconds=6)
    running = await ward.store.claim(BOTH, ward.worker.lease)
    await ward.store.received([], jobs=[second])

    assert running is not None
    assert await ward.store.standing(second.id) is JobState.READY


async def test_a_status_that_goes_up_and_down_is_announced_once_a_day(ward: Ward) -> None:
    """What laboratory values turn is posted each time, and the list tells of it at most once a day, in the end too."""
    for chart in (complete_chart(), LOW, complete_chart(), LOW):
        await ward.change(chart)
        await ward.pass_(hours=1)
    during = list(ward.hospital.posted)
    await ward.pass_(days=1)

    assert during == [("candidate", True), ("ineligible", False), ("candidate", True), ("ineligible", False)]
    assert ward.hospital.posted[4:] == [("ineligible", True)]


async def test_a_diagnosis_is_announced_at_once(ward: Ward) -> None:
    """What anything else turns, even beside a laboratory value, is told at once."""
    await ward.change(complete_chart())
    await ward.change(LOW.add(condition("C50.9")))

    assert ward.hospital.posted == [("candidate", True), ("ineligible", True)]


async def test_who_asks_for_a_screening_has_it_announced(ward: Ward) -> None:
    """Only what changes ask for is held back: an engine's or a nightly run's result is told at once."""
    await ward.change(complete_chart())
    ward.hospital.chart = LOW
    order = ScreenOrder(study=STUDY, as_of=DAY, patient="Patient/p", write_back=True, trigger="api")
    await ward.store.accept(NewJob("asked", Kind.SCREEN, "asked", write_order(order), "Patient/p"))
    await ward.pass_(seconds=1)

    assert ward.hospital.posted == [("candidate", True), ("ineligible", True)]


async def test_who_is_opposed_by_now_is_not_written_about(ward: Ward) -> None:
    """A result that waits for the server is not posted when a newer screening says that it is not permitted."""
    ward.hospital.chart = complete_chart()
    await ward.store.received([], jobs=[screening_after_change(STUDY, "Patient/p", DAY)])
    ward.clock.pass_(seconds=6)
    await ward.work(Kind.SCREEN)
    ward.hospital.chart = complete_chart().add(OPPOSED)
    order = ScreenOrder(study=STUDY, as_of=DAY, patient="Patient/p")
    await ward.store.accept(NewJob("asked", Kind.SCREEN, "asked", write_order(order), "Patient/p"))
    ward.clock.pass_(seconds=1)
    await ward.work(Kind.SCREEN)
    await ward.pass_(seconds=1)
    refused, waited = await ward.store.recent(STUDY, PATIENT, timedelta(days=1))

    assert refused.error == "not-permitted"
    assert json.loads(waited.document)["written"] == {"done": False, "why": "superseded"}
    assert ward.hospital.posted == []


async def test_who_may_be_opposed_is_not_written_about(ward: Ward) -> None:
    """Where the Consents cannot be had, a result is kept, and neither posted nor put on the list."""
    ward.hospital.failed = frozenset({"Consent"})
    await ward.change(complete_chart())
    [kept] = await ward.store.recent(STUDY, PATIENT, timedelta(days=1))

    assert kept.status == "potential-candidate"
    assert json.loads(kept.document)["written"] == {"done": False, "why": "permission-unknown"}
    assert ward.hospital.posted == []


async def test_the_result_says_what_was_written(ward: Ward) -> None:
    """A result that was not announced is kept as posted, without the list."""
    await ward.change(complete_chart())
    await ward.change(LOW)
    newest = (await ward.store.recent(STUDY, "Patient/p", timedelta(days=1)))[0]

    assert json.loads(newest.document)["written"] == {"done": True, "resources": ["ResearchSubject/1"]}
