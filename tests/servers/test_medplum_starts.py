"""The second FHIR server itself: how it differs from HAPI, which tests of writing back rest on."""

from typing import Any

import httpx
import pytest

from tests.servers.fixtures import started_medplum

pytestmark = pytest.mark.servers


def put(server: str, patient: dict[str, Any], version: str) -> httpx.Response:
    """Write over a version of a Patient."""
    return httpx.put(f"{server}/Patient/{patient['id']}", json=patient, headers={"If-Match": version})


def test_a_stale_version_is_refused_with_412(medplum: str) -> None:
    """Versions are no numbers, and writing over one that is not the current one is a failed precondition."""
    created = httpx.post(f"{medplum}/Patient", json={"resourceType": "Patient"})
    first = created.headers["ETag"]

    changed = put(medplum, created.json() | {"gender": "female"}, first)
    stale = put(medplum, created.json() | {"gender": "male"}, first)

    assert (created.status_code, changed.status_code, stale.status_code) == (201, 200, 412)
    assert len(first) > len('W/"1"')
    assert changed.headers["ETag"] != first
    assert created.headers["Location"].startswith(f"{medplum}/Patient/{created.json()['id']}/_history/")


def test_a_conditional_create_finds_what_is_there(medplum: str) -> None:
    """A second creation under the same identifier answers with the first resource, and makes none."""
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:example:once", "value": "1"}]}
    unless = {"If-None-Exist": "identifier=urn:example:once|1"}

    first, second = (httpx.post(f"{medplum}/Patient", json=patient, headers=unless) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_a_transaction_is_done_whole_or_not_at_all(medplum: str) -> None:
    """Where one entry is refused, nothing of the others is left."""
    found = {"identifier": "urn:example:whole|1"}
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:example:whole", "value": "1"}]}
    stale = {"method": "PUT", "url": "Patient/nobody", "ifMatch": 'W/"1"'}
    entries = [
        {"resource": patient, "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient", "id": "nobody"}, "request": stale},
    ]
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    refused = httpx.post(medplum, json=transaction)
    after = httpx.get(f"{medplum}/Patient", params=found).json()
    transaction["entry"] = entries[:1]
    taken = httpx.post(medplum, json=transaction)

    assert refused.status_code == 404
    assert after["total"] == 0
    assert taken.json()["entry"][0]["response"]["status"] == "201"
    assert httpx.get(f"{medplum}/Patient", params=found).json()["total"] == 1


def test_a_search_has_pages(medplum: str) -> None:
    """A search is cut at its count and links to what follows."""
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:example:pages", "value": "1"}]}
    for _ in range(3):
        httpx.post(f"{medplum}/Patient", json=patient)

    first = httpx.get(f"{medplum}/Patient", params={"identifier": "urn:example:pages|1", "_count": "2"}).json()
    [following] = [link["url"] for link in first["link"] if link["relation"] == "next"]
    second = httpx.get(following).json()

    assert [len(page["entry"]) for page in (first, second)] == [2, 1]
    assert "link" not in second


def test_types_and_transactions_can_be_left_out() -> None:
    """A server started without a type answers 404 for it; one without transactions does what it can of each."""
    patient = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    listed = {"resource": {"resourceType": "List"}, "request": {"method": "POST", "url": "List"}}
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [patient, listed]}

    with started_medplum("--without=List,AuditEvent", "--no-transactions") as server:
        rest = httpx.get(f"{server}/metadata").json()["rest"][0]
        refused = [httpx.post(f"{server}/List", json=listed["resource"]), httpx.get(f"{server}/AuditEvent")]
        done = httpx.post(server, json=transaction)

    assert [reply.status_code for reply in refused] == [404, 404]
    assert "List" not in [each["type"] for each in rest["resource"]]
    assert rest["interaction"] == [{"code": "batch"}]
    assert [entry["response"]["status"] for entry in done.json()["entry"]] == ["201", "404"]
