"""The screening list: who is on it, what it says of whom, and when it is left alone."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service import __version__
from service.eligibility.results import Screening, Status
from service.fhir.write import Known, encode
from service.fhir.write_list import write_list
from tests.screenings import NOW, screening

GOLDEN = Path(__file__).parents[2] / "golden/screening_list.json"
VIEW = "https://fhir.miracum.org/uc1/CodeSystem/system-determined-subject-status"
LATER = NOW + timedelta(days=1)
HERE = Known(study="ResearchStudy/1", device="Device/1")
PERSONS = HERE._replace(person_status="screening")


def listing(*entries: dict[str, Any]) -> dict[str, Any]:
    """Return a list as a server holds it."""
    held = {"resourceType": "List", "id": "l1", "meta": {"versionId": "4"}, "status": "current", "mode": "working"}
    return held | {"title": "by hand", "entry": list(entries)}


def entry(subject: str, date: str = "2026-11-23T01:00:00+00:00", **elements: Any) -> dict[str, Any]:
    """Return a line of it."""
    return {"item": {"reference": subject}, "date": date, **elements}


def flag(*codings: tuple[str, str]) -> dict[str, Any]:
    """Return a flag."""
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


def of_priority(priority: int | None) -> Screening:
    """Return a result of a priority."""
    status = Status.INELIGIBLE if priority is None else Status.POTENTIAL_CANDIDATE
    return screening(status)._replace(priority=priority)


def written(result: Screening, known: Known = HERE, item: str = "ResearchSubject/s1") -> dict[str, Any]:
    """Return the entry of the List in what is sent."""
    transaction = write_list(result, known, item, LATER)
    assert transaction is not None
    [found] = [one for one in transaction["entry"] if one["resource"]["resourceType"] == "List"]
    assert isinstance(found, dict)
    return found


def test_the_first_list_is_as_reviewed() -> None:
    """The first person listed makes the List that recruIT reads, with what it refers to (golden file)."""
    sent = json.loads(encode(write_list(screening(), Known(), "ResearchSubject/s1", NOW) or {}))

    assert sent == json.loads(GOLDEN.read_text().replace("VERSION", __version__))


@pytest.mark.parametrize(("priority", "listed"), [(1, True), (2, True), (3, True), (4, False), (None, False)])
def test_priorities_one_to_three_are_listed(priority: int | None, *, listed: bool) -> None:
    """Priorities 1 to 3 are put on the list; 4 and whoever is ineligible are not."""
    assert (write_list(of_priority(priority), HERE, "ResearchSubject/s1", NOW) is not None) == listed


@pytest.mark.parametrize("priority", [4, None])
def test_whoever_was_listed_before_stays(priority: int | None) -> None:
    """Somebody who drops out of the priorities stays on the list, as listed then: nothing is sent."""
    known = HERE._replace(listing=listing(entry("ResearchSubject/s1")))

    assert write_list(of_priority(priority), known, "ResearchSubject/s1", LATER) is None


@pytest.mark.parametrize(
    "item", ["ResearchSubject/s1", "ResearchSubject/s1/_history/3", "https://x.example/r4/ResearchSubject/s1"]
)
def test_a_list_that_is_right_is_not_sent(item: str) -> None:
    """Who is on the list as they should be, by whatever form of reference, changes nothing."""
    known = HERE._replace(listing=listing(entry(item)))

    assert write_list(screening(), known, "ResearchSubject/s1", LATER) is None


def test_our_view_of_a_persons_subject_is_its_flag() -> None:
    """Where the status is a person's, the entry's flag says what we think; the day of listing stays."""
    known = PERSONS._replace(listing=listing(entry("ResearchSubject/s1")))

    [line] = written(of_priority(None), known)["resource"]["entry"]

    assert line == entry("ResearchSubject/s1", flag=flag((VIEW, "ineligible")))


def test_the_flag_follows_our_view_and_goes_with_the_persons_status() -> None:
    """A changed view changes the flag; a status that is ours again needs none."""
    known = PERSONS._replace(listing=listing(entry("ResearchSubject/s1", flag=flag((VIEW, "ineligible")))))

    [changed] = written(screening(), known)["resource"]["entry"]
    [cleared] = written(screening(), known._replace(person_status=None))["resource"]["entry"]

    assert changed["flag"] == flag((VIEW, "potential-candidate"))
    assert cleared == entry("ResearchSubject/s1")


def test_where_there_are_no_subjects_the_flag_tells() -> None:
    """On a server without ResearchSubject the list names the patient, and our view is the flag of every entry."""
    [line] = written(screening(), HERE._replace(takes_subjects=False), "Patient/ho-001")["resource"]["entry"]

    assert line["item"] == {"reference": "Patient/ho-001"}
    assert line["flag"] == flag((VIEW, "potential-candidate"))


def test_what_others_say_in_a_flag_stays() -> None:
    """A person's own coding and words in a flag are left beside ours, and when ours goes."""
    theirs = flag(("urn:example", "called")) | {"text": "called on Monday"}
    both = theirs | {"coding": [*theirs["coding"], {"system": VIEW, "code": "potential-candidate"}]}

    before = PERSONS._replace(listing=listing(entry("ResearchSubject/s1", flag=theirs)))
    after = HERE._replace(listing=listing(entry("ResearchSubject/s1", flag=both)))
    [flagged] = written(screening(), before)["resource"]["entry"]
    [cleared] = written(screening(), after)["resource"]["entry"]

    assert flagged["flag"] == both
    assert cleared["flag"] == theirs


def test_a_list_is_written_over_by_the_version_read() -> None:
    """What others put into the list stays; it goes by id with If-Match, the new line in its place by day."""
    later, earlier = entry("ResearchSubject/s3", "2026-12-24T00:00:00+00:00"), entry("ResearchSubject/s2")
    known = HERE._replace(listing=listing(later, earlier))

    sent = written(screening(), known)

    assert sent["request"] == {"method": "PUT", "url": "List/l1", "ifMatch": 'W/"4"'}
    assert sent["resource"]["title"] == "by hand"
    assert sent["resource"]["entry"] == [earlier, entry("ResearchSubject/s1", LATER.isoformat()), later]


def test_the_order_does_not_depend_on_who_was_first() -> None:
    """Two people listed at the same moment stand in one order, whoever was written first."""
    orders = []
    for first, second in (("s1", "s2"), ("s2", "s1")):
        known = HERE._replace(listing=listing(entry(f"ResearchSubject/{first}", LATER.isoformat())))
        lines = written(screening(), known, f"ResearchSubject/{second}")["resource"]["entry"]
        orders.append([line["item"]["reference"] for line in lines])

    assert orders == [["ResearchSubject/s1", "ResearchSubject/s2"]] * 2


def test_every_list_fits_the_schema_of_r4(fhir_schema: Callable[[dict[str, Any]], None]) -> None:
    """First and later lists, with and without flags, hold to HL7's JSON schema of R4."""
    held = listing(entry("ResearchSubject/s2")) | {"code": {"text": "list"}}
    for known in (Known(), PERSONS, PERSONS._replace(listing=held)):
        fhir_schema(json.loads(encode(write_list(screening(), known, "ResearchSubject/s1", NOW) or {})))
