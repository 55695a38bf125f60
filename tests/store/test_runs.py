"""Discovery runs as they are kept: one of a study at a time, resumed where they broke off."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.discovery.model import Ended, Kept, Run, RunOrder, RunState, Selection, Tally, Terms
from service.discovery.ports import RunLost, RunUnderWay
from service.store import upkeep
from service.store.run_store import SqlRuns
from service.store.store import SqlStore, open_store
from service.work.model import StoredScreening
from tests.store.conftest import LEASE, Clock

pytestmark = pytest.mark.anyio

STUDY = "NCT06722105"
DAY = date(2026, 11, 23)
ORDER = RunOrder(study=STUDY, as_of=DAY, caller="cron")
TERMS = Terms("sha256:1", "rest http://fhir.test", timedelta(days=7))
LATER = datetime(2026, 11, 23, 3, tzinfo=UTC)
PEOPLE = Selection(seen=3, patients=["Patient/1", "Patient/2", "Patient/3"], until=LATER)


def kept(patient: str, **changes: Any) -> Kept:
    """Return the end of somebody who was screened."""
    document = json.dumps({"patient": patient, "status": "candidate"} | changes).encode()
    result = StoredScreening(
        id=f"{patient} {changes}",
        study=STUDY,
        patient=patient,
        as_of=DAY,
        status="candidate",
        trigger="discovery",
        document=document,
    )
    return Kept(patient, document, coverage={"crp": Tally(known_codes=1)}, result=result)


async def begin(runs: SqlRuns, id_: str, order: RunOrder = ORDER, terms: Terms = TERMS, *, resume: bool = False) -> Run:
    """Begin a run."""
    return await runs.begin(id_, order, terms, LEASE, resume=resume)


async def whole(runs: SqlRuns, id_: str, *people: Kept, order: RunOrder = ORDER, terms: Terms = TERMS) -> Run:
    """Carry a run out."""
    run = await begin(runs, id_, order, terms)
    await runs.selected(run, Selection(seen=3, patients=[each.patient for each in people], until=LATER))
    await runs.ended(run, people, "cron")
    await runs.finish(run, b'{"new":[]}')
    return run


async def ends(runs: SqlRuns, run: Run) -> list[Ended]:
    """Return the people of a run."""
    return [one async for page in runs.ends(run) for one in page]


async def absent(runs: SqlRuns, run: Run) -> list[str]:
    """Return who is in the last run alone."""
    return [patient async for page in runs.absent(run) for patient, _ in page]


async def test_two_runs_of_one_study_at_a_time_are_refused(runs: SqlRuns) -> None:
    """Whoever comes second is told; another study's run begins."""
    await begin(runs, "a")
    with pytest.raises(RunUnderWay):
        await begin(runs, "b")
    with pytest.raises(RunUnderWay):
        await begin(runs, "b", resume=True)
    assert (await begin(runs, "c", RunOrder(study="other", as_of=DAY))).state is RunState.RUNNING


async def test_a_run_that_broke_off_goes_on_where_it_was(runs: SqlRuns, clock: Clock) -> None:
    """Its order, selection and people stand; whoever held it before can change nothing any more."""
    first = await begin(runs, "a")
    await runs.selected(first, PEOPLE)
    await runs.ended(first, [kept("Patient/2")], "cron")
    clock.pass_(minutes=5)
    again = await begin(runs, "b", RunOrder(study=STUDY, as_of=date(2026, 11, 24)), resume=True)
    assert (again.id, again.order, again.selection) == ("a", ORDER, PEOPLE)
    assert await runs.left(again) == ["Patient/1", "Patient/3"]
    with pytest.raises(RunLost):
        await runs.ended(first, [kept("Patient/1")], "cron")
    with pytest.raises(RunLost):
        await runs.hold(first, LEASE, None)
    assert await runs.left(again) == ["Patient/1", "Patient/3"]


async def test_without_resume_a_run_that_broke_off_is_given_up(runs: SqlRuns, clock: Clock) -> None:
    """A new one begins; the old one says why it has no report, and is resumed no more."""
    await begin(runs, "a")
    clock.pass_(minutes=5)
    assert (await begin(runs, "b")).id == "b"
    given_up = await runs.read("a")
    assert given_up is not None
    assert given_up.state is RunState.FAILED
    assert "broke off" in str(given_up.reason)


