"""The test servers and validators themselves: they answer, and they tell good from bad."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

GOOD = {
    "resourceType": "ResearchSubject",
    "status": "potential-candidate",
    "study": {"reference": "ResearchStudy/study-1"},
    "individual": {"reference": "Patient/patient-1"},
}
BAD = GOOD | {"status": "perhaps"}


@pytest.mark.servers
def test_hapi_keeps_what_is_posted(hapi: str) -> None:
    """A Patient posted to the server is read back with the id and version that the server gave it."""
    patient = {"resourceType": "Patient", "gender": "female", "birthDate": "1970-01-01"}

    created = httpx.post(f"{hapi}/Patient", json=patient)
    read = httpx.get(f"{hapi}/Patient/{created.json()['id']}")

    assert created.status_code == 201
    assert read.headers["ETag"] == 'W/"1"'
    assert patient.items() <= read.json().items()


@pytest.mark.servers
def test_hapi_sees_a_write_in_the_next_search(hapi: str) -> None:
    """A search repeated after a write finds what was written: the server's search cache is off."""
    search = {"identifier": "urn:example:search-cache|1"}
    before = httpx.get(f"{hapi}/Patient", params=search).json()
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:example:search-cache", "value": "1"}]}

    httpx.post(f"{hapi}/Patient", json=patient).raise_for_status()
    after = httpx.get(f"{hapi}/Patient", params=search).json()

    assert (len(before.get("entry", [])), len(after["entry"])) == (0, 1)


@pytest.mark.servers
def test_validator_passes_a_good_resource_and_names_a_bad_code(validate_r4: Callable[[list[Any]], None]) -> None:
    """HAPI's validator says nothing of a good ResearchSubject and finds a status outside the required value set."""
    with pytest.raises(AssertionError) as refused:
        validate_r4([GOOD, BAD])

    issues = str(refused.value).splitlines()
    assert issues
    assert all("0001-ResearchSubject.json" in issue for issue in issues)
    assert "ResearchSubject.status" in issues[0]


@pytest.mark.servers
def test_validator_accepts_good_resources(validate_r4: Callable[[list[Any]], None]) -> None:
    """HAPI's validator lets a list of good resources pass."""
    validate_r4([GOOD, {"resourceType": "Patient", "gender": "female"}])


def test_schema_passes_a_good_resource(fhir_schema: Callable[[Any], None]) -> None:
    """The official JSON schema lets a good ResearchSubject pass."""
    fhir_schema(GOOD)


@pytest.mark.parametrize(
    ("bad", "issue"),
    [
        (BAD, "ResearchSubject['status']: "),
        (GOOD | {"progress": []}, "'progress'"),
        ({key: GOOD[key] for key in ("resourceType", "status", "study")}, '"individual"'),
    ],
    ids=["bad code", "unknown element", "missing element"],
)
def test_schema_refuses_a_bad_resource(fhir_schema: Callable[[Any], None], bad: dict[str, Any], issue: str) -> None:
    """The official JSON schema finds a code outside its value set, an unknown element and a missing one."""
    with pytest.raises(AssertionError) as refused:
        fhir_schema(bad)

    assert issue in str(refused.value)


def test_the_network_is_out_of_reach() -> None:
    """A test without the `servers` marker cannot open a connection, not even to loopback."""
    with pytest.raises(Exception, match="socket"):
        httpx.get("http://127.0.0.1:9/")
