"""Writing back, decided on a shelf of files: whose status it is, and what is unchanged."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina

from service.eligibility.results import Status
from service.hospital.local import LocalShelf
from service.hospital.results import person_status, write_back
from service.hospital.versions import VersionsThere
from service.screening.ports import Written
from tests.screenings import NOW, screening, study
from tests.shelf import Versions, everything, lines, parameters, put, set_status, subject

pytestmark = pytest.mark.anyio

PATIENT = "Patient/ho-001"
UNCHANGED = Written(done=False, why="unchanged")
LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_waiting() -> Any:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def shelf(tmp_path: Path) -> LocalShelf:
    """Give an empty shelf whose clock stands a little after the writes."""
    return LocalShelf(tmp_path, lambda: NOW)


async def test_the_first_write_makes_everything(shelf: LocalShelf) -> None:
    """A patient of whom nothing is known gets a study, a device, a subject, a result and a Provenance."""
    written = await write_back(shelf, screening(), now=NOW)

    kept = await everything(shelf)
    assert {kind: len(found) for kind, found in kept.items()} == dict.fromkeys(kept, 1)
    assert set(written.resources) == {f"{kind}/{found[0]['id']}" for kind, found in kept.items()}
    assert written.document["done"] is True
    assert kept["ResearchSubject"][0]["study"]["reference"] == f"ResearchStudy/{kept['ResearchStudy'][0]['id']}"


async def test_the_same_result_again_is_no_write(shelf: LocalShelf) -> None:
    """An unchanged result makes no new version of anything, on another day and under a renamed version of the rules."""
    await write_back(shelf, screening(), now=NOW)
    before = await everything(shelf)

    again = await write_back(shelf, screening(as_of=LATER.date()), now=LATER)

    assert again == UNCHANGED
    assert await everything(shelf) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "Observation/ho-001-mrss/_history/2"},
        {"rules": "sha256:cd34"},
        {"status": Status.INELIGIBLE},
    ],
    ids=["another version of a record", "other rules", "another status"],
)
async def test_a_change_is_written(shelf: LocalShelf, changed: dict[str, Any]) -> None:
    """Other evidence, other rules or another status are a change: same subject, same result, one more Provenance."""
    await write_back(shelf, screening(), now=NOW)

    written = await write_back(shelf, screening(**changed), now=LATER)

    kept = await everything(shelf)
    assert written.done
    assert [len(kept[kind]) for kind in ("ResearchSubject", "GuidanceResponse", "Provenance")] == [1, 1, 2]
    assert kept["GuidanceResponse"][0]["meta"]["versionId"] == "2"
    assert kept["ResearchSubject"][0]["status"] == changed.get("status", Status.POTENTIAL_CANDIDATE)


async def test_a_persons_status_stays(shelf: LocalShelf) -> None:
    """A status that differs from the one we wrote is a person's: kept, reported, our view beside it and as a flag."""
    await write_back(shelf, screening(), now=NOW)
    await set_status(shelf, "screening")

    flagged = await write_back(shelf, screening(), now=LATER)
    unchanged = await write_back(shelf, screening(), now=LATER)
    changed = await write_back(shelf, screening(Status.INELIGIBLE), now=LATER)

    assert flagged == Written(done=True, resources=("List/NCT06722105",), person_status="screening")
    assert unchanged == UNCHANGED._replace(person_status="screening")
    assert (changed.done, changed.person_status) == (True, "screening")
    assert not any(reference.startswith("ResearchSubject/") for reference in changed.resources)
    assert (await subject(shelf))["status"] == "screening"
    assert (await parameters(shelf))["status"] == "ineligible"
    assert [line["flag"]["coding"][0]["code"] for line in await lines(shelf)] == ["ineligible"]


async def test_a_person_who_says_what_we_said_later_stays_a_person(shelf: LocalShelf) -> None:
    """A status set by a person stays theirs when our own view comes to agree with it, and when it moves on again."""
    await write_back(shelf, screening(), now=NOW)
    await set_status(shelf, "ineligible")
    await write_back(shelf, screening(Status.INELIGIBLE), now=LATER)

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER + timedelta(1))

    assert written.person_status == "ineligible"
    assert (await subject(shelf))["status"] == "ineligible"


async def test_a_subject_that_we_never_wrote_is_a_persons(shelf: LocalShelf) -> None:
    """A subject made by others for this study, before our first result, gets no second one and keeps its status."""
    named = {"identifier": {"system": "https://clinicaltrials.gov", "value": "NCT06722105"}}
    theirs = {"resourceType": "ResearchSubject", "status": "potential-candidate", "individual": {"reference": PATIENT}}
    await put(shelf, theirs | {"study": named})

    written = await write_back(shelf, screening(Status.CANDIDATE), now=NOW)

    assert written.person_status == "potential-candidate"
    assert (await subject(shelf))["status"] == "potential-candidate"


async def test_a_subject_of_another_study_is_not_ours_to_see(shelf: LocalShelf) -> None:
    """Taking part in another study neither counts as this study's subject nor is touched."""
    other = {
        "resourceType": "ResearchSubject",
        "id": "other",
        "status": "on-study",
        "individual": {"reference": PATIENT},
    }
    await put(shelf, other | {"study": {"reference": "ResearchStudy/other"}})

    await write_back(shelf, screening(), now=NOW)

    statuses = {item["id"]: item["status"] for item in await shelf.find("ResearchSubject", [])}
    assert statuses == {"other": "on-study", "NCT06722105.ho-001": "potential-candidate"}


