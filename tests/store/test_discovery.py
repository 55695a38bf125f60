"""One run over a store: everybody ends once, whatever breaks it off; what is posted, kept and reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from service.demo import charts
from service.discovery.ending import NOT_POSTED, POSTS, Ending
from service.discovery.model import Found, RunOrder, Selection, Terms
from service.discovery.ports import RunUnderWay, Told
from service.discovery.run import Discovery
from service.errors import Never, TryLater
from service.fhir.read import located_in
from service.screening.patient import Screener
from service.screening.ports import Pulled
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.model import Filter
from tests.e2e.conftest import FakeResults
from tests.store.conftest import LEASE, Clock
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio

STUDY = "NCT06722105"
DAY = date(2026, 11, 23)
UNTIL = datetime(2026, 11, 23, 3, tzinfo=UTC)
ORDER = RunOrder(study=STUDY, as_of=DAY, source="rest", caller="cron")
TERMS = Terms("sha256:1", "a folder", timedelta(days=7))


@dataclass
class Hospital:
    """The sample charts as a source; it breaks off after so many people, and the records of some cannot be had."""

    charts: dict[str, dict[str, Any]]
    fails: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    ends_after: int | None = None
    error: BaseException = field(default_factory=lambda: TryLater("it is down"))
    known: frozenset[str] = frozenset()
    blind: list[str] = field(default_factory=list)
    selections: int = 0
    source: str = "rest"
    engine: str = "local"

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Select everybody."""
        self.known, self.selections = known, self.selections + 1
        told("select", 1, 1)
        return Selection(seen=99, patients=sorted(self.charts), blind=self.blind, until=UNTIL)

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:  # noqa: ARG002 - the port's signature
        """Judge them as the folder's engine does."""
        screener = Screener(shipped_study(), shipped_reader())
        for number, patient in enumerate(patients):
            if number == self.ends_after:
                raise self.error
            await asyncio.sleep(0)
            if patient in self.gone:
                continue
            if patient in self.fails:
                yield Found(patient, None, self.fails[patient])
            else:
                pulled = Pulled(list(located_in(self.charts[patient])))
                yield Found(patient, await screener.judge_records(pulled, patient, as_of))


def hospital() -> Hospital:
    """Return the sample charts by patient."""
    found = {}
    for bundle in charts().values():
        (patient,) = (r for r, _ in located_in(bundle) if r["resourceType"] == "Patient")
        found[f"Patient/{patient['id']}"] = bundle
    return Hospital(found)


