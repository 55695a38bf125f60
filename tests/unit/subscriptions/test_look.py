"""What is looked at becomes screenings, each version once; what a patrol sees is told and caught up with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from service import metrics
from service.errors import Never, TryLater
from service.store.database import opened
from service.store.store import SqlStore
from service.subscriptions.look import MARK, OVERLAP, Look
from service.subscriptions.notification import Named
from service.subscriptions.orders import look_at, look_at_changes
from service.subscriptions.patrol import Patrol
from service.subscriptions.ports import MISSING, Change, Changes, Standing
from service.work.model import Claim, Kind, NewJob
from service.work.orders import read_screen_order
from tests.store.conftest import LEASE, Clock
from tests.telling import counted

pytestmark = pytest.mark.anyio

MADE = datetime(2026, 11, 20, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BASE = "https://fhir.hospital.example/r4"
CRP = Change("Observation/crp", "1", "Patient/1")


@dataclass
class Server:
    """A server that holds changes and Subscriptions."""

    pages: list[Changes] = field(default_factory=list)
    there: dict[str, Change] = field(default_factory=dict)
    subscriptions: list[Standing] = field(default_factory=lambda: [Standing("Patient?", "active", "1", MADE)])
    asked: list[datetime] = field(default_factory=list)
    failure: Exception | None = None
    cut: Exception | None = None  # comes after the pages

    async def standings(self) -> list[Standing]:
        """Give the Subscriptions."""
        if self.failure is not None:
            raise self.failure
        return self.subscriptions

    async def look(self, reference: str) -> Change | None:
        """Read one resource."""
        if self.failure is not None:
            raise self.failure
        return self.there.get(reference)

    async def changes(self, since: datetime) -> AsyncIterator[Changes]:
        """Give the pages, and then the failure."""
        self.asked.append(since)
        for page in self.pages:
            yield page
        if self.cut is not None:
            raise self.cut


@dataclass
class Desk:
    """A store, the job that looks, and a server."""

    store: SqlStore
    clock: Clock
    server: Server = field(default_factory=Server)

    async def look(self, job: NewJob) -> list[str]:
        """Have something looked at; return whose screenings wait after that."""
        await self.store.received((), jobs=[job])
        self.clock.pass_(seconds=3)
        claim = await self.store.claim([Kind.LOOK], LEASE)
        assert claim is not None
        await Look(self.server, self.store, ("S", "T"), BASE).run(claim)
        self.clock.pass_(seconds=6)
        return [f"{order.study} {order.patient}" for order in map(read_screen_order, await self._screenings())]

    async def changes(self, *pages: Changes) -> list[str]:
        """Have changes looked for, of which the server has these."""
        self.server.pages = list(pages)
        return await self.look(look_at_changes())

    async def marked(self) -> datetime | None:
        """Return how far was looked."""
        mark = await self.store.mark(MARK)
        return None if mark is None else _EPOCH + timedelta(microseconds=mark)

    async def _screenings(self) -> list[bytes]:
        claims: list[Claim] = []
        while (claim := await self.store.claim([Kind.SCREEN], LEASE)) is not None:
            claims.append(claim)
            await self.store.done(claim)
        return [claim.payload for claim in claims]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give the desk."""
    clock = Clock()
    with opened(None, tmp_path, alone=True) as database:
        yield Desk(SqlStore(database, clock), clock)


def page(*found: Change, at: datetime | None = None) -> Changes:
    """Return a page."""
    return Changes(found, at)


async def test_a_record_has_its_patient_screened_for_each_study(desk: Desk) -> None:
    """Whose it is, is what the server says, not what the notification said."""
    desk.server.there["Observation/crp"] = CRP

    assert await desk.look(look_at(Named("Observation/crp", "Patient/2"))) == ["S Patient/1", "T Patient/1"]


async def test_a_record_of_nobody_asks_for_nothing(desk: Desk) -> None:
    """A Medication has no patient."""
    desk.server.there["Medication/m"] = Change("Medication/m", "1", None)

    assert await desk.look(look_at(Named("Medication/m", "Patient/2"))) == []


async def test_a_record_that_is_gone(desk: Desk) -> None:
    """Then whoever it was said to be of is screened without it; where nobody was named, nobody."""
    assert await desk.look(look_at(Named("Observation/x", "Patient/2"))) == ["S Patient/2", "T Patient/2"]
    assert await desk.look(look_at(Named("Observation/y"))) == []


async def test_what_cannot_be_read_now_is_tried_again(desk: Desk) -> None:
    """The job fails as others do: it is put back."""
    desk.server.failure = TryLater("down")
    with pytest.raises(TryLater):
        await desk.look(look_at(Named("Observation/crp")))


async def test_the_same_version_counts_once(desk: Desk) -> None:
    """Told and found, or told twice: one version is one screening; the next version is another."""
    desk.server.there["Observation/crp"] = CRP
    await desk.look(look_at(Named("Observation/crp")))

    assert await desk.look(look_at(Named("Observation/crp"))) == []
    assert await desk.changes(page(CRP)) == []
    assert await desk.changes(page(CRP._replace(version="2"))) == ["S Patient/1", "T Patient/1"]


