"""The report of a run over a store: who counts as screened, who is lost, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import itertools
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.discoveries import write_results
from service.discovery.ending import Ending
from service.discovery.model import Kept, RunOrder, Selection
from service.discovery.run import Discovery
from service.errors import TryLater
from service.screening.document import encode
from service.screening.patient import Screener
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from tests.builders import complete_chart
from tests.nights import night as screened
from tests.store.conftest import LEASE, Clock
from tests.store.test_discovery import DAY, ORDER, STUDY, TERMS, Night, hospital
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio


@pytest.fixture
def night(store: SqlStore, clock: Clock) -> Night:
    """Give an empty store's nights."""
    return Night(store, SqlRuns(store.database, clock))


def without_id(funnel: list[dict[str, Any]]) -> list[dict[str, int]]:
    """Return the numbers of each criterion."""
    return [{name: number for name, number in row.items() if name != "id"} for row in funnel]


async def test_a_run_tells_how_long_its_stages_took(night: Night) -> None:
    """Those of this process: what was selected before it broke off took no time now."""
    run = await night.runs.begin("a", ORDER, TERMS, LEASE, resume=False)
    times = itertools.count()
    ending = Ending(Screener(shipped_study(), shipped_reader()), night.runs)
    discovery = Discovery(night.runs, ending, LEASE, clock=lambda: float(next(times)))
    report = await discovery.carry_out(run, hospital(), lambda *_: None)
    assert list(report["timings"]) == ["select", "screen", "report"]
    assert min(report["timings"].values()) > 0
    assert sum(report["timings"].values()) == pytest.approx(report["seconds"], abs=2)


async def test_a_run_that_was_resumed_selects_nobody(night: Night) -> None:
    """That stage is in no timings then: what came before is of another process."""
    people = hospital()
    people.ends_after = 3
    with pytest.raises(TryLater):
        await night.run(people)
    people.ends_after = None
    await night.run(people, "b", resume=True)
    run = await night.runs.last(STUDY)
    assert run is not None
    assert list(json.loads(run.report or b"")["timings"]) == ["screen", "report"]


async def test_who_fails_is_not_screened(night: Night) -> None:
    """Though what was known of them stands for the next run."""
    first = await night.run(hospital())
    failing = hospital()
    failing.fails = {"Patient/demo-01": "try-later"}
    second = await night.run(failing, "b")
    assert second["screened"] == first["screened"] - 1
    assert sum(second["by_status"].values()) == second["screened"]
    assert {sum(row.values()) for row in without_id(second["funnel"])} == {second["screened"]}


async def test_who_is_gone_when_a_run_is_resumed_is_lost(night: Night) -> None:
    """They were listed, selected again, and their records are there no more."""
    await night.run(hospital())
    people = hospital()
    people.ends_after, people.error = 0, TryLater("it is down")
    with pytest.raises(TryLater):
        await night.run(people, "b")
    people.ends_after = None
    people.gone = {"Patient/demo-01"}
    report = await night.run(people, "c", resume=True)
    assert [(each["patient"], each["status"]) for each in report["lost"]] == [("Patient/demo-01", "not-in-source")]
    assert (await night.run(people, "d"))["lost"] == []


async def test_a_run_of_some_loses_nobody_it_did_not_look_at(night: Night) -> None:
    """With a limit the others were only left out."""
    await night.run(hospital())
    assert (await night.run(hospital(), "b", RunOrder(study=STUDY, as_of=DAY, limit=1)))["lost"] == []


async def test_whoever_fails_is_in_no_results(night: Night, tmp_path: Path) -> None:
    """Of whom only the last run's screening is known: these are no results of this run."""
    file = tmp_path / "results.ndjson"
    people = Selection(seen=None, patients=["Patient/1", "Patient/2", "Patient/3"])
    ends = [Kept(patient, encode({"patient": patient})) for patient in people.patients]
    for id_ in "ab":
        run = await night.runs.begin(id_, ORDER, TERMS, LEASE, resume=False)
        await night.runs.selected(run, people)
        await night.runs.ended(run, ends, "cron")
        await night.runs.finish(run, b"{}")
        ends[:2] = [Kept("Patient/1", None, "try-later"), ends[1]._replace(error="not-posted")]
    await write_results(night.runs, run, file)
    assert file.read_text() == '{"patient":"Patient/2"}\n{"patient":"Patient/3"}\n'


async def test_nobody_waits_for_a_report(night: Night) -> None:
    """It is made a page at a time, and others have their turn at the store between two pages."""
    turns, seen, over = 0, list[int](), False
    document = encode(screened(complete_chart()))
    selection = Selection(seen=None, patients=[f"Patient/{number:03}" for number in range(450)])

    def told(stage: str, *_: object) -> None:
        if stage == "report":
            seen.append(turns)

    async def others() -> None:
        nonlocal turns
        while not over:
            await night.store.counts()
            turns += 1

    run = await night.runs.begin("a", ORDER, TERMS, LEASE, resume=False)
    await night.runs.selected(run, selection)
    await night.runs.ended(run, [Kept(patient, document) for patient in selection.patients], "cron")
    discovery = Discovery(night.runs, Ending(Screener(shipped_study(), shipped_reader()), night.runs), LEASE)
    asking = asyncio.create_task(others())
    report = await discovery.carry_out(run._replace(selection=selection), hospital(), told)
    over = True
    await asking
    assert report["screened"] == 450
    assert len(seen) == 4
    assert all(one < other for one, other in pairwise(seen))
