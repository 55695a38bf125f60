"""``/fhir``: the operations, what describes them, and errors as OperationOutcome."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from service.api.service import Limits
from service.config import Settings, Url
from service.errors import TryLater
from tests.e2e.conftest import Doors, served
from tests.verdicts import as_json

STUDY = "NCT06722105"
EVALUATE = f"/fhir/ResearchStudy/{STUDY}/$evaluate-eligibility"
MATCH = "/fhir/ResearchStudy/$match"
FHIR = "application/fhir+json"
AS_OF = {"name": "asOf", "valueDate": "2026-11-23"}
DEMO_01 = {"name": "subject", "valueReference": {"reference": "Patient/demo-01"}}

Charts = dict[str, dict[str, Any]]


def parameters(*given: dict[str, Any]) -> dict[str, Any]:
    """Return Parameters for the sample charts' day."""
    return {"resourceType": "Parameters", "parameter": [*given, AS_OF]}


def post(doors: Doors, path: str, body: dict[str, Any] | bytes, **headers: str) -> Any:
    """Post a resource, decimals as written, or bytes as they are."""
    content = body if isinstance(body, bytes) else as_json(body)
    return doors.http.post(path, content=content, headers={"Content-Type": FHIR} | headers)


def resources(answer: Any) -> dict[str, Any]:
    """Return the resources of an answered Bundle by type."""
    return {entry["resource"]["resourceType"]: entry["resource"] for entry in answer.json()["entry"]}


def code(answer: Any) -> str:
    """Return the code of an answered OperationOutcome."""
    assert answer.headers["content-type"] == FHIR
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return str(outcome["issue"][0]["details"]["coding"][0]["code"])


@pytest.mark.parametrize(
    "subject",
    [
        DEMO_01,
        {"name": "subject", "valueString": "demo-01"},
        {"name": "subject", "valueUri": "Patient/demo-01"},
        {"name": "subject", "valueId": "demo-01"},
    ],
    ids=lambda subject: list(subject)[1],
)
def test_a_patient_of_the_hospital_is_evaluated(doors: Doors, subject: dict[str, Any]) -> None:
    """A patient, however named, gives the subject with the status, and the guidance with all criteria."""
    answer = post(doors, EVALUATE, parameters(subject))
    found = resources(answer)
    contained = found["GuidanceResponse"]["contained"][0]["parameter"]

    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR)
    assert found["ResearchSubject"]["status"] == "candidate"
    assert found["ResearchSubject"]["individual"] == {"reference": "Patient/demo-01"}
    assert sum("part" in each for each in contained) == 24
    assert doors.results.posted == []


def test_records_that_are_brought_are_evaluated(doors: Doors, sample: Charts) -> None:
    """A Bundle in Parameters and a Bundle alone give the same resources."""
    chart = sample["06-skin-score-too-old"]
    answers = [
        post(doors, EVALUATE, parameters({"name": "data", "resource": chart})),
        post(doors, EVALUATE, b"\xef\xbb\xbf" + as_json(chart), **{"Content-Type": "application/json"}),
    ]
    subjects = [resources(each)["ResearchSubject"] for each in answers]

    assert subjects[0] == subjects[1]
    assert subjects[0]["individual"] == {"reference": "Patient/demo-06"}


def test_what_is_sent_fits_the_schema_of_r4(
    doors: Doors, sample: Charts, fhir_schema: Callable[[dict[str, Any]], None]
) -> None:
    """Every answer of the door holds to HL7's JSON schema of R4."""
    answers = [
        *(post(doors, EVALUATE, parameters({"name": "data", "resource": chart})) for chart in sample.values()),
        post(doors, MATCH, parameters(DEMO_01)),
        post(doors, EVALUATE, parameters(DEMO_01), Prefer="respond-async"),
        doors.http.get("/fhir/OperationDefinition"),
        doors.http.get(f"/fhir/ResearchStudy/{STUDY}"),
    ]

    for each in answers:
        fhir_schema(each.json())


