"""Real servers that lack something: what is written there all the same, where the rest is kept, and what is said."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from service.errors import Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.kept_here import KeptHere
from service.hospital.local import LocalShelf
from service.hospital.ports import Kept, Shelf
from service.hospital.results import write_back
from tests.servers.fixtures import started_medplum
from tests.servers.written import (
    ABOUT_A_PATIENT,
    LIST,
    NOW,
    UNCHANGED,
    Json,
    Overtaken,
    about,
    exclude,
    found,
    kinds,
    lines_of,
    load_chart,
    screen_on,
    set_status,
    subject_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LATER = NOW + timedelta(days=1)


@asynccontextmanager
async def shelf_on(server: str, *without: str) -> AsyncIterator[tuple[FhirClient, Shelf]]:
    """Give a client of a server, and the shelf on it."""
    async with FhirClient(Server(base=server)) as client:
        yield client, HospitalShelf(client, without)


@pytest.fixture(scope="module")
def batching() -> Iterator[str]:
    """Give a server that takes a transaction for a batch."""
    with started_medplum("--no-transactions") as base:
        yield base


async def test_without_lists_the_result_is_written() -> None:
    """A server that takes no List gets everything else, and the same result again is unchanged."""
    with started_medplum("--without=List") as server:
        patient = load_chart(server, "no-list")
        async with shelf_on(server) as (client, shelf):
            result = await screen_on(client, patient)
            first = await write_back(shelf, result, now=NOW)
            second = await write_back(shelf, result, now=NOW)

        assert first.done
        assert second.document == UNCHANGED
        assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)


async def test_without_guidance_responses_the_result_is_kept_here(tmp_path: Path) -> None:
    """With the result in a folder here, a change and a person's status are known as elsewhere."""
    with started_medplum("--without=GuidanceResponse") as server:
        patient = load_chart(server, "no-guidance")
        async with shelf_on(server) as (client, on_server):
            here = LocalShelf(tmp_path)
            shelf = KeptHere(on_server, here, {"GuidanceResponse"})
            first = await write_back(shelf, await screen_on(client, patient), now=NOW)
            unchanged = await write_back(shelf, await screen_on(client, patient), now=NOW)
            exclude(server, patient)
            changed = await write_back(shelf, await screen_on(client, patient), now=NOW)
            status = subject_of(server, patient)["status"]
            set_status(server, patient, "on-study")
            persons = await write_back(shelf, await screen_on(client, patient), now=NOW)

        [provenance, _] = found(server, "Provenance")
        assert first.done
        assert changed.done
        assert unchanged.document == UNCHANGED
        assert status == "ineligible"
        assert (persons.person_status, subject_of(server, patient)["status"]) == ("on-study", "on-study")
        assert len(await here.find("GuidanceResponse", [])) == 1
        assert [each["reference"].partition("/")[0] for each in provenance["target"]] == ["ResearchSubject"]


async def test_without_research_subjects_the_result_and_the_list_tell() -> None:
    """With that set, the status stands in the result, and the list names the patient with our view as a flag."""
    with started_medplum("--without=ResearchSubject") as server:
        patient = load_chart(server, "no-subject")
        async with shelf_on(server, "ResearchSubject") as (client, shelf):
            first = await write_back(shelf, await screen_on(client, patient), now=NOW)
            unchanged = await write_back(shelf, await screen_on(client, patient), now=NOW)
            [listed] = found(server, "List", identifier=LIST)
            exclude(server, patient)
            changed = await write_back(shelf, await screen_on(client, patient), now=NOW)

        [line] = found(server, "List", identifier=LIST)[0]["entry"]
        assert kinds(found(server, "GuidanceResponse", subject=patient)) == ["GuidanceResponse"]
        assert (first.done, changed.done) == (True, True)
        assert unchanged.document == UNCHANGED
        assert listed["entry"][0]["item"] == {"reference": patient}
        assert listed["entry"][0]["flag"]["coding"][0]["code"] == "candidate"
        assert line == listed["entry"][0] | {"flag": line["flag"]}
        assert line["flag"]["coding"][0]["code"] == "ineligible"


