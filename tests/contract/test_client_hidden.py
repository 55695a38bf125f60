"""Writing back where the server holds what a search by patient does not show."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina

from service.eligibility.results import Status
from service.errors import Never
from service.fhir.whose_status import is_about
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.local import LocalShelf
from service.hospital.ports import Kept
from service.hospital.refusals import Conflict
from service.hospital.results import write_back
from tests.screenings import NOW, screening, study
from tests.shelf import everything, put, subject

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


class Withholding(LocalShelf):
    """A shelf whose searches by some parameters find nothing of some types."""

    def __init__(self, folder: Path, *hidden: tuple[str, str]) -> None:
        """``hidden`` are resource types and search parameters."""
        super().__init__(folder, lambda: NOW)
        self.hidden, self.written = hidden, 0

    async def find(self, kind: str, params: Any) -> list[dict[str, Any]]:
        """Find nothing of what is hidden."""
        return [] if any((kind, name) in self.hidden for name, _ in params) else await super().find(kind, params)

    async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
        """Count what is written."""
        self.written += 1
        return await super().commit(transaction)


@pytest.mark.parametrize("guidance", [True, False], ids=["with our result", "without"])
@pytest.mark.parametrize(
    "changed",
    [
        {"individual": {"reference": "Patient/survivor"}},
        {"individual": None},
        {"study": {"reference": "ResearchStudy/other"}},
        {"study": None},
    ],
    ids=["another patient", "no patient", "another study", "no study"],
)
async def test_a_subject_of_ours_that_somebody_else_has_now(
    tmp_path: Path, changed: dict[str, Any], *, guidance: bool
) -> None:
    """A subject with our identifier that was given to another patient or study is told at once, and nothing written."""
    shelf = LocalShelf(tmp_path, lambda: NOW)
    await write_back(shelf, screening(), now=NOW)
    await put(shelf, await subject(shelf) | changed)
    if not guidance:
        [result] = await shelf.find("GuidanceResponse", [])
        await shelf.remove(f"GuidanceResponse/{result['id']}")
    before = await everything(shelf)

    with pytest.raises(Never, match="does not name this patient and study"):
        await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert await everything(shelf) == before


async def test_a_subject_that_the_search_by_patient_misses(tmp_path: Path) -> None:
    """Our subject is found by its identifier where the search by patient misses it, as with absolute references."""
    await write_back(LocalShelf(tmp_path, lambda: NOW), screening(), now=NOW)
    shelf = Withholding(tmp_path, ("ResearchSubject", "individual"))

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert (written.done, written.person_status) == (True, None)
    assert (await subject(shelf))["status"] == "candidate"


OWN, INSIDE, OTHER = "https://fhir.hospital.example/r4", "https://inside:8080/fhir", "https://other.example/fhir"


@pytest.mark.parametrize(
    ("study_at", "patient_at", "counts"),
    [
        ("", "", True),
        (OWN, "", True),
        ("", OWN, True),
        ("", INSIDE, True),
        (INSIDE, INSIDE, True),  # behind a gateway a server may call itself by another address
        (OTHER, "", False),
        (OTHER, OWN, False),
        (OTHER, INSIDE, False),
    ],
)
def test_a_study_of_another_server_is_another(study_at: str, patient_at: str, counts: bool) -> None:
    """The same id at another address is another study, unless the server calls itself by that address."""
    theirs = {
        "study": {"reference": f"{study_at}/ResearchStudy/7".removeprefix("/")},
        "individual": {"reference": f"{patient_at}/Patient/1".removeprefix("/")},
    }
    own = HospitalShelf(FhirClient(Server(base=OWN))).own

    assert is_about(theirs, study(), {"ResearchStudy/7"}, own) is counts


@pytest.mark.parametrize("kind", ["ResearchSubject", "GuidanceResponse", "List"])
async def test_what_no_search_shows_ends_soon(tmp_path: Path, kind: str) -> None:
    """What the server says is there and never shows is an error that stays, after few tries and not twenty."""
    await write_back(LocalShelf(tmp_path, lambda: NOW), screening(patient="Patient/other"), now=NOW)
    await write_back(LocalShelf(tmp_path, lambda: NOW), screening(), now=NOW)

    class Hiding(Withholding):
        """One that looks itself before it makes something."""

        async def commit(self, transaction: dict[str, Any]) -> list[Kept]:
            self.written += 1
            return await LocalShelf(tmp_path, lambda: NOW).commit(transaction)

    shelf = Hiding(tmp_path, (kind, "individual"), (kind, "identifier"))

    with pytest.raises(Never, match=f"makes no {kind} because one with our identifier is there"):
        await write_back(shelf, screening(Status.CANDIDATE), now=LATER)

    assert shelf.written <= 4


async def test_several_of_which_none_is_shown(tmp_path: Path) -> None:
    """A server that refuses to make what it has several of (412) is told of, too."""

    class Several(Withholding):
        """Makes no subject."""

        async def commit(self, transaction: dict[str, Any]) -> list[Kept]:  # noqa: ARG002 - the port's signature
            self.written += 1
            raise Conflict("several match.", 412)

    shelf = Several(tmp_path)

    with pytest.raises(Never, match="or several are"):
        await write_back(shelf, screening(), now=NOW)

    assert shelf.written == 3