async def test_a_run_that_failed_can_be_resumed(runs: SqlRuns) -> None:
    """A server that was down in the night is asked again in the morning, for the same day."""
    run = await begin(runs, "a")
    await runs.selected(run, PEOPLE)
    await runs.fail(run, "the server is down")
    again = await begin(runs, "b", resume=True)
    assert (again.id, again.state, again.reason) == ("a", RunState.RUNNING, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"dry_run": True},
        {"limit": 3},
        {"source": "bulk"},
        {"engine": "spark"},
        {"full": True},
        {"as_of": date(2026, 11, 24), "day_named": True},
        {"as_of": date(2026, 11, 22)},
    ],
)
async def test_a_run_that_was_asked_for_otherwise_is_not_resumed(runs: SqlRuns, changed: dict[str, Any]) -> None:
    """One that posts is no trial: another begins."""
    await runs.fail(await begin(runs, "a"), "no")
    assert (await begin(runs, "b", replace_(**changed), resume=True)).id == "b"


async def test_a_trial_is_not_resumed_as_a_run_that_posts(runs: SqlRuns) -> None:
    """The night's run would end without telling anybody."""
    await runs.fail(await begin(runs, "a", replace_(dry_run=True)), "no")
    assert (await begin(runs, "b", resume=True)).id == "b"


@pytest.mark.parametrize("changed", [{"rules": "sha256:2"}, {"scope": "elsewhere"}])
async def test_a_run_under_other_terms_is_not_resumed(runs: SqlRuns, changed: dict[str, Any]) -> None:
    """Its people would be judged by two sets of rules, or be of two places."""
    await runs.fail(await begin(runs, "a"), "no")
    assert (await begin(runs, "b", terms=TERMS._replace(**changed), resume=True)).id == "b"


async def test_a_run_of_the_day_before_is_resumed_in_the_same_night_only(runs: SqlRuns, clock: Clock) -> None:
    """After midnight it goes on for its day; a night later a new one begins."""
    await runs.fail(await begin(runs, "a"), "no")
    clock.pass_(hours=11)
    assert (await begin(runs, "b", replace_(as_of=date(2026, 11, 24)), resume=True)).order.as_of == DAY
    clock.pass_(hours=12, minutes=1)
    assert (await begin(runs, "c", replace_(as_of=date(2026, 11, 24)), resume=True)).id == "c"


async def test_resuming_without_anything_to_resume_begins(runs: SqlRuns) -> None:
    """A cron job may always say so."""
    await whole(runs, "a", kept("Patient/1"))
    assert (await begin(runs, "b", resume=True)).id == "b"


async def test_the_moment_from_which_is_searched_moves_only_after_success(runs: SqlRuns) -> None:
    """A failed run, one that is only tried and one that is cut short leave it where it was."""
    failed = await begin(runs, "a")
    assert failed.since is None
    await runs.fail(failed, "no")
    for number, order in enumerate((replace_(dry_run=True), replace_(limit=1))):
        run = await whole(runs, f"b{number}", kept("Patient/1"), order=order)
        assert run.since is None
    assert (await whole(runs, "c", kept("Patient/1"))).since is None
    assert (await whole(runs, "d", kept("Patient/1"))).since == LATER
    assert (await whole(runs, "e", kept("Patient/1"), order=replace_(full=True))).since is None


async def test_everybody_is_looked_through_every_so_often(runs: SqlRuns, clock: Clock) -> None:
    """Runs between, of what changed only, do not put it off."""
    await whole(runs, "a", kept("Patient/1"))
    clock.pass_(days=6)
    assert (await whole(runs, "b", kept("Patient/1"))).since == LATER
    clock.pass_(days=1)
    assert (await whole(runs, "c", kept("Patient/1"))).since is None
    assert (await whole(runs, "d", kept("Patient/1"))).since == LATER


@pytest.mark.parametrize("changed", [{"rules": "sha256:2"}, {"scope": "bulk http://fhir.test Group/1"}])
async def test_other_terms_look_through_everybody(runs: SqlRuns, changed: dict[str, Any]) -> None:
    """Other rules may look for other people, and elsewhere there are others; back there, it goes on."""
    await whole(runs, "a", kept("Patient/1"))
    assert (await whole(runs, "b", kept("Patient/1"), terms=TERMS._replace(**changed))).since is None
    assert (await whole(runs, "c", kept("Patient/1"))).since == LATER


