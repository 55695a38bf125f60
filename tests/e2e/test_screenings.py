"""``POST /api/v1/screenings``: one good path for each way in, and every status of the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.api import models
from service.api.service import Limits
from service.errors import Never, TryLater
from tests.e2e.conftest import Doors
from tests.verdicts import as_json

PROBLEM = "application/problem+json"
CRITERIA = [f"I{number}" for number in range(1, 11)] + [f"E{number}" for number in range(1, 15)]
Charts = dict[str, dict[str, Any]]


def post_bytes(doors: Doors, body: bytes, **headers: str) -> Any:
    """Post bytes as they are."""
    return doors.http.post("/api/v1/screenings", content=body, headers={"Content-Type": "application/json"} | headers)


def post_bundle(doors: Doors, bundle: dict[str, Any]) -> Any:
    """Post a Bundle, decimals as written."""
    return post_bytes(doors, as_json({"bundle": bundle, "as_of": "2026-11-23"}))


def test_a_bundle_is_screened(doors: Doors, sample: Charts) -> None:
    """A Bundle gives all 24 criteria in protocol order, and nothing is written."""
    answer = post_bundle(doors, sample["01-shown-in-full"])

    assert answer.status_code == 200, answer.text
    assert [each["id"] for each in answer.json()["criteria"]] == CRITERIA
    assert (answer.json()["patient"], answer.json()["status"]) == ("Patient/demo-01", "candidate")
    assert answer.json()["written"] is None


@pytest.mark.parametrize("name", ["01-shown-in-full", "07-diagnosis-alone", "10-deceased", "11-without-the-disease"])
def test_the_answer_has_the_documented_shape(doors: Doors, sample: Charts, name: str) -> None:
    """Every member of the answer is as openapi.yaml describes it."""
    answer = post_bundle(doors, sample[name])

    TypeAdapter(models.Screening).validate_json(answer.content)


def test_the_same_chart_gives_the_same_bytes(doors: Doors, sample: Charts) -> None:
    """Twice the same chart, in another order, differs in the id alone."""
    chart = sample["06-skin-score-too-old"]
    turned = chart | {"entry": chart["entry"][::-1]}
    one, other = (post_bundle(doors, bundle) for bundle in (chart, turned))

    assert one.json()["id"] != other.json()["id"]
    assert one.text.replace(one.json()["id"], "") == other.text.replace(other.json()["id"], "")


@pytest.mark.parametrize("name", ["demo-01", "Patient/demo-01"])
def test_a_patient_of_the_hospital_is_screened(doors: Doors, name: str) -> None:
    """A patient is pulled from the hospital by either form of its id."""
    answer = doors.screen(patient=name)

    assert (answer.status_code, answer.json()["status"]) == (200, "candidate")


def test_a_result_is_posted_when_asked_for(doors: Doors) -> None:
    """`write_back` posts the result, and the answer says what was written and what a person had set."""
    doors.results.person = "screening"
    answer = doors.screen(patient="demo-01", write_back=True).json()

    assert [each.patient for each in doors.results.posted] == ["Patient/demo-01"]
    assert answer["written"] == {"done": True, "resources": ["ResearchSubject/1"]}
    assert answer["person_status"] == "screening"


def test_nothing_is_posted_unless_asked_for(doors: Doors) -> None:
    """Without `write_back` the hospital's server is only read."""
    doors.screen(patient="demo-01")

    assert doors.results.posted == []


def test_whose_status_a_subject_bears_is_asked_of_the_server(doors: Doors, sample: Charts) -> None:
    """A status that the chart shows is a person's only if the server's history says so."""
    doors.records.charts["Patient/demo-13"] = sample["13-status-set-by-a-person"]
    ours = doors.screen(patient="demo-13").json()
    doors.results.person = "potential-candidate"
    persons = doors.screen(patient="demo-13").json()

    assert (ours["person_status"], persons["person_status"]) == (None, "potential-candidate")


TWO_PATIENTS = as_json(
    {
        "bundle": {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "Patient", "id": each}} for each in ("1", "2")],
        }
    }
)
BODIES = [
    (b"{", 400, "not-json"),
    (b"", 400, "not-json"),
    (b'{"bundle": {"a": NaN}}', 400, "not-json"),
    (b'{"bundle": {"a": "\xff"}}', 400, "not-json"),
    (b'{"bundle": ' + b'{"a":' * 5_000, 400, "nested-too-deeply"),
    (b"[]", 422, "invalid-body"),
    (b'{"patient": 1}', 422, "invalid-body"),
    (b'{"patient": "1", "as_of": "yesterday"}', 422, "invalid-body"),
    (b'{"patient": "1", "Smith": 1}', 422, "invalid-body"),
    (b'{"patient": "1", "as_of": "0001-01-01"}', 422, "invalid-date"),
    (b'{"patient": "1", "as_of": "9999-12-31"}', 422, "invalid-date"),
    (b"{}", 422, "patient-or-bundle"),
    (b'{"patient": "1", "bundle": {}}', 422, "patient-or-bundle"),
    (b'{"patient": "../metadata"}', 422, "invalid-patient"),
    (b'{"patient": "unknown"}', 404, "patient-not-found"),
    (b'{"patient": "demo-01", "study": "NCT00000000"}', 404, "unknown-study"),
    (b'{"bundle": {}}', 422, "invalid-body"),
    (b'{"bundle": []}', 422, "invalid-body"),
    (b'{"bundle": {"resourceType": "Patient", "id": "1", "entry": []}}', 422, "invalid-body"),
    (b'{"bundle": {"resourceType": "Bundle", "entry": {}}}', 422, "no-patient"),
    (b'{"bundle": {"resourceType": "Bundle", "entry": []}}', 422, "no-patient"),
    (TWO_PATIENTS, 422, "several-patients"),
]