@dataclass
class Night:
    """Runs one after the other, with the server that takes results."""

    store: SqlStore
    runs: SqlRuns
    results: FakeResults = field(default_factory=FakeResults)
    told: list[tuple[str, int, int | None]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def rest(self, seconds: float) -> None:
        """Wait, after which the server takes results again."""
        self.slept.append(seconds)
        self.results.failure = None

    async def run(
        self, people: Hospital, id_: str = "a", order: RunOrder = ORDER, *, resume: bool = False
    ) -> dict[str, Any]:
        """Carry out a run; return its report without the time it took."""
        run = await self.runs.begin(id_, order, TERMS, LEASE, resume=resume)
        screener = Screener(shipped_study(), shipped_reader(), results=self.results)
        discovery = Discovery(self.runs, Ending(screener, self.runs, sleep=self.rest), LEASE)
        report = await discovery.carry_out(run, people, lambda *told: self.told.append(told))
        return {name: value for name, value in report.items() if name not in ("run", "seconds", "timings")}


@pytest.fixture
def night(store: SqlStore, clock: Clock) -> Night:
    """Give an empty store's nights."""
    return Night(store, SqlRuns(store.database, clock))


async def test_everybody_is_screened_posted_kept_and_reported(night: Night) -> None:
    """The report counts who was seen, selected and screened; results stand where other doors find them."""
    people = hospital()
    report = await night.run(people)
    assert (report["seen"], report["selected"]) == (99, len(people.charts))
    listed = {each["patient"] for each in report["new"]}
    kept = await night.store.screenings(Filter(study=STUDY, limit=100))
    assert listed
    assert listed == {each.patient for each in kept if each.priority in (1, 2, 3)}
    assert {each.trigger for each in kept} == {"discovery"}
    assert "Patient/demo-12" not in {screening.patient for screening in night.results.posted}
    number = len(people.charts)
    assert night.told[-1] == ("report", number, number)
    assert ("screen", number, number) in night.told


async def test_a_second_night_finds_nothing_new(night: Night) -> None:
    """The same charts: nothing new, lost or changed, and no result is kept twice."""
    await night.run(hospital())
    before = await night.store.screenings(Filter(study=STUDY, limit=100))
    again = await night.run(hospital(), "b")
    assert (again["new"], again["lost"], again["changed"]) == ([], [], [])
    assert await night.store.screenings(Filter(study=STUDY, limit=100)) == before


@pytest.mark.parametrize("error", [TryLater("it is down"), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("after", [0, 1, 7])
async def test_a_run_that_broke_off_gives_the_same_report_when_resumed(
    night: Night, open_again: Any, error: BaseException, after: int
) -> None:
    """Whatever broke it off, nobody is looked for again, and nobody who has an end is screened again."""
    tried = RunOrder(study=STUDY, as_of=DAY, dry_run=True, caller="cron")
    whole = await night.run(hospital(), "whole", tried)
    people = hospital()
    people.ends_after, people.error = after, error
    with pytest.raises(type(error)):
        await night.run(people, order=tried)
    people.ends_after = None
    resumed = await night.run(people, "other", tried, resume=True)
    assert resumed == whole
    assert people.selections == 1


async def test_the_lease_is_let_go_of_at_once(night: Night) -> None:
    """Whoever resumes waits for no lease; one that goes on elsewhere is refused."""
    people = hospital()
    people.ends_after = 3
    with pytest.raises(TryLater):
        await night.run(people)
    run = await night.runs.begin("b", ORDER, TERMS, LEASE, resume=True)
    assert run.id == "a"
    with pytest.raises(RunUnderWay):
        await night.run(hospital(), "c", resume=True)


async def test_a_patient_that_fails_is_listed_and_tried_the_next_time(night: Night) -> None:
    """It stops nothing, and the run is a good one."""
    people = hospital()
    people.fails = {"Patient/demo-01": "try-later"}
    report = await night.run(people)
    assert report["failed"] == [
        {"patient": "Patient/demo-01", "error": "try-later"},
        {"patient": "Patient/demo-12", "error": "patient-replaced"},
    ]
    again = hospital()
    await night.run(again, "b")
    assert "Patient/demo-01" in again.known


async def test_who_fails_once_is_not_news_the_next_time(night: Night) -> None:
    """What was known of somebody stands while the records cannot be had; who is gone from the source is lost."""
    await night.run(hospital())
    failing = hospital()
    failing.fails = {"Patient/demo-01": "try-later"}
    second = await night.run(failing, "b")
    assert (second["new"], second["lost"], second["changed"]) == ([], [], [])
    third = await night.run(hospital(), "c")
    assert (third["new"], third["lost"], third["changed"]) == ([], [], [])
    without = hospital()
    del without.charts["Patient/demo-01"]
    assert [each["patient"] for each in (await night.run(without, "d"))["lost"]] == ["Patient/demo-01"]


async def test_what_could_not_be_posted_is_told(night: Night) -> None:
    """The verdict stands in the report all the same; the next run posts it."""
    night.results.failure = Never("it refuses")
    report = await night.run(hospital())
    assert {each["error"] for each in report["failed"]} == {NOT_POSTED, "patient-replaced"}
    assert report["new"]


async def test_a_run_of_an_older_day_posts_nothing_over_a_newer_result(night: Night) -> None:
    """Who has no newer one is posted about, and nobody fails for it."""
    people = hospital()
    await night.run(people)
    kept = {each.patient for each in await night.store.screenings(Filter(study=STUDY, limit=100))}
    night.results.posted.clear()
    older = RunOrder(study=STUDY, as_of=DAY - timedelta(days=1), caller="cron", day_named=True)
    report = await night.run(people, "b", older)
    assert report["failed"] == [{"patient": "Patient/demo-12", "error": "patient-replaced"}]
    assert kept
    assert kept.isdisjoint(screening.patient for screening in night.results.posted)


async def test_a_server_that_asks_for_a_short_rest_is_waited_for(night: Night) -> None:
    """Nobody fails for it; one that asks for an hour is not."""
    night.results.failure = TryLater("busy", 20)
    report = await night.run(hospital())
    assert {each["error"] for each in report["failed"]} == {"patient-replaced"}
    assert set(night.slept) == {20}
    night.slept.clear()
    night.results.failure = TryLater("busy", 3600)
    with pytest.raises(TryLater):
        await night.run(hospital(), "b")
    assert night.slept == []


async def test_a_bug_in_posting_one_result_stops_nothing(
    night: Night, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed; the others are posted; the log tells where it broke, and nothing of whom."""
    night.results.failure = KeyError("Patient/demo-01 has CRP 12")  # type: ignore[assignment]
    report = await night.run(hospital())
    assert {each["error"] for each in report["failed"]} == {NOT_POSTED, "patient-replaced"}
    assert report["new"]
    told = caplog.text + "".join(capsys.readouterr())
    assert "KeyError" in told
    assert "demo-01" not in told


async def test_a_server_that_takes_nothing_any_more_ends_the_run_for_later(night: Night) -> None:
    """After ten people in a row it is down: the run can be resumed."""
    night.results.failure = TryLater("it is down")
    with pytest.raises(TryLater):
        await night.run(hospital())
    night.results.failure = None
    report = await night.run(hospital(), "b", resume=True)
    assert report["selected"] == len(hospital().charts)


async def test_a_run_that_is_broken_off_at_some_people_gets_beyond_them(night: Night) -> None:
    """Who had an end is not met again: the server may be up, and choke on these."""
    people = hospital()
    people.ends_after, people.error = 9, TryLater("it is down")
    with pytest.raises(TryLater):
        await night.run(people)
    run = await night.runs.begin("b", ORDER, TERMS, LEASE, resume=True)
    assert len(await night.runs.left(run)) <= len(people.charts) - 9 + POSTS


async def test_a_run_that_is_only_tried_posts_and_keeps_nothing(night: Night) -> None:
    """The report is the same; the next run finds everything new."""
    tried = await night.run(hospital(), order=RunOrder(study=STUDY, as_of=DAY, dry_run=True))
    assert night.results.posted == []
    assert await night.store.screenings(Filter(study=STUDY)) == []
    real = await night.run(hospital(), "b")
    assert real["new"] == tried["new"]


async def test_no_more_people_than_asked_for_are_screened(night: Night) -> None:
    """The next run looks through everybody, and nobody counts as lost."""
    report = await night.run(hospital(), order=RunOrder(study=STUDY, as_of=DAY, limit=2))
    assert report["selected"] == 2
    assert (await night.run(hospital(), "b"))["lost"] == []


async def test_what_names_nobody_is_told_by_a_run_that_is_resumed(night: Night) -> None:
    """It is kept with whom the run selected, and the next one looks through what changed since."""
    people = hospital()
    people.blind, people.ends_after = ["Condition: of 1 nothing tells whose it is."], 3
    with pytest.raises(TryLater):
        await night.run(people)
    report = await night.run(hospital(), "b", resume=True)
    assert report["unread"] == people.blind
    assert (await night.runs.begin("c", ORDER, TERMS, LEASE, resume=False)).since == UNTIL
