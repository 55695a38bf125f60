"""What runs keep of people's results, and whom the next run looks at again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.discovery.model import GONE, Kept, Overtaken
from service.store import upkeep
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.store.tables import run_people
from service.work.model import Audit, Filter, StoredScreening
from tests.store.conftest import Clock
from tests.store.test_runs import DAY, PEOPLE, STUDY, TERMS, absent, begin, kept, replace_, whole

pytestmark = pytest.mark.anyio

NIGHT = date(2026, 11, 24)
FOLDER = TERMS._replace(scope="folder")


async def results(store: SqlStore) -> list[str | None]:
    """Return whose results stand."""
    return [each.patient for each in await store.screenings(Filter(study=STUDY))]


async def test_results_are_kept_where_they_say_something_new(runs: SqlRuns, store: SqlStore) -> None:
    """The same result of another day adds nothing; another one does, and its history stays."""
    await whole(runs, "a", kept("Patient/1", as_of="2026-11-23", id="x"))
    await whole(runs, "b", kept("Patient/1", as_of="2026-11-24", id="y"))
    day = timedelta(days=400)
    assert len(await store.recent(STUDY, "Patient/1", day)) == 1
    await whole(runs, "c", kept("Patient/1", status="ineligible"))
    assert len(await store.recent(STUDY, "Patient/1", day)) == 2
    assert await results(store) == ["Patient/1"]


async def test_nothing_is_kept_about_somebody_without_the_disease(runs: SqlRuns, store: SqlStore) -> None:
    """Unless there is a result already, which is wrong by now."""
    without = kept("Patient/1")._replace(without_disease=True)
    first = await whole(runs, "a", without)
    assert await results(store) == []
    assert await runs.known(first) == frozenset()
    await whole(runs, "b", kept("Patient/1", status="potential-candidate"))
    await whole(runs, "c", without)
    assert len(await store.recent(STUDY, "Patient/1", timedelta(days=400))) == 2


async def test_a_person_who_may_not_be_screened_is_listed_no_more(runs: SqlRuns, store: SqlStore) -> None:
    """The refusal is kept where a result stood, and only there."""
    refusal = kept("Patient/1")
    assert refusal.result is not None
    refused = refusal._replace(result=replace(refusal.result, id="r", error="not-permitted", status=None))
    await whole(runs, "a", refused)
    assert await store.recent(STUDY, "Patient/1", timedelta(days=400)) == []
    await whole(runs, "b", kept("Patient/1"))
    await whole(runs, "c", refused)
    assert await results(store) == []


async def test_those_with_a_result_and_those_who_failed_are_looked_at_again(runs: SqlRuns) -> None:
    """Whoever has neither is found by the entry rule alone."""
    run = await whole(runs, "a", kept("Patient/1"), Kept("Patient/2", None, "try-later"))
    assert await runs.known(run) == {"Patient/1", "Patient/2"}


async def test_who_was_refused_is_looked_at_again_unless_opposed(runs: SqlRuns) -> None:
    """A Patient that could not be read may be mended by the next night; whoever is opposed is left alone."""
    refused = [
        each._replace(result=replace(each.result, error=error, status=None))
        for each, error in (
            (kept("Patient/1"), "patient-unreadable"),
            (kept("Patient/2"), "not-permitted"),
            (kept("Patient/3"), GONE),
        )
        if each.result is not None
    ]
    run = await whole(runs, "a", *refused)
    assert await runs.known(run) == {"Patient/1"}


async def test_who_is_gone_is_not_asked_for_every_night(runs: SqlRuns, store: SqlStore) -> None:
    """The result stands no more; one that is found again does."""
    gone = kept("Patient/1", error=GONE)
    assert gone.result is not None
    gone = gone._replace(result=replace(gone.result, error=GONE, status=None))
    run = await whole(runs, "a", kept("Patient/1"))
    assert await runs.known(run) == {"Patient/1"}
    await whole(runs, "b", gone)
    assert await runs.known(run) == frozenset()
    assert await results(store) == []
    await whole(runs, "c", kept("Patient/1", found="again"))
    assert await runs.known(run) == {"Patient/1"}


def dated(patient: str, as_of: date, **changes: Any) -> Kept:
    """Return the end of somebody who was screened for a day."""
    found = kept(patient, as_of=as_of.isoformat(), person_status=None, written=None, **changes)
    assert found.result is not None
    id_ = f"{patient} {as_of} {changes}"
    return found._replace(result=replace(found.result, id=id_, as_of=as_of, status=changes.get("status", "candidate")))


async def at_another_door(
    runs: SqlRuns, store: SqlStore, patient: str, error: str | None = None, as_of: date = DAY
) -> None:
    """Keep what a door other than the run's finds."""
    document = json.dumps({"patient": patient, "status": "ineligible", "door": "api"}).encode()
    found = StoredScreening(
        id=f"api {patient} {error}",
        study=STUDY,
        patient=patient,
        as_of=as_of,
        status=None if error else "ineligible",
        error=error,
        trigger="api",
        document=document,
    )
    await SqlStore(store.database, runs._now).keep(found, Audit("screened", "api", patient, found.id))  # noqa: SLF001


@pytest.mark.parametrize("error", [None, "not-permitted"])
async def test_what_another_door_found_since_is_newer(runs: SqlRuns, store: SqlStore, error: str | None) -> None:
    """An export is judged hours after it was made: meanwhile somebody may have been judged anew, or opposed."""
    await at_another_door(runs, store, "Patient/1", error)
    run = await begin(runs, "a")
    await at_another_door(runs, store, "Patient/2", error)
    assert await runs.overtaken(run, "Patient/1", run.at) is None
    newer = await runs.overtaken(run, "Patient/2", run.at)
    assert newer is not None
    assert b"api" in (newer.document or b"")