@pytest.mark.parametrize(
    ("body", "status", "code"), BODIES, ids=[f"{code}-{n}" for n, (_, _, code) in enumerate(BODIES)]
)
def test_what_cannot_be_used_is_a_problem(doors: Doors, body: bytes, status: int, code: str) -> None:
    """A body that cannot be used is answered with its status and code, and nothing of it is repeated."""
    answer = post_bytes(doors, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == PROBLEM
    assert (answer.json()["status"], "Smith" in answer.text) == (status, False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"patient": 1}', "member patient"),
        (b'{"patient": "1", "as_of": "yesterday"}', "member as_of"),
        (b'{"bundle": {"resourceType": "Patient"}}', "member bundle"),
        (b'{"patient": "1", "Smith": 1}', "patient, bundle, study, as_of, write_back"),
    ],
)
def test_a_member_that_is_wrong_is_named(doors: Doors, body: bytes, told: str) -> None:
    """Of our own members the wrong one is named; for one that is not ours, ours are listed."""
    assert told in post_bytes(doors, body).json()["detail"]


def test_of_equal_keys_the_last_wins(doors: Doors) -> None:
    """Of equal keys in one object the last one counts, as documented."""
    answer = post_bytes(doors, b'{"patient": "unknown", "patient": "demo-01", "as_of": "2026-11-23"}')

    assert answer.json()["patient"] == "Patient/demo-01"


def test_a_byte_order_mark_is_cut(doors: Doors) -> None:
    """A byte order mark before the JSON does no harm."""
    assert post_bytes(doors, b'\xef\xbb\xbf{"patient": "demo-01"}').status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
)
def test_other_media_types_are_refused(doors: Doors, headers: dict[str, str]) -> None:
    """Only plain application/json in UTF-8 is read."""
    assert post_bytes(doors, b'{"patient": "demo-01"}', **headers).status_code == 415


@pytest.mark.parametrize("media_type", ['Application/JSON; charset="UTF-8"', "application/json;charset=utf-8"])
def test_the_charset_of_json_may_be_stated(doors: Doors, media_type: str) -> None:
    """A stated UTF-8 changes nothing, in whatever way it is written."""
    assert post_bytes(doors, b'{"patient": "demo-01"}', **{"Content-Type": media_type}).status_code == 200


def test_a_replaced_record_names_the_one_that_is_kept(doors: Doors, sample: Charts) -> None:
    """A record that another replaces is not screened: 422, with the other's reference."""
    answer = post_bundle(doors, sample["12-replaced-record"])

    assert (answer.status_code, answer.json()["code"]) == (422, "patient-replaced")
    assert answer.json()["replaced_by"] == "Patient/demo-12-survivor"


@pytest.mark.parametrize("hospital", [False])
@pytest.mark.parametrize("write_back", [False, True])
def test_without_a_hospital_server_a_patient_conflicts(doors: Doors, sample: Charts, *, write_back: bool) -> None:
    """Asking for a patient, or for a write, without a configured server is 409."""
    body = {"bundle": sample["07-diagnosis-alone"], "write_back": True} if write_back else {"patient": "1"}
    answer = doors.screen(**body)

    assert (answer.status_code, answer.json()["code"]) == (409, "no-hospital-server")


@pytest.mark.parametrize(
    ("failure", "code", "retry_after"),
    [
        (TryLater("The server is down.", 7.0), "hospital-server-down", "7"),
        (TryLater("The server is down."), "hospital-server-down", "30"),
        (Never("The server refuses."), "hospital-server-refuses", "300"),
    ],
)
def test_a_hospital_server_in_trouble_is_503(doors: Doors, failure: Exception, code: str, retry_after: str) -> None:
    """When the hospital's server does not answer, the caller learns when to try again."""
    doors.records.failure = failure
    answer = doors.screen(patient="demo-01")

    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["retry-after"] == retry_after


def test_a_bug_is_answered_and_logged_without_its_message(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug gives a 500 problem; the log tells our line that it came through, and neither tells clinical values."""
    doors.records.failure = ValueError("Smith has 12 g/dL")
    answer = doors.screen(patient="demo-01")
    logged = capsys.readouterr()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "ValueError" in logged.out + logged.err
    assert "service/screening/patient.py" in logged.out + logged.err
    assert "Smith" not in answer.text + logged.out + logged.err


@pytest.mark.parametrize("limits", [Limits(body_bytes=100, entries=9, screenings=1)])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(doors: Doors, *, declared: bool) -> None:
    """A body over the limit is 413, whether its length was declared or not."""
    body = json.dumps({"patient": "1", "study": "x" * 200}).encode()
    answer = doors.http.post(
        "/api/v1/screenings",
        content=body if declared else iter([body[:90], body[90:]]),
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("limits", [Limits(body_bytes=1_000_000, entries=3, screenings=1)])
def test_a_bundle_with_too_many_entries_is_refused(doors: Doors, sample: Charts) -> None:
    """A Bundle with more entries than allowed is 413."""
    answer = post_bundle(doors, sample["01-shown-in-full"])

    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-entries")


@pytest.mark.parametrize("limits", [Limits(body_bytes=100, entries=3, screenings=0)])
def test_a_full_queue_is_429(doors: Doors) -> None:
    """When as many screenings as allowed are under way, the caller learns when to try again."""
    answer = doors.screen(patient="demo-01")

    assert (answer.status_code, answer.json()["code"]) == (429, "queue-full")
    assert answer.headers["retry-after"] == "1"