def test_a_result_is_kept_and_named(doors: Doors) -> None:
    """The collection names the screening, which the engine's API gives too."""
    bundle = post(doors, EVALUATE, parameters(DEMO_01)).json()
    kept = doors.http.get(f"/api/v1/screenings/{bundle['identifier']['value']}").json()

    assert (kept["patient"], kept["as_of"]) == ("Patient/demo-01", "2026-11-23")


def test_the_same_key_is_the_same_evaluation(doors: Doors) -> None:
    """An Idempotency-Key holds for one study's operation and body."""
    ids = {
        post(doors, EVALUATE, parameters(DEMO_01), **{"Idempotency-Key": "a"}).json()["identifier"]["value"]
        for _ in "12"
    }
    other = post(doors, EVALUATE, parameters({"name": "subject", "valueId": "other"}), **{"Idempotency-Key": "a"})

    assert len(ids) == 1
    assert (other.status_code, code(other)) == (409, "idempotency-key-reused")


def test_what_is_judged_later_is_read_at_its_place(doors: Doors) -> None:
    """With `Prefer: respond-async` the caller is told where the very same answer will be."""
    accepted = post(doors, EVALUATE, parameters(DEMO_01), Prefer="respond-async")
    place, end = accepted.headers["content-location"], monotonic() + 10
    while (answer := doors.http.get(place)).status_code == 202 and monotonic() < end:
        sleep(0.05)

    assert (accepted.status_code, accepted.json()["issue"][0]["severity"]) == (202, "information")
    assert int(accepted.headers["retry-after"]) > 0
    assert (answer.status_code, resources(answer)["ResearchSubject"]["status"]) == (200, "candidate")


@pytest.mark.parametrize("id_", ["00000000-0000-4000-8000-000000000000", "none"])
def test_an_unknown_evaluation_is_not_found(doors: Doors, id_: str) -> None:
    """An id that was never given is 404."""
    answer = doors.http.get(f"/fhir/evaluations/{id_}")

    assert (answer.status_code, code(answer)) == (404, "unknown-screening")


@pytest.mark.parametrize(
    ("name", "score"),
    [("01-shown-in-full", None), ("09-low-platelets", 0), ("10-deceased", 0), ("07-diagnosis-alone", None)],
)
def test_studies_are_matched_with_a_patient(doors: Doors, sample: Charts, name: str, score: int | None) -> None:
    """The score is the share of criteria that pass: between 0 and 1 where some are open, 0 where one fails."""
    answer = post(doors, MATCH, parameters({"name": "data", "resource": sample[name]}))
    bundle = answer.json()
    (entry,) = bundle["entry"]

    assert (answer.status_code, bundle["type"], bundle["total"]) == (200, "searchset", 1)
    assert entry["fullUrl"] == f"http://testserver/fhir/ResearchStudy/{STUDY}"
    assert entry["search"]["mode"] == "match"
    assert 0 < entry["search"]["score"] < 1 if score is None else entry["search"]["score"] == score