async def test_a_later_day_stands(runs: SqlRuns, clock: Clock) -> None:
    """Also where it said the same as the one before, and was not kept again."""
    await whole(runs, "a", dated("Patient/1", DAY))
    clock.pass_(days=1)
    await whole(runs, "b", dated("Patient/1", NIGHT), order=replace_(as_of=NIGHT))
    older = await begin(runs, "c")
    assert await runs.overtaken(older, "Patient/1", older.at) == Overtaken(None)
    assert await runs.overtaken(older, "Patient/2", older.at) is None


async def test_retention_spares_what_was_found_again(runs: SqlRuns, store: SqlStore, clock: Clock) -> None:
    """Somebody who is screened every night, and has not changed, is not forgotten."""
    await whole(runs, "a", dated("Patient/1", DAY), dated("Patient/2", DAY))
    clock.pass_(days=1)
    last = await whole(runs, "b", dated("Patient/1", NIGHT), order=replace_(as_of=NIGHT))
    before = datetime(2026, 11, 24, 1, tzinfo=UTC)
    await store.database.run(upkeep.purge, clock(), before)
    assert await results(store) == ["Patient/1"]
    assert await runs.known(last) == {"Patient/1"}


async def test_whoever_failed_is_tried_again_by_the_next_run_of_the_same_people(runs: SqlRuns) -> None:
    """Whatever other sources are searched between."""
    failed = await whole(runs, "a", Kept("Patient/1", None, "try-later"))
    other = await whole(runs, "b", kept("Patient/2"), terms=FOLDER)
    assert await runs.known(failed) == {"Patient/1", "Patient/2"}
    assert await runs.known(other) == {"Patient/2"}


async def test_an_error_at_another_door_makes_nobody_unknown(runs: SqlRuns, store: SqlStore) -> None:
    """A Patient that could not be read once was found before, and is looked at again."""
    run = await whole(runs, "a", kept("Patient/1"))
    await at_another_door(runs, store, "Patient/1", "patient-unreadable")
    assert await runs.known(run) == {"Patient/1"}
    await at_another_door(runs, store, "Patient/1", "not-permitted")
    assert await runs.known(run) == frozenset()


async def test_news_are_those_since_the_last_run_of_the_same_people_and_no_later_day(runs: SqlRuns) -> None:
    """A folder searched between, or a day long past, makes nobody new or lost."""
    await whole(runs, "a", kept("Patient/1"))
    await whole(runs, "folder", kept("Patient/2"), terms=FOLDER)
    await whole(runs, "past", kept("Patient/3"), order=replace_(as_of=date(2020, 1, 1)))
    assert await absent(runs, await begin(runs, "b", replace_(as_of=NIGHT))) == ["Patient/1"]


async def test_a_run_of_a_day_to_come_leaves_what_the_next_night_is_compared_with(runs: SqlRuns) -> None:
    """Somebody tries what the list will be in January; tomorrow's news are those since tonight all the same."""
    await whole(runs, "a", kept("Patient/1"))
    await whole(runs, "to come", kept("Patient/3"), order=replace_(as_of=date(2027, 1, 15)))
    assert await absent(runs, await begin(runs, "b", replace_(as_of=NIGHT))) == ["Patient/1"]


async def test_people_of_runs_are_kept_no_longer_than_needed(runs: SqlRuns, store: SqlStore, clock: Clock) -> None:
    """Of each source those of its last run, and none of a source that was not searched for a month."""
    await whole(runs, "folder", kept("Patient/2"), terms=FOLDER)
    await whole(runs, "a", kept("Patient/1"))
    await whole(runs, "b", kept("Patient/1"))
    assert await people(store) == {"folder", "b"}
    clock.pass_(days=31)
    await whole(runs, "c", kept("Patient/1"))
    assert await people(store) == {"c"}


async def people(store: SqlStore) -> set[str]:
    """Return of which runs people are kept."""
    return set(await store.database.run(lambda db: db.execute(select(run_people.c.run)).scalars().all()))


async def test_whoever_is_forgotten_during_a_run_is_not_kept_by_it(runs: SqlRuns, store: SqlStore) -> None:
    """Their end comes later than the wish."""
    run = await begin(runs, "a")
    await runs.selected(run, PEOPLE)
    await store.database.run(upkeep.forget, datetime(2026, 11, 24, tzinfo=UTC), "Patient/1", "somebody")
    await runs.ended(run, [kept("Patient/1"), kept("Patient/2")], "cron")
    assert await results(store) == ["Patient/2"]


async def test_what_became_of_posting_is_told_of_the_result_that_stands(runs: SqlRuns, store: SqlStore) -> None:
    """One refused in the first night and posted in the second is told of as posted, and stays so."""
    done = {"done": True, "resources": ["ResearchSubject/1"]}
    unchanged = {"done": False, "why": "unchanged"}
    for night, told in (
        ("a", {"written": None, "person_status": None}),
        ("b", {"written": done, "person_status": "on-study"}),
        ("c", {"written": unchanged, "person_status": "on-study"}),
    ):
        await whole(runs, night, dated("Patient/1", DAY)._replace(result=told_of(told)))
    (standing,) = await store.screenings(Filter(study=STUDY))
    document = json.loads(standing.document)
    assert (document["written"], document["person_status"]) == (done, "on-study")


def told_of(told: dict[str, Any]) -> StoredScreening:
    """Return a result with what is told of posting it."""
    result = dated("Patient/1", DAY).result
    assert result is not None
    return replace(result, id=str(told), document=json.dumps(json.loads(result.document) | told).encode())