async def test_without_research_subjects_nothing_is_guessed() -> None:
    """Where nobody has set it, a server without ResearchSubject is refused, and nothing is written."""
    with started_medplum("--without=ResearchSubject") as server:
        patient = load_chart(server, "not-set")
        async with shelf_on(server) as (client, shelf):
            result = await screen_on(client, patient)
            with pytest.raises(Never, match="ResearchSubject"):
                await write_back(shelf, result, now=NOW)

        assert found(server, "GuidanceResponse") == []


@pytest.mark.parametrize("declares", [True, False], ids=["says it takes them", "says it takes none"])
async def test_a_server_that_takes_transactions_for_batches_gets_single_writes(batching: str, declares: bool) -> None:
    """What was half done is taken back, a person's status stays, and then it is written singly, whole."""
    patient = load_chart(batching, f"batch-{declares}".lower())
    async with FhirClient(Server(base=batching)) as client:
        if declares:
            told = await client.capabilities()
            client.habits.capabilities = told._replace(interactions=told.interactions | {"transaction"})
        await write_back(HospitalShelf(client), await screen_on(client, patient), now=NOW)
        exclude(batching, patient)
        overtaken = Overtaken(client, partial(set_status, batching, patient, "on-study"))

        written = await write_back(overtaken, await screen_on(client, patient), now=LATER)
        again = await write_back(overtaken, await screen_on(client, patient), now=LATER)

    assert written.person_status == "on-study"
    assert again.document == UNCHANGED
    assert subject_of(batching, patient)["status"] == "on-study"
    assert kinds(about(batching, patient)) == [*ABOUT_A_PATIENT, "Provenance"]


async def test_a_status_of_ours_stays_ours_where_a_single_write_breaks_off(batching: str) -> None:
    """Between the result and the subject of single writes, what the subject holds is known to be ours."""
    patient = load_chart(batching, "broken-off")

    class BrokenOff(HospitalShelf):
        async def _write(self, entry: Json) -> Kept:
            if entry["resource"]["resourceType"] == "ResearchSubject":
                raise TryLater("the cable was pulled.")
            return await super()._write(entry)

    async with FhirClient(Server(base=batching)) as client:
        await write_back(HospitalShelf(client), await screen_on(client, patient), now=NOW)
        exclude(batching, patient)
        broken, whole = BrokenOff(client), HospitalShelf(client)
        broken.takes_transactions = whole.takes_transactions = False
        result = await screen_on(client, patient)
        with pytest.raises(TryLater):
            await write_back(broken, result, now=NOW)
        between = subject_of(batching, patient)["status"]

        written = await write_back(whole, result, now=NOW)

    assert between == "candidate"
    assert (written.done, written.person_status) == (True, None)
    assert subject_of(batching, patient)["status"] == "ineligible"


async def test_writers_race_without_transactions_too(batching: str) -> None:
    """Single writes of many writers at once leave one subject, one result and one list, and the status stays ours."""
    patient = load_chart(batching, "raced-singly")
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(FhirClient(Server(base=batching))) for _ in range(10)]
        result = await screen_on(writers[0], patient)

        await asyncio.gather(*(write_back(HospitalShelf(each), result, now=NOW) for each in writers))
        again = await write_back(HospitalShelf(writers[0]), result, now=NOW)

    assert again.document == UNCHANGED
    assert again.person_status is None
    assert kinds(about(batching, patient))[:2] == ["ResearchSubject", "GuidanceResponse"]
    assert len(lines_of(batching, patient)) == len(found(batching, "List", identifier=LIST)) == 1


async def test_writers_of_a_change_race_without_transactions_too(batching: str) -> None:
    """Many writers of a changed status take none of each other's steps for a person's."""
    patient = load_chart(batching, "changed-singly")
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(FhirClient(Server(base=batching))) for _ in range(10)]
        await write_back(HospitalShelf(writers[0]), await screen_on(writers[0], patient), now=NOW)
        exclude(batching, patient)
        result = await screen_on(writers[0], patient)

        written = await asyncio.gather(*(write_back(HospitalShelf(each), result, now=NOW) for each in writers))

    assert {each.person_status for each in written} == {None}
    assert subject_of(batching, patient)["status"] == "ineligible"
