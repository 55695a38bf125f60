"""From which moment on the next run looks for changes: what could not be read holds it, what names nobody does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import respx
from msgspec.structs import replace

from service.discovery.ending import Ending
from service.discovery.model import Run, RunOrder, Selection
from service.discovery.run import Discovery
from service.hospital.client import FhirClient, Server
from service.hospital.instants import instant
from service.hospital.rest_people import RestPeople
from service.screening.patient import Screener
from service.store.run_store import SqlRuns
from service.store.runs import change
from service.store.store import SqlStore
from tests.contract.test_people import coded, hospital
from tests.hospital import BASE, VOCABULARY, Json, searchset
from tests.store.conftest import LEASE, Clock
from tests.store.test_discovery import ORDER, TERMS
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio

NOBODYS = searchset(coded("c", "", "M34.0") | {"subject": {"identifier": {"value": "x"}}})
NOBODY = ["Condition: of 1 that count no reference tells whose they are."]
WITHHELD = searchset(total=3)
UNREAD = ["Condition: fhir.hospital.example told of 3 records that match, and gave 0."]
FIRST, SECOND = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)  # when the server searched
OVERLAP = timedelta(minutes=5)


async def search(
    runs: SqlRuns, router: respx.MockRouter, at: datetime, conditions: Json, order: RunOrder = ORDER
) -> tuple[Run, list[str]]:
    """Search a server that gives these Conditions; return the run, and what it tells of as not read."""
    hospital(router, Observation=searchset(meta={"lastUpdated": instant(at)}), Condition=conditions)
    run = await runs.begin(f"{at} {conditions}", order, TERMS, LEASE, resume=False)
    screener = Screener(shipped_study(), shipped_reader())
    async with FhirClient(Server(base=BASE)) as client:
        people = RestPeople(screener, client, VOCABULARY, since=run.since)
        report = await Discovery(runs, Ending(screener, runs), LEASE).carry_out(run, people, lambda *_: None)
    return run, report["unread"]


async def following(runs: SqlRuns) -> datetime | None:
    """Return from when on the next run looks for changes."""
    return (await runs.begin("following", ORDER, TERMS, LEASE, resume=False)).since


@pytest.mark.parametrize(
    ("conditions", "told", "since"),
    [(searchset(), [], FIRST - OVERLAP), (NOBODYS, NOBODY, FIRST - OVERLAP), (WITHHELD, UNREAD, None)],
)
async def test_after_a_search_for_everybody(
    runs: SqlRuns, respx_mock: respx.MockRouter, conditions: Json, told: list[str], since: datetime | None
) -> None:
    """Only what changed is looked through, unless somebody may stand in what could not be read."""
    run, unread = await search(runs, respx_mock, FIRST, conditions)

    assert (run.since, unread) == (None, told)
    assert await following(runs) == since


@pytest.mark.parametrize(
    ("conditions", "told", "since"),
    [(searchset(), [], SECOND), (NOBODYS, NOBODY, SECOND), (WITHHELD, UNREAD, FIRST)],
)
async def test_after_a_search_in_what_changed(
    runs: SqlRuns, respx_mock: respx.MockRouter, conditions: Json, told: list[str], since: datetime
) -> None:
    """Whose a record is, is not learned by looking again; once that is mended, the record has changed."""
    await search(runs, respx_mock, FIRST, searchset())
    run, unread = await search(runs, respx_mock, SECOND, conditions)

    assert (run.since, unread) == (FIRST - OVERLAP, told)
    assert await following(runs) == since - OVERLAP


async def test_after_a_search_as_of_a_day_gone_by(runs: SqlRuns, respx_mock: respx.MockRouter) -> None:
    """Who has been found ill since was not on that day, and is for the next night to find."""
    await search(runs, respx_mock, FIRST, searchset())
    past = replace(ORDER, as_of=ORDER.as_of - timedelta(days=1), day_named=True)
    await search(runs, respx_mock, SECOND, searchset(), past)

    assert await following(runs) == FIRST - OVERLAP


async def test_a_selection_that_was_kept_before_is_read(store: SqlStore, runs: SqlRuns, clock: Clock) -> None:
    """A run that broke off before an update goes on after it."""
    run = await runs.begin("a", ORDER, TERMS, LEASE, resume=False)
    kept = b'{"seen":3,"patients":["Patient/1"],"unread":["a line"],"uncoded":null,"until":null,"at":null}'
    await store.database.run(change, clock(), run, selection=kept)
    read = await runs.read("a")

    assert read is not None
    assert read.selection == Selection(seen=3, patients=["Patient/1"], unread=["a line"])
