"""Writing back where a server holds what is not as FHIR has it, or what other tools have made in their own way."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina

from service.eligibility.results import Status
from service.errors import Never
from service.fhir.write import encode
from service.hospital.commit import one_by_one
from service.hospital.local import LocalShelf
from service.hospital.ports import Kept
from service.hospital.results import write_back
from tests.screenings import NOW, screening
from tests.shelf import Versions, lines, put, set_status, subject

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)
PARAMETERS = {"resourceType": "Parameters", "id": "result"}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture
async def shelf(tmp_path: Path) -> LocalShelf:
    """Give a shelf with a first result."""
    shelf = LocalShelf(tmp_path, lambda: NOW)
    await write_back(shelf, screening(), now=NOW)
    return shelf


async def hold(folder: Path, kind: str, changes: dict[str, Any]) -> None:
    """Change elements of the one resource of a type, as nothing but a file allows."""
    [file] = (folder / kind).glob("*.json")
    [there] = await LocalShelf(folder).find(kind, [])
    file.write_bytes(encode(there | changes))


ODD: list[tuple[str, dict[str, Any], str | None]] = [
    ("GuidanceResponse", {"contained": None}, "potential-candidate"),
    ("GuidanceResponse", {"contained": [PARAMETERS | {"parameter": [{"valueCode": "x"}]}]}, "potential-candidate"),
    (
        "GuidanceResponse",
        {"contained": [PARAMETERS | {"parameter": [{"name": "status"}, {"name": "rules", "valueInteger": 1}]}]},
        "potential-candidate",
    ),
    ("ResearchSubject", {"status": " On-study "}, "on-study"),
    ("ResearchSubject", {"status": None}, "unknown"),
    ("ResearchSubject", {"status": ["withdrawn"]}, "unknown"),
    ("Provenance", {"agent": [{"who": None}]}, "potential-candidate"),
    ("Provenance", {"meta": None}, None),
    ("List", {"entry": None}, None),
    ("List", {"entry": [None, {"item": None}, {"item": {"reference": 1}, "flag": []}]}, None),
]


@pytest.mark.parametrize(("kind", "changes", "persons"), ODD)
async def test_odd_resources_are_no_bug(
    shelf: LocalShelf, tmp_path: Path, kind: str, changes: dict[str, Any], persons: str | None
) -> None:
    """What is not as FHIR has it says nothing for us, in doubt the status is a person's, and the write goes on."""
    await hold(tmp_path, kind, changes)

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert (written.done, written.person_status) == (True, persons)


@pytest.mark.parametrize("kind", ["ResearchSubject", "GuidanceResponse", "List"])
async def test_what_a_server_gives_in_part_is_not_written_over(shelf: LocalShelf, tmp_path: Path, kind: str) -> None:
    """A resource that is tagged SUBSETTED lacks elements: to write it back would delete them."""
    [there] = await shelf.find(kind, [])
    code = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    await hold(tmp_path, kind, {"meta": there["meta"] | {"tag": [code]}})
    second = {"patient": "Patient/ho-002"} if kind == "List" else {}

    with pytest.raises(Never, match=f"{kind} in part"):
        await write_back(shelf, screening(Status.CANDIDATE, **second), now=LATER)


async def test_a_list_that_another_tool_has_changed_stops_nobody(shelf: LocalShelf) -> None:
    """A line with elements that R4 does not know is left as it is, and others are listed beside it."""
    [listed] = await shelf.find("List", [])
    theirs = {"date": "2026-11-20", "item": {"display": "somebody"}, "extra": "theirs"}
    await put(shelf, listed | {"entry": [*listed["entry"], theirs], "mood": 1})

    await write_back(shelf, screening(patient="Patient/ho-002"), now=LATER)

    assert (len(await lines(shelf)), theirs in await lines(shelf)) == (3, True)


async def test_a_subject_that_another_tool_has_changed_keeps_its_elements(shelf: LocalShelf) -> None:
    """An element of R5 in our subject stays, and stops no change of the status."""
    await put(shelf, await subject(shelf) | {"progress": [{"actual": "theirs"}]})

    await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert (await subject(shelf))["progress"] == [{"actual": "theirs"}]
    assert (await subject(shelf))["status"] == "candidate"


