"""A patient who is opposed to research is screened at no door, nothing is written, and nothing else is said."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import respx
import stamina

from service.config import Settings, Url
from service.fhir.decode import decode
from tests.e2e.conftest import Run, served
from tests.e2e.test_command_line import DAY, SERVER, Candor
from tests.hospital import Answer, Hospital, searchset
from tests.verdicts import as_json

SITE = Path(__file__).parents[2] / "mappings/sites/example.yaml"
NAME = "01-shown-in-full"
SUBJECT = {"reference": "Patient/demo-01"}
ERROR = {"code": "not-permitted", "detail": "this patient's data may not be used for research"}

Json = dict[str, Any]
CONSENT: Json = {
    "resourceType": "Consent",
    "id": "opposed",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
    "category": [{"text": "research"}],
    "patient": SUBJECT,
    "dateTime": "2026-01-01",
    "provision": {"type": "deny"},
}
FLAG: Json = {
    "resourceType": "Flag",
    "id": "opposed",
    "status": "active",
    "code": {"coding": [{"system": "https://flags.hospital.example", "code": "research-opposition"}]},
    "subject": SUBJECT,
}

SUPPRESSED: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "suppressed"}]}


@pytest.fixture(params=[CONSENT, FLAG], ids=["Consent", "Flag"])
def opposed(request: pytest.FixtureRequest, sample: dict[str, Json], monkeypatch: pytest.MonkeyPatch) -> Json:
    """Give the chart of a clear candidate who is opposed, at a site that has a flag for it."""
    monkeypatch.setenv("CANDOR_SITE", str(SITE))
    chart = deepcopy(sample[NAME])
    chart["entry"].append({"resource": request.param})
    return chart


@pytest.fixture(params=[True, False], ids=["batch", "single searches"])
def hospital(
    request: pytest.FixtureRequest, opposed: Json, respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> Hospital:
    """Give the hospital's server that holds the chart, and would take what is written."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    return hospital_of(opposed, respx_mock, batches=request.param)


def hospital_of(chart: Json, router: respx.MockRouter, *, batches: bool, **instead: Answer) -> Hospital:
    """Return a server that holds a chart, and answers some types by something else ``instead``."""
    resources = [entry["resource"] for entry in decode(as_json(chart))["entry"]]
    kinds = {each["resourceType"] for each in resources} - {"Patient"}
    answers = {kind: searchset(*(each for each in resources if each["resourceType"] == kind)) for kind in kinds}
    return Hospital(router, batches=batches, base=SERVER, Patient=resources[0], **(answers | instead))


def refused(run: Run, sample: Json) -> None:
    """Check that a command says that it is not permitted, and nothing of the chart."""
    said = json.loads(run.out)
    assert run.code == 4
    assert said["error"] == ERROR
    assert set(said) <= {"patient", "error", "study", "as_of", "id", "written"}
    assert not any(str(entry["resource"]["id"]) in run.out for entry in sample["entry"][1:])


@pytest.mark.parametrize("container", ["file", "folder", "NDJSON"])
def test_files(candor: Candor, opposed: Json, tmp_path: Path, container: str) -> None:
    """Neither a Bundle, nor a folder, nor NDJSON is a way around."""
    folder = tmp_path / "charts"
    folder.mkdir()
    if container == "NDJSON":
        lines = [as_json(entry["resource"]) for entry in opposed["entry"]]
        (folder / "chart.ndjson").write_bytes(b"\n".join(lines))
    else:
        (folder / "chart.json").write_bytes(as_json(opposed))
    source = folder if container == "folder" else next(folder.iterdir())

    refused(candor("screen", source, *DAY, "--json"), opposed)


@pytest.mark.parametrize("write", [(), ("--write-back",)], ids=["shown", "written back"])
def test_a_patient_of_the_hospital(candor: Candor, opposed: Json, hospital: Hospital, write: tuple[str, ...]) -> None:
    """What is pulled from the server is not screened; the server hears that the chart was read, and of no result."""
    refused(candor("screen", "--patient", "demo-01", *DAY, "--json", *write), opposed)
    assert hospital.written == ["/AuditEvent"]


@pytest.mark.parametrize("write", [False, True], ids=["shown", "written back"])
@pytest.mark.parametrize("brought", [False, True], ids=["by id", "as a Bundle"])
def test_over_http(opposed: Json, hospital: Hospital, tmp_path: Path, write: bool, brought: bool) -> None:
    """The service answers 403 to a Bundle as to an id, with the code alone, and writes nothing."""
    asked: Json = {"bundle": opposed} if brought else {"patient": "demo-01"}
    settings = Settings(fhir_url=Url(SERVER), home=tmp_path, site=SITE)
    with served(settings) as http:
        answer = http.post(
            "/api/v1/screenings",
            content=as_json(asked | {"as_of": "2026-11-23", "write_back": write}),
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 403
    assert answer.json() == {"title": "Forbidden", "status": 403} | ERROR
    assert hospital.written == ([] if brought else ["/AuditEvent"])


@pytest.mark.parametrize("answer", [403, 503, searchset(SUPPRESSED)], ids=["refused", "down", "cut short"])
def test_who_may_be_opposed_is_not_written_about(
    candor: Candor,
    sample: dict[str, Json],
    respx_mock: respx.MockRouter,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    """Where the server does not give all Consents, the patient is screened, with a warning, and nothing is written."""
    hospital = hospital_of(sample[NAME], respx_mock, batches=True, Consent=answer)
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    with stamina.set_testing(True, attempts=1):
        said = json.loads(candor("screen", "--patient", "demo-01", *DAY, "--json", "--write-back").out)

    assert [(each["code"], each["source"]) for each in said["warnings"]] == [("records-incomplete", "Consent")]
    assert said["written"] == {"done": False, "why": "permission-unknown"}
    assert hospital.written == ["/AuditEvent"]


def test_who_may_be_opposed_in_a_bundle_is_not_written_about(
    sample: dict[str, Json], respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    """A Bundle that says that it is cut short may lack an opposition: it is screened, and nothing is written."""
    hospital = hospital_of(sample[NAME], respx_mock, batches=True)
    bundle = deepcopy(sample[NAME])
    bundle["entry"].append({"resource": SUPPRESSED, "search": {"mode": "outcome"}})
    asked = {"bundle": bundle, "as_of": "2026-11-23", "write_back": True}
    with served(Settings(fhir_url=Url(SERVER), home=tmp_path)) as http:
        answer = http.post(
            "/api/v1/screenings", content=as_json(asked), headers={"Content-Type": "application/json"}
        ).json()

    assert [each["code"] for each in answer["warnings"]] == ["records-incomplete"]
    assert answer["written"] == {"done": False, "why": "permission-unknown"}
    assert hospital.written == []


def test_a_server_that_keeps_no_consents_withholds_none(
    candor: Candor, sample: dict[str, Json], respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type that the server does not have at all is no search that failed."""
    hospital_of(sample[NAME], respx_mock, batches=True, Consent=404)
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)

    assert json.loads(candor("screen", "--patient", "demo-01", *DAY, "--json").out)["warnings"] == []


def test_whoever_is_not_opposed_is_screened(candor: Candor, sample: dict[str, Json], tmp_path: Path) -> None:
    """The same chart without the opposition is that of a candidate: the tests above test something."""
    file = tmp_path / "chart.json"
    file.write_bytes(as_json(sample[NAME]))
    run = candor("screen", file, *DAY, "--json")

    assert json.loads(run.out)["status"] == "candidate"
