"""Putting people on the screening list, when others put theirs."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina

from service.eligibility.results import Status
from service.errors import TryLater
from service.fhir.write import Known
from service.fhir.write_list import write_list
from service.hospital.local import LocalShelf
from service.hospital.ports import Kept
from service.hospital.screening_list import find_list, put_on_list
from tests.screenings import NOW, screening, study

pytestmark = pytest.mark.anyio

NOTHING = Known()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


class Racing(LocalShelf):
    """A shelf on which another process lists somebody between our read and our write, ``times`` times."""

    def __init__(self, folder: Path, times: int = 0) -> None:
        super().__init__(folder, lambda: NOW)
        self.times = times

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Let the other one write, then try."""
        if self.times > 0:
            self.times -= 1
            known = Known(listing=await find_list(self, study()))
            theirs = write_list(screening(), known, f"ResearchSubject/other-{self.times}", NOW)
            assert theirs is not None
            await LocalShelf.commit(self, theirs)
        return await super().commit(transaction)


async def put(shelf: LocalShelf, item: str, known: Known = NOTHING, **changed: Any) -> tuple[str, ...]:
    """List one subject."""
    return await put_on_list(shelf, screening(**changed), known, f"ResearchSubject/{item}", NOW + timedelta(days=1))


async def items(shelf: LocalShelf) -> list[str]:
    """Return whom the one list holds."""
    [found] = await shelf.find("List", [])
    return [entry["item"]["reference"].partition("/")[2] for entry in found["entry"]]


async def test_the_first_listed_makes_the_list(tmp_path: Path) -> None:
    """The list is made with the first person on it, and what it refers to."""
    shelf = Racing(tmp_path)

    written = await put(shelf, "s1")

    assert [reference.partition("/")[0] for reference in written] == ["Device", "ResearchStudy", "List"]
    assert await items(shelf) == ["s1"]


async def test_a_right_list_is_not_even_read(tmp_path: Path) -> None:
    """What the list says already is not sent, nor is one read again that need not change."""
    shelf = Racing(tmp_path)
    await put(shelf, "s1")
    known = Known(listing=await find_list(shelf, study()))

    class Unread(LocalShelf):
        async def find(self, kind: str, params: Any) -> list[dict[str, Any]]:
            raise AssertionError(kind, params)

    unread = Unread(tmp_path)

    assert await put(unread, "s1", known) == ()
    assert await put(unread, "s2", known, status=Status.INELIGIBLE) == ()


@pytest.mark.parametrize("there", [False, True], ids=["first list", "later list"])
async def test_who_loses_the_race_reads_again(tmp_path: Path, *, there: bool) -> None:
    """A list that another process makes or changes between our read and our write keeps both people."""
    shelf = Racing(tmp_path)
    if there:
        await put(shelf, "s1")
    shelf.times = 2

    await put(shelf, "s2")

    assert sorted(await items(shelf)) == ["other-0", "other-1", *(["s1"] if there else []), "s2"]


async def test_many_patients_at_once_are_all_listed(tmp_path: Path) -> None:
    """Patients written at the same moment take turns at the list: one list with all of them, one write each."""
    shelf = Racing(tmp_path)

    await asyncio.gather(*(put(shelf, f"s{number}") for number in range(20)))

    [found] = await shelf.find("List", [])
    assert len(found["entry"]) == 20
    assert found["meta"]["versionId"] == "20"


async def test_always_second_is_tried_later(tmp_path: Path) -> None:
    """When others are first every time, the list is given up for now."""
    with pytest.raises(TryLater, match="Other writers"):
        await put(Racing(tmp_path, 99), "s1")