TWO_PATIENTS = {
    "resourceType": "Bundle",
    "entry": [{"resource": {"resourceType": "Patient", "id": each}} for each in ("1", "2")],
}
NO_DAY = {"resourceType": "Parameters", "parameter": [DEMO_01, {"name": "asOf", "valueDate": "0001-01-01"}]}
NO_DATE = {"resourceType": "Parameters", "parameter": [DEMO_01, {"name": "asOf", "valueDate": "Smith"}]}
BODIES: list[tuple[dict[str, Any] | bytes, int, str]] = [
    (b"{", 400, "not-json"),
    (b'{"resourceType": NaN}', 400, "not-json"),
    (b'{"resourceType": "Bundle", "a": ' + b"[" * 200_000, 400, "nested-too-deeply"),
    (b"[]", 422, "invalid-body"),
    ({"resourceType": "Patient", "id": "Smith"}, 422, "invalid-body"),
    ({"resourceType": "Parameters"}, 422, "patient-or-bundle"),
    (parameters(), 422, "patient-or-bundle"),
    (parameters(DEMO_01, {"name": "data", "resource": TWO_PATIENTS}), 422, "patient-or-bundle"),
    (parameters(DEMO_01, DEMO_01), 422, "invalid-body"),
    (parameters(DEMO_01, {"name": "Smith"}), 422, "invalid-body"),
    (parameters({"name": "subject"}), 422, "invalid-body"),
    (parameters({"name": "subject", "valueReference": {"display": "Smith"}}), 422, "invalid-body"),
    (parameters({"name": "data"}), 422, "invalid-body"),
    (parameters({"name": "data", "resource": {"resourceType": "Patient"}}), 422, "invalid-body"),
    ({"resourceType": "Parameters", "parameter": [DEMO_01, {"name": "asOf"}]}, 422, "invalid-body"),
    (
        {"resourceType": "Parameters", "parameter": [DEMO_01, {"name": "asOf", "valueDate": "Smith"}]},
        422,
        "invalid-body",
    ),
    (parameters({"name": "subject", "valueString": "../Smith"}), 422, "invalid-patient"),
    (parameters({"name": "subject", "valueString": "unknown"}), 404, "patient-not-found"),
    ({"resourceType": "Bundle", "entry": []}, 422, "no-patient"),
    (TWO_PATIENTS, 422, "several-patients"),
]


@pytest.mark.parametrize("path", [EVALUATE, MATCH])
@pytest.mark.parametrize(
    ("body", "status", "told"), BODIES, ids=[f"{told}-{n}" for n, (_, _, told) in enumerate(BODIES)]
)
def test_what_cannot_be_used_is_an_outcome(
    doors: Doors, path: str, body: dict[str, Any] | bytes, status: int, told: str
) -> None:
    """A body that cannot be used is answered with its status and code, and nothing of it is repeated."""
    answer = post(doors, path, body)

    assert (answer.status_code, code(answer)) == (status, told)
    assert "Smith" not in answer.text


def test_an_outcome_fits_the_schema_of_r4(doors: Doors, fhir_schema: Callable[[dict[str, Any]], None]) -> None:
    """Errors hold to HL7's JSON schema of R4 too."""
    fhir_schema(post(doors, EVALUATE, b"{").json())


def test_an_unknown_study_is_not_found(doors: Doors) -> None:
    """Neither read nor evaluated: a study that is not loaded is 404."""
    answers = [
        doors.http.get("/fhir/ResearchStudy/NCT00000000"),
        post(doors, "/fhir/ResearchStudy/NCT00000000/$evaluate-eligibility", parameters(DEMO_01)),
    ]

    assert [(each.status_code, code(each)) for each in answers] == [(404, "unknown-study")] * 2


@pytest.mark.parametrize("path", ["/fhir/Patient/1", "/fhir/OperationDefinition/none", "/fhir/"])
def test_what_is_not_offered_is_an_outcome(doors: Doors, path: str) -> None:
    """Any other path below the door is 404, in FHIR's form."""
    assert (doors.http.get(path).status_code, code(doors.http.get(path))) == (404, "not-found")


def test_another_method_is_an_outcome(doors: Doors) -> None:
    """A method that is not offered is 405, in FHIR's form."""
    answer = doors.http.delete("/fhir/metadata")

    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "method-not-allowed", "GET")


@pytest.mark.parametrize("hospital", [False])
@pytest.mark.parametrize("path", [EVALUATE, MATCH])
def test_without_a_hospital_server_a_patient_conflicts(doors: Doors, path: str) -> None:
    """Asking for a patient without a configured server is 409."""
    answer = post(doors, path, parameters(DEMO_01))

    assert (answer.status_code, code(answer)) == (409, "no-hospital-server")


@pytest.mark.parametrize("path", [EVALUATE, MATCH])
def test_a_hospital_server_that_is_down_is_503(doors: Doors, path: str) -> None:
    """The caller learns when to try again."""
    doors.records.failure = TryLater("The server is down.", 7.0)
    answer = post(doors, path, parameters(DEMO_01))

    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "hospital-server-down", "7")