async def test_the_report_is_made_of_this_run_and_the_last(runs: SqlRuns) -> None:
    """People come in order, with what they were; of older runs nothing is left."""
    await whole(runs, "a", kept("Patient/9"))
    await whole(runs, "b", kept("Patient/1", status="ineligible"), kept("Patient/2"))
    run = await begin(runs, "c")
    await runs.selected(run, PEOPLE)
    await runs.ended(run, [kept("Patient/2"), kept("Patient/1"), Kept("Patient/3", None, "try-later")], "cron")

    people = await ends(runs, run)
    assert people[0].coverage == {"crp": Tally(known_codes=1)}
    assert [(each.patient, each.error, (each.before or {}).get("status")) for each in people] == [
        ("Patient/1", None, "ineligible"),
        ("Patient/2", None, "candidate"),
        ("Patient/3", "try-later", None),
    ]
    assert await absent(runs, run) == []


async def test_what_the_last_run_kept_of_others_is_told_too(runs: SqlRuns) -> None:
    """Of those who are not in this run, in order; who had no end worth keeping is not among them."""
    await whole(runs, "a", kept("Patient/9"), kept("Patient/2"), kept("Patient/4"), Kept("Patient/5", None, "x"))
    run = await begin(runs, "b")
    await runs.selected(run, PEOPLE)
    assert await absent(runs, run) == ["Patient/4", "Patient/9"]


async def test_people_are_read_a_page_at_a_time(runs: SqlRuns, store: SqlStore) -> None:
    """Everybody comes once, and others have their turn at the store between two pages."""
    await whole(runs, "a", *(kept(f"Patient/{number:03}") for number in range(450)))
    run = await begin(runs, "b")
    await runs.selected(run, Selection(seen=3, patients=[f"Patient/{number:03}" for number in range(401)]))
    sizes = []
    async for page in runs.ends(run):
        await store.counts()
        sizes.append(len(list(page)))
    assert sizes == [200, 200, 1]
    assert await absent(runs, run) == [f"Patient/{number:03}" for number in range(401, 450)]


async def test_a_forgotten_patient_stands_in_no_run(runs: SqlRuns, store: SqlStore) -> None:
    """Neither among its people nor in its report or selection."""
    run = await begin(runs, "a")
    await runs.selected(run, PEOPLE)
    await runs.ended(run, [kept("Patient/1")], "cron")
    await runs.finish(run, b'{"new":[{"patient":"Patient/1"},{"patient":"Patient/11"}],"seconds":1}')
    await store.database.run(upkeep.forget, datetime(2026, 11, 24, tzinfo=UTC), "Patient/1", "somebody")
    after = await runs.read("a")
    assert after is not None
    assert after.report == b'{"new":[{"patient":"Patient/11"}],"seconds":1}'
    assert after.selection is not None
    assert after.selection.patients == ["Patient/2", "Patient/3"]
    assert [each.patient for each in await ends(runs, run)] == ["Patient/2", "Patient/3"]
    assert await absent(runs, run) == []


async def test_old_runs_are_purged(runs: SqlRuns, store: SqlStore) -> None:
    """With the results of their time; one under way stays."""
    await whole(runs, "a", kept("Patient/1"))
    await begin(runs, "b")
    await store.database.run(upkeep.purge, datetime(2028, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert await runs.read("a") is None
    assert await runs.read("b") is not None


def replace_(**changes: Any) -> RunOrder:
    """Return the order with changes."""
    return RunOrder(**{"study": STUDY, "as_of": DAY, "caller": "cron"} | changes)


async def test_on_one_machine_a_killed_run_is_resumed_at_once(tmp_path: Path) -> None:
    """Opening the default store proves that nobody else has it: no lease is waited for."""
    with open_store(None, tmp_path) as store:
        await SqlRuns(store.database).begin("a", ORDER, TERMS, timedelta(hours=1), resume=False)
    with open_store(None, tmp_path) as store:
        run = await SqlRuns(store.database).begin("b", ORDER, TERMS, LEASE, resume=True)
        assert run.id == "a"