@pytest.mark.parametrize(
    ("recorded", "who", "persons"),
    [
        ("2026-11-23T02:00:00+00:00", {"display": "Dr A"}, True),
        ("2026-11-22T02:00:00+00:00", {"display": "Dr A"}, False),
        ("sometime", {"display": "Dr A"}, True),
        ("2026-11-23T02:00:00+00:00", {"identifier": {"system": "https://trial-screening.example/fhir/device"}}, False),
    ],
    ids=["newer", "older", "undated", "our own of another version"],
)
async def test_a_newer_provenance_of_somebody_else_makes_it_theirs(
    tmp_path: Path, recorded: str, who: dict[str, Any], *, persons: bool
) -> None:
    """The very status that we wrote is a person's once anyone else says, after us, that they set it."""
    days = [NOW]
    shelf = LocalShelf(tmp_path, lambda: days[0])
    await write_back(shelf, screening(), now=NOW)
    target = [{"reference": f"ResearchSubject/{(await subject(shelf))['id']}"}]
    provenance = {"resourceType": "Provenance", "target": target, "recorded": recorded, "agent": [{"who": who}]}
    days[0] = NOW - timedelta(days=1)  # the server took it before our write; its author's clock decides
    await put(shelf, provenance)

    expected = "potential-candidate" if persons else None

    assert await person_status(shelf, study(), PATIENT) == expected


async def test_a_version_in_our_store_is_ours(shelf: LocalShelf) -> None:
    """With the store that holds the version we wrote, the status is ours even when our result is gone."""
    versions = Versions()
    await write_back(shelf, screening(), now=NOW, versions=versions)
    [guidance] = await shelf.find("GuidanceResponse", [])
    await put(shelf, guidance | {"contained": []})

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER, versions=versions)

    assert versions.known == {f"ResearchSubject/NCT06722105.ho-001/_history/{version}" for version in (1, 2)}
    assert written.person_status is None
    assert (await subject(shelf))["status"] == "candidate"


async def test_a_version_that_is_not_in_our_store_may_still_be_ours(shelf: LocalShelf) -> None:
    """A store that was lost changes nothing: our result on the server says that we wrote the status."""
    await write_back(shelf, screening(), now=NOW, versions=Versions())

    written = await write_back(shelf, screening(Status.CANDIDATE), now=LATER, versions=Versions())

    assert written.person_status is None
    assert (await subject(shelf))["status"] == "candidate"


async def test_a_version_of_another_server_is_not_ours(tmp_path: Path) -> None:
    """Two servers may give the same id and version: what we wrote on the one does not make the other's status ours."""
    memory = Versions()
    one, other = (LocalShelf(tmp_path / name, lambda: NOW) for name in ("one", "other"))
    await write_back(one, screening(), now=NOW, versions=VersionsThere("https://one.example/r4", memory))
    [of] = await one.find("ResearchStudy", [])
    await put(other, of)
    theirs = await subject(one)
    await put(other, theirs | {"status": "withdrawn"})
    assert (await subject(other))["meta"]["versionId"] == theirs["meta"]["versionId"]

    there = VersionsThere("https://other.example/r4", memory)
    written = await write_back(other, screening(Status.CANDIDATE), now=LATER, versions=there)

    assert written.person_status == "withdrawn"


async def test_nothing_is_written_without_the_disease(shelf: LocalShelf) -> None:
    """Nothing at all is written about a patient without the disease on record who has no subject of this study."""
    written = await write_back(shelf, screening(Status.INELIGIBLE, without_disease=True), now=NOW)

    assert written.document == {"done": False, "why": "no-disease-on-record"}
    assert not any((await everything(shelf)).values())


async def test_a_subject_on_record_is_kept_up_without_the_disease(shelf: LocalShelf) -> None:
    """A patient who was written about before is written about when the disease is no longer on record."""
    await write_back(shelf, screening(), now=NOW)

    written = await write_back(shelf, screening(Status.INELIGIBLE, without_disease=True), now=LATER)

    assert written.done
    assert (await subject(shelf))["status"] == "ineligible"


async def test_who_drops_out_stays_on_the_list(shelf: LocalShelf) -> None:
    """Whoever was listed before stays, with the day of then; a status of ours needs no flag."""
    await write_back(shelf, screening(), now=NOW)
    before = await lines(shelf)

    written = await write_back(shelf, screening(Status.INELIGIBLE), now=LATER)

    assert await lines(shelf) == before
    assert not any(reference.startswith("List/") for reference in written.resources)


async def test_who_was_never_of_priority_is_not_listed(shelf: LocalShelf) -> None:
    """The lowest priority and the ineligible have a result, and no list is made for them."""
    await write_back(shelf, screening()._replace(priority=4), now=NOW)
    await write_back(shelf, screening(Status.INELIGIBLE, patient="Patient/ho-002"), now=NOW)

    assert len(await shelf.find("ResearchSubject", [])) == 2
    assert await shelf.find("List", []) == []


async def test_without_the_disease_the_list_is_not_touched_either(shelf: LocalShelf) -> None:
    """Nothing at all is written about a person without the disease on record who has no subject: no line, no list."""
    written = await write_back(shelf, screening(without_disease=True), now=NOW)

    assert written.document == {"done": False, "why": "no-disease-on-record"}
    assert {kind: len(found) for kind, found in (await everything(shelf)).items() if found} == {}
