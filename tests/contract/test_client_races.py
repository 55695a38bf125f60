"""Writing back when others write too, or the server does not take everything."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
import stamina

from service.eligibility.results import Status
from service.errors import Never, TryLater
from service.hospital.local import LocalShelf
from service.hospital.ports import Kept
from service.hospital.refusals import Refused
from service.hospital.results import write_back
from service.screening.ports import Written
from tests.screenings import NOW, screening
from tests.shelf import Versions, everything, parameters, put, subject

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)
ONLY_LISTED = Written(done=True, resources=("List/NCT06722105",))


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


class Racing(LocalShelf):
    """A shelf on which somebody else is first, ``times`` times."""

    def __init__(self, folder: Path, times: int, status: str | None = None) -> None:
        """``status`` is what the other one sets; without it they write our very first transaction."""
        super().__init__(folder, lambda: NOW)
        self.times, self.status = times, status

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Let the other one write, then try."""
        if self.times > 0:
            self.times -= 1
            if self.status is None:
                await LocalShelf.commit(self, transaction)
            else:
                other = await subject(self) | {"status": self.status}
                request = {"method": "PUT", "url": f"ResearchSubject/{other['id']}"}
                await LocalShelf.commit(self, {"entry": [{"resource": other, "request": request}]})
        return await super().commit(transaction)


async def test_a_person_who_writes_between_our_read_and_our_write_wins(tmp_path: Path) -> None:
    """A status set after we read and before we write stays: the write is refused, read again and decided anew."""
    shelf = Racing(tmp_path, 0, "on-study")
    await write_back(shelf, screening(), now=NOW)
    shelf.times = 1

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert written.person_status == "on-study"
    assert (await subject(shelf))["status"] == "on-study"


async def test_another_writer_with_the_same_result_doubles_nothing(tmp_path: Path) -> None:
    """When the same first write was just made by somebody else, there is one subject and one result all the same."""
    shelf = Racing(tmp_path, 1)

    written = await write_back(shelf, screening(), now=NOW)

    assert written == ONLY_LISTED
    assert {kind: len(found) for kind, found in (await everything(shelf)).items() if len(found) != 1} == {}


class Slow(LocalShelf):
    """A shelf on which every writer has read before the first one writes."""

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Let everybody else go first."""
        await anyio.sleep(0.01)
        return await super().commit(transaction)


async def test_writers_of_one_process_take_turns(tmp_path: Path) -> None:
    """Of many writers at the same time one writes, and the others find its result and write nothing."""
    shelf = Slow(tmp_path, lambda: NOW)

    written = await asyncio.gather(*(write_back(shelf, screening(), now=NOW) for _ in range(5)))

    assert [one.done for one in written] == [True, False, False, False, False]
    assert {kind: len(found) for kind, found in (await everything(shelf)).items() if len(found) != 1} == {}


class Torn(LocalShelf):
    """A shelf on which another process writes between our search of subjects and that of results."""

    raced = False

    async def find(self, kind: str, params: Any) -> list[dict[str, Any]]:
        """Let the other one write before the first search of results, when subjects have been searched."""
        if kind == "GuidanceResponse" and not self.raced:
            self.raced = True
            await write_back(LocalShelf(self._folder, lambda: NOW), screening(), now=NOW)
        return await super().find(kind, params)


async def test_what_is_written_between_two_searches_is_seen_whole(tmp_path: Path) -> None:
    """A result whose subject the search just missed is looked for again: it is unchanged, with no new version."""
    shelf = Torn(tmp_path, lambda: NOW)

    written = await write_back(shelf, screening(), now=LATER)

    assert not written.done
    [guidance] = await shelf.find("GuidanceResponse", [])
    assert guidance["meta"]["versionId"] == "1"
    assert len(await shelf.find("Provenance", [])) == 1


class HalfFirst(LocalShelf):
    """A shelf on which somebody else makes the result alone, and we make the subject."""

    raced = False

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Let the other one write all but the subject and the Provenance."""
        if not self.raced:
            self.raced = True
            kinds = {"ResearchStudy", "Device", "GuidanceResponse"}
            some = [entry for entry in transaction["entry"] if entry["resource"]["resourceType"] in kinds]
            await super().commit({"entry": some})
        return await super().commit(transaction)


