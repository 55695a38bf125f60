"""Many writers at once on real FHIR servers: nothing is doubled, nothing of a person's is overwritten."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.results import write_back
from tests.servers.between import in_between
from tests.servers.written import (
    ABOUT_A_PATIENT,
    LIST,
    NOW,
    UNCHANGED,
    Overtaken,
    about,
    delete_subject,
    exclude,
    found,
    kinds,
    lines_of,
    load_chart,
    screen_and_post,
    screen_on,
    screened,
    set_status,
    subject_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

WRITERS = 20


async def clients(stack: AsyncExitStack, server: str, count: int) -> list[FhirClient]:
    """Return clients that know nothing of each other, as those of as many processes."""
    return [await stack.enter_async_context(FhirClient(Server(base=server))) for _ in range(count)]


async def test_twenty_writers_of_one_patient_leave_one_of_each(server: str) -> None:
    """Twenty writers race with the first result: one subject, one result, one Provenance, one list, one line in it."""
    patient = load_chart(server, "raced")
    async with AsyncExitStack() as stack:
        writers = await clients(stack, server, WRITERS)
        result = await screen_on(writers[0], patient)

        written = await asyncio.gather(*(write_back(HospitalShelf(each), result, now=NOW) for each in writers))

    assert any(one.done for one in written)
    assert {one.why for one in written if not one.done} <= {"unchanged"}
    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)
    assert len(found(server, "List", identifier=LIST)) == len(lines_of(server, patient)) == 1
    assert len(found(server, "ResearchStudy", identifier="NCT06722105")) == 1


async def test_twenty_patients_at_once_are_all_on_the_one_list(server: str) -> None:
    """Writers of different patients meet at the list alone: it has them all, and nobody else's line is lost."""
    patients = [load_chart(server, f"listed-{number}") for number in range(WRITERS)]
    before = [entry["item"] for each in found(server, "List", identifier=LIST) for entry in each["entry"]]
    async with AsyncExitStack() as stack:
        shelves = [HospitalShelf(each) for each in await clients(stack, server, 4)]
        one = await screen_on((await clients(stack, server, 1))[0], patients[0])
        results = [one._replace(patient=patient) for patient in patients]

        await asyncio.gather(
            *(write_back(shelves[at % 4], result, now=NOW, as_text=True) for at, result in enumerate(results))
        )

    [listed] = found(server, "List", identifier=LIST)
    items = [entry["item"] for entry in listed["entry"]]
    assert len(items) == len(before) + WRITERS
    assert all(item in items for item in before)
    assert [len(lines_of(server, patient)) for patient in patients] == [1] * WRITERS


async def test_a_person_who_writes_between_our_read_and_our_write_wins(server: str) -> None:
    """The write over a version that is not the one read is refused, read again and decided anew: theirs stays."""
    patient = load_chart(server, "overtaken")
    async with FhirClient(Server(base=server)) as client:
        await screen_and_post(client, patient)
        exclude(server, patient)

        shelf = Overtaken(client, partial(set_status, server, patient, "on-study"))
        written = await write_back(shelf, await screen_on(client, patient), now=NOW)

    [line] = lines_of(server, patient)
    assert written.person_status == "on-study"
    assert subject_of(server, patient)["status"] == "on-study"
    assert line["flag"]["coding"][0]["code"] == "ineligible"
    assert kinds(about(server, patient)) == [*ABOUT_A_PATIENT, "Provenance"]


async def test_what_a_person_deletes_between_our_read_and_our_write_is_decided_anew(medplum: str) -> None:
    """A subject that is gone when we write is made again, once, and nothing is left half done; HAPI lets none go."""
    patient = load_chart(medplum, "deleted")
    async with FhirClient(Server(base=medplum)) as client:
        await screen_and_post(client, patient)
        exclude(medplum, patient)
        shelf = Overtaken(client, partial(delete_subject, medplum, patient))
        result = await screen_on(client, patient)

        written = await write_back(shelf, result, now=NOW)
        again = await write_back(shelf, result, now=NOW)

    assert written.done
    assert again.document == UNCHANGED
    assert subject_of(medplum, patient)["status"] == result.status
    assert kinds(about(medplum, patient)) == [*ABOUT_A_PATIENT, "Provenance"]
    assert shelf.takes_transactions


async def test_processes_that_race_leave_one_of_each(server: str, tmp_path: Path) -> None:
    """Several processes that screen one patient at once write one result between them, and say who did."""
    patient = load_chart(server, "processes")

    results = await asyncio.gather(*(screened(server, patient, tmp_path / str(at)) for at in range(4)))

    written = [one["written"] for one in results]
    assert any(one["done"] for one in written)
    assert all(one["done"] or one == UNCHANGED for one in written)
    assert {one["person_status"] for one in results} == {None}
    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)
    assert len(found(server, "List", identifier=LIST)) == len(lines_of(server, patient)) == 1


async def test_a_person_wins_against_two_processes(server: str, tmp_path: Path) -> None:
    """A status set after two processes have read and before either writes stays, and both report it."""
    patient = load_chart(server, "two-processes")
    await screened(server, patient, tmp_path / "first")
    exclude(server, patient)

    def decide() -> None:
        set_status(server, patient, "withdrawn")

    with in_between(server, 2, decide) as base:
        results = await asyncio.gather(*(screened(base, patient, tmp_path / str(at)) for at in range(2)))

    [line] = lines_of(server, patient)
    assert [one["person_status"] for one in results] == ["withdrawn", "withdrawn"]
    assert [one["status"] for one in results] == ["ineligible", "ineligible"]
    assert subject_of(server, patient)["status"] == "withdrawn"
    assert line["flag"]["coding"][0]["code"] == "ineligible"