class Singly(LocalShelf):
    """A shelf without transactions, to which the cable may break before the subject."""

    def __init__(self, folder: Path) -> None:
        """Begin whole; the clock stands at ``now``."""
        super().__init__(folder, lambda: self.now)
        self.broken, self.now = False, NOW

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Write one after the other."""
        return await one_by_one(transaction["entry"], self._one)

    async def _one(self, entry: dict[str, Any]) -> Kept:
        if self.broken and entry["resource"]["resourceType"] == "ResearchSubject":
            raise ConnectionError
        [kept] = await super().commit({"entry": [entry]})
        return kept


async def write(shelf: Singly, status: Status, now: datetime, versions: Versions | None = None) -> str | None:
    """Write a result back; return the status of a person that it told."""
    shelf.now = now
    return (await write_back(shelf, screening(status), now=now, versions=versions)).person_status


@pytest.mark.parametrize("versions", [None, Versions()], ids=["without a store", "with one"])
async def test_a_person_who_says_what_a_broken_write_was_to_say(tmp_path: Path, versions: Versions | None) -> None:
    """After a write that broke off before the subject, a person's status stays though it is what was to come."""
    shelf = Singly(tmp_path)
    await write(shelf, Status.POTENTIAL_CANDIDATE, NOW, versions)
    shelf.broken = True
    with pytest.raises(ConnectionError):
        await write(shelf, Status.INELIGIBLE, LATER, versions)
    shelf.broken = False
    await set_status(shelf, "ineligible")

    assert await write(shelf, Status.CANDIDATE, LATER + timedelta(days=1), versions) == "ineligible"
    assert (await subject(shelf))["status"] == "ineligible"


@pytest.mark.parametrize("versions", [None, Versions()], ids=["without a store", "with one"])
async def test_a_status_of_ours_that_replaced_another_is_ours(tmp_path: Path, versions: Versions | None) -> None:
    """A status that we changed, and one whose change broke off, may be changed by us again."""
    shelf = Singly(tmp_path)
    await write(shelf, Status.POTENTIAL_CANDIDATE, NOW, versions)

    assert await write(shelf, Status.INELIGIBLE, LATER, versions) is None
    shelf.broken = True
    with pytest.raises(ConnectionError):
        await write(shelf, Status.CANDIDATE, LATER + timedelta(days=1), versions)
    shelf.broken = False
    assert await write(shelf, Status.CANDIDATE, LATER + timedelta(days=2), versions) is None
    assert await write(shelf, Status.INELIGIBLE, LATER + timedelta(days=3), versions) is None
    assert (await subject(shelf))["status"] == "ineligible"


async def test_a_person_who_is_first_within_a_write_leaves_none_half_done(tmp_path: Path) -> None:
    """Where somebody set a status after a write broke off, it is written whole, once; after a whole one nothing is."""
    shelf = Singly(tmp_path)
    await write(shelf, Status.POTENTIAL_CANDIDATE, NOW)
    shelf.broken = True
    with pytest.raises(ConnectionError):
        await write(shelf, Status.INELIGIBLE, LATER)
    shelf.broken = False
    await set_status(shelf, "on-study")

    for days in (1, 2):
        assert await write(shelf, Status.INELIGIBLE, LATER + timedelta(days=days)) == "on-study"

    [guidance] = await shelf.find("GuidanceResponse", [])
    assert guidance["meta"]["versionId"] == "3"
    assert len(await shelf.find("Provenance", [])) == 2


async def test_a_status_that_a_person_sets_after_a_whole_write_changes_no_result(tmp_path: Path) -> None:
    """Our result stands as it was written; what is new is the flag in the list alone."""
    shelf = Singly(tmp_path)
    await write(shelf, Status.POTENTIAL_CANDIDATE, NOW)
    await write(shelf, Status.CANDIDATE, LATER)
    await set_status(shelf, "on-study")

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER + timedelta(days=1))

    assert [one.partition("/")[0] for one in written.resources] == ["List"]