async def test_who_wrote_a_part_keeps_the_provenance(tmp_path: Path) -> None:
    """A writer who lost the result but made the subject leaves its Provenance, the only one that tells of it."""
    shelf = HalfFirst(tmp_path, lambda: NOW)

    await write_back(shelf, screening(), now=NOW)

    [provenance] = await shelf.find("Provenance", [])
    assert provenance["target"][0]["reference"] == f"ResearchSubject/{(await subject(shelf))['id']}"


class Undeletable(Racing):
    """A racing shelf that lets nobody delete."""

    async def remove(self, reference: str) -> None:  # noqa: ARG002 - the port's signature
        """Refuse."""
        raise Refused("the server refused the deletion.", 405)


async def test_a_provenance_that_may_not_be_deleted_stays(tmp_path: Path) -> None:
    """Where the server lets nobody delete, the race ends as well, with one Provenance too many."""
    shelf = Undeletable(tmp_path, 1)

    assert await write_back(shelf, screening(), now=NOW) == ONLY_LISTED
    assert len(await shelf.find("Provenance", [])) == 2


async def test_always_second_is_tried_later(tmp_path: Path) -> None:
    """When other writers are first every time, the write is given up for now, with nothing half-written."""
    shelf = Racing(tmp_path, 0, "on-study")
    await write_back(shelf, screening(), now=NOW)
    versions = Versions()
    versions.known = {f"ResearchSubject/NCT06722105.ho-001/_history/{number}" for number in range(1, 99)}
    shelf.times = 99

    with pytest.raises(TryLater, match="Other writers"):
        await write_back(shelf, screening(Status.CANDIDATE), now=LATER, versions=versions)

    assert (await parameters(shelf))["status"] == "potential-candidate"


class Elsewhere(LocalShelf):
    """A shelf of a server that does not hold the patient."""

    async def holds(self, reference: str) -> bool:  # noqa: ARG002 - the port's signature
        """Hold nobody."""
        return False


async def test_a_patient_unknown_to_the_server_is_not_written_about(tmp_path: Path) -> None:
    """On a server that does not hold the patient nothing is written, and the answer says so."""
    written = await write_back(Elsewhere(tmp_path), screening(), now=NOW)

    assert written.document == {"done": False, "why": "patient-not-on-write-server"}


class Versionless(LocalShelf):
    """A shelf that tells no versions."""

    async def find(self, kind: str, params: Any) -> list[dict[str, Any]]:
        """Leave the meta out."""
        return [resource | {"meta": {}} for resource in await super().find(kind, params)]


async def test_nothing_is_written_over_without_its_version(tmp_path: Path) -> None:
    """Where the server tells no versions, a change cannot be made safely and is refused."""
    await write_back(LocalShelf(tmp_path), screening(), now=NOW)

    with pytest.raises(Never, match="no version"):
        await write_back(Versionless(tmp_path), screening(Status.CANDIDATE), now=LATER)


async def test_of_several_subjects_a_persons_counts(tmp_path: Path) -> None:
    """Where somebody doubled the subject, the one that a person set decides, and neither is written."""
    shelf = LocalShelf(tmp_path)
    await write_back(shelf, screening(), now=NOW)
    theirs = await subject(shelf) | {"status": "on-study"}
    await put(shelf, {name: value for name, value in theirs.items() if name not in {"id", "identifier"}})

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    subjects = await shelf.find("ResearchSubject", [])
    assert written.person_status == "on-study"
    assert sorted(one["status"] for one in subjects) == ["on-study", "potential-candidate"]