def test_a_bug_is_an_outcome_without_its_message(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug is 500 in FHIR's form, and tells nothing of the patient."""
    doors.records.failure = ValueError("Smith has 12 g/dL")
    answer = post(doors, EVALUATE, parameters(DEMO_01))
    logged = "".join(capsys.readouterr())

    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "Smith" not in answer.text + logged


@pytest.mark.parametrize("limits", [Limits(body_bytes=1_000_000, entries=3, screenings=1)])
def test_a_bundle_with_too_many_entries_is_refused(doors: Doors, sample: Charts) -> None:
    """A Bundle with more entries than allowed is 413."""
    answer = post(doors, EVALUATE, sample["01-shown-in-full"])

    assert (answer.status_code, code(answer)) == (413, "too-many-entries")


@pytest.mark.parametrize("limits", [Limits(body_bytes=1_000_000, entries=3, screenings=0)])
def test_a_full_queue_is_429(doors: Doors) -> None:
    """When as many screenings as allowed are under way, the caller learns when to try again."""
    answer = post(doors, MATCH, parameters(DEMO_01))

    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "queue-full", "1")


@pytest.mark.parametrize("media_type", ["application/fhir+xml", "text/xml", "application/json+fhir", ""])
def test_other_bodies_are_415(doors: Doors, media_type: str) -> None:
    """Only JSON is read: of XML no parser is at hand that could be misled."""
    answer = post(doors, EVALUATE, b"<Parameters/>", **{"Content-Type": media_type})

    assert (answer.status_code, code(answer)) == (415, "not-json")


@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        ("application/fhir+xml", "", 406),
        ("application/fhir+json;fhirVersion=5.0", "", 406),
        ("application/fhir+json;q=0", "", 406),
        ("text/html", "?_format=xml", 406),
        ("*/*", "?_format=application/fhir%2Bxml", 406),
        ("application/fhir+xml;q=0.9, application/json;q=0.1", "", 200),
        ("application/fhir+json; fhirVersion=4.0", "", 200),
        ("application/fhir+xml", "?_format=json", 200),
        ("text/html", "?_format=application/fhir+json", 200),
        ("", "", 200),
    ],
)
def test_only_json_is_sent(doors: Doors, accept: str, query: str, status: int) -> None:
    """Who takes FHIR R4 in JSON is served, who takes XML alone is told so: `_format` goes over `Accept`."""
    answer = doors.http.get(f"/fhir/metadata{query}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (status, FHIR)


def test_the_server_says_what_it_does(doors: Doors) -> None:
    """The CapabilityStatement names both operations by the canonical addresses of their definitions."""
    statement = doors.http.get("/fhir/metadata").json()
    definitions = [entry["resource"] for entry in doors.http.get("/fhir/OperationDefinition").json()["entry"]]
    (study,) = [each for each in statement["rest"][0]["resource"] if each["type"] == "ResearchStudy"]

    assert (statement["fhirVersion"], statement["implementation"]["url"]) == ("4.0.1", "http://testserver/fhir")
    assert {each["definition"] for each in study["operation"]} == {each["url"] for each in definitions}
    assert {each["code"] for each in definitions} == {"evaluate-eligibility", "match"}
    for each in definitions:
        assert doors.http.get(f"/fhir/OperationDefinition/{each['id']}").json() == json.loads(json.dumps(each))


def test_addresses_are_those_that_were_set(tmp_path: Path) -> None:
    """Behind a proxy the service is reached under another address than it can see."""
    settings = Settings(home=tmp_path / "home", public_url=Url("https://candor.hospital.example"))
    with served(settings) as http:
        statement = http.get("/fhir/metadata").json()

    assert statement["implementation"]["url"] == "https://candor.hospital.example/fhir"


def test_a_study_is_read_as_fhir(doors: Doors) -> None:
    """The ResearchStudy bears the id by which it is asked for, and the registry's number."""
    study = doors.http.get(f"/fhir/ResearchStudy/{STUDY}").json()

    assert (study["resourceType"], study["id"]) == ("ResearchStudy", STUDY)
    assert {"system": "https://clinicaltrials.gov", "value": STUDY} in study["identifier"]