async def test_without_a_version_each_time_counts(desk: Desk) -> None:
    """A server that tells no versions has nothing dropped."""
    bare = CRP._replace(version=None)

    assert [len(await desk.changes(page(bare))) for _ in range(2)] == [2, 2]


async def test_our_own_writes_ask_for_nothing(desk: Desk) -> None:
    """A version of a ResearchSubject that we wrote is no news; one of a person is, and one of another server."""
    await desk.store.wrote(f"{BASE}/ResearchSubject/r/_history/1")
    await desk.store.wrote("https://other.example/ResearchSubject/r/_history/2")
    subject = Change("ResearchSubject/r", "1", "Patient/1")

    assert await desk.changes(page(subject)) == []
    assert await desk.changes(page(subject._replace(version="2"))) == ["S Patient/1", "T Patient/1"]


async def test_several_records_of_one_patient_are_one_screening(desk: Desk) -> None:
    """Over all pages."""
    first, second = page(CRP, CRP._replace(reference="Observation/hb")), page(CRP._replace(version="2"))

    assert await desk.changes(first, second) == ["S Patient/1", "T Patient/1"]


async def test_the_first_look_begins_where_the_subscriptions_do(desk: Desk) -> None:
    """Nothing that changed since they were made is passed over, though no look was ever made."""
    await desk.changes()

    assert desk.server.asked == [MADE - OVERLAP]


async def test_a_look_begins_before_the_end_of_the_last(desk: Desk) -> None:
    """By minutes, and by the server's clock where that is behind ours."""
    behind = datetime.now(UTC) - timedelta(hours=1)
    await desk.changes(page(at=behind))
    await desk.changes()

    assert (desk.server.asked[1], await desk.marked() == behind) == (behind - OVERLAP, False)


async def test_a_look_that_was_cut_short_moves_no_mark(desk: Desk) -> None:
    """What it found is kept, and the next look begins where it did; the job itself has ended."""
    desk.server.cut = Never("no")
    found = await desk.changes(page(CRP))
    desk.server.cut = None
    await desk.changes()

    assert found == ["S Patient/1", "T Patient/1"]
    assert desk.server.asked == [MADE - OVERLAP, MADE - OVERLAP]


async def test_without_subscriptions_nothing_is_looked_for(desk: Desk) -> None:
    """Where none was made there is no beginning."""
    desk.server.subscriptions = []
    await desk.changes(page(CRP))

    assert (desk.server.asked, await desk.marked()) == ([], None)


async def patrolled(desk: Desk) -> tuple[list[tuple[str, int]], bool]:
    """Patrol once; return what was logged of Subscriptions, and whether changes are looked for."""
    with structlog.testing.capture_logs() as logged:
        await Patrol(desk.server, desk.store, 300).once()
    desk.clock.pass_(seconds=3)
    claim = await desk.store.claim([Kind.LOOK], LEASE)
    return [(each["status"], each["count"]) for each in logged if each["event"] == "subscriptions-stopped"], bool(claim)


async def test_a_patrol_has_changes_looked_for(desk: Desk) -> None:
    """All is well: nothing is logged."""
    assert await patrolled(desk) == ([], True)
    assert counted("candor_subscriptions", status="active") == 1


async def test_a_patrol_tells_of_what_stopped(desk: Desk) -> None:
    """Off, in error and missing are logged and counted, and what they do not tell is looked for."""
    desk.server.subscriptions = [Standing(each, each, each) for each in ("off", "error", "active", "odd")]
    desk.server.subscriptions.append(Standing("x", MISSING))
    told = await patrolled(desk)
    shown = {each: counted("candor_subscriptions", status=each) for each in ("off", "error", "missing", "other")}

    assert told == ([("error", 1), ("off", 1), ("missing", 1)], True)
    assert shown == {"off": 1, "error": 1, "missing": 1, "other": 1}


async def test_none_was_ever_made(desk: Desk) -> None:
    """Nobody asked for Subscriptions: nothing is missing, and nothing is looked for."""
    desk.server.subscriptions = [Standing("x", MISSING)]

    assert await patrolled(desk) == ([], False)
    assert counted("candor_subscriptions", status="missing") == 0


async def test_all_were_deleted(desk: Desk) -> None:
    """Where there were some, that none is left is told; changes are looked for no more."""
    await desk.store.received((), marks={MARK: 1})
    desk.server.subscriptions = [Standing("x", MISSING)]

    assert await patrolled(desk) == ([("missing", 1)], False)


async def test_a_server_that_does_not_tell(desk: Desk) -> None:
    """The patrol goes on; what was last known is shown no more."""
    metrics.subscriptions({"active": 3})
    desk.server.failure = TryLater("down")
    with structlog.testing.capture_logs() as logged:
        async with Patrol(desk.server, desk.store, 0.01).started():
            await asyncio.sleep(0.2)

    assert len(logged) > 1
    assert {each["event"] for each in logged} == {"subscriptions-unknown"}
    assert counted("candor_subscriptions", status="active") == 0
