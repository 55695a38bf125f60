"""The FHIR door of the service over a real FHIR server: its answers hold before HAPI's validator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

import pytest
import requests

from tests.servers.running import Running, running
from tests.servers.written import load_chart

pytestmark = pytest.mark.servers

STUDY = "NCT06722105"
EVALUATE, MATCH = f"ResearchStudy/{STUDY}/$evaluate-eligibility", "ResearchStudy/$match"
CHARTS = ("001-clear-candidate", "003-one-exclusion-platelets", "011-healthy-person", "021-empty-but-ssc")

Json = dict[str, Any]


@pytest.fixture(scope="module")
def service(medplum: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a service of that hospital."""
    with running(tmp_path_factory.mktemp("candor"), FHIR_URL=medplum) as started:
        yield started


def ask(service: Running, place: str, patient: str | None = None, **headers: str) -> requests.Response:
    """Ask about a patient, or read what is there."""
    url = f"{service.url}/fhir/{place}"
    if patient is None:
        return requests.get(url, headers=headers, timeout=30)
    subject = {"name": "subject", "valueReference": {"reference": patient}}
    body = {"resourceType": "Parameters", "parameter": [subject, {"name": "asOf", "valueDate": "2026-11-23"}]}
    return requests.post(url, json=body, headers={"Content-Type": "application/fhir+json"} | headers, timeout=30)


def later(service: Running, patient: str) -> requests.Response:
    """Ask for an evaluation, and come back for it."""
    accepted = ask(service, EVALUATE, patient, Prefer="respond-async")
    assert accepted.status_code == requests.codes.accepted
    for _ in range(100):
        answer = requests.get(accepted.headers["Content-Location"], timeout=30)
        if answer.status_code != requests.codes.accepted:
            break
        sleep(0.1)
    return answer


def test_answers_are_valid_r4(medplum: str, service: Running, validate_r4: Callable[[list[Json]], None]) -> None:
    """Evaluations, matches, errors and what describes them are valid FHIR R4, whoever the patient is."""
    patients = [load_chart(medplum, f"answers-{name[:3]}", name) for name in CHARTS]
    answers = [ask(service, place, patient) for patient in patients for place in (EVALUATE, MATCH)]
    answers += [later(service, patients[0]), ask(service, EVALUATE, patients[0], Prefer="respond-async")]
    answers += [ask(service, EVALUATE, "Patient/nobody"), ask(service, "Patient/1"), ask(service, "metadata")]
    answers += [ask(service, "OperationDefinition"), ask(service, f"ResearchStudy/{STUDY}")]
    first, second = answers[0].json(), answers[2 * len(CHARTS)].json()

    validate_r4([answer.json() for answer in answers])
    assert [answer.status_code for answer in answers] == [*[200] * 9, 202, 404, 404, 200, 200, 200]
    assert first["entry"][0]["resource"] == second["entry"][0]["resource"]
    assert {entry["resource"]["resourceType"] for entry in first["entry"]} == {"ResearchSubject", "GuidanceResponse"}
