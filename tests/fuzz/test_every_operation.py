"""Every operation of openapi.yaml, called with what fits its schema, with what does not, and with what there is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import respx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from service.app import create_app
from service.config import Settings
from service.demo import charts
from service.store.store import open_store
from tests.doors import OPERATIONS, STUDY, Operation
from tests.hospital import BASE, Hospital
from tests.verdicts import as_json

pytestmark = pytest.mark.slow

Json = dict[str, Any]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "70"))  # of each operation, with and without a hospital: 2,116 in all
CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance]
CHART: Json = json.loads(as_json(charts()["01-shown-in-full"]))
SUBJECT = {"name": "subject", "valueReference": {"reference": "Patient/p"}}
QUESTIONS: list[Json] = [
    {"resourceType": "Parameters", "parameter": [SUBJECT, {"name": "asOf", "valueDate": "2026-11-23"}]},
    {"resourceType": "Parameters", "parameter": [{"name": "data", "resource": CHART}]},
    CHART,
]
CALL = {
    "hook": "patient-view",
    "hookInstance": str(uuid4()),
    "context": {"userId": "Practitioner/1", "patientId": "p"},
    "fhirServer": BASE,
    "fhirAuthorization": {"access_token": "lent", "token_type": "Bearer", "expires_in": 300},
}
FEEDBACK = {"card": str(uuid4()), "outcome": "accepted", "outcomeTimestamp": "2026-11-23T08:00:00Z"}
SCREENED: list[Json] = [{"patient": "p"}, {"patient": "Patient/p", "write_back": True}, {"bundle": CHART}]
LATER = {"Prefer": "respond-async"}
SERVICE = {"id": f"{STUDY}-patient-view"}
# What there is: values of the path, and bodies that make sense.
KNOWN: dict[str, tuple[Json, list[Json]]] = {
    "screen": ({}, SCREENED),
    "readStudy": ({"study": STUDY}, []),
    "fhirStudy": ({"id": STUDY}, []),
    "fhirOperation": ({"id": "match"}, []),
    "fhirEvaluate": ({"id": STUDY}, QUESTIONS),
    "fhirMatch": ({}, QUESTIONS),
    "callCdsService": (SERVICE, [CALL]),
    "giveCdsFeedback": (SERVICE, [{"feedback": [FEEDBACK]}]),
}
READ = {"readScreening", "fhirEvaluation"}  # what was judged before


@pytest.fixture(scope="module", params=[None, BASE], ids=["no hospital", "a hospital"])
def schema(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """Give the document of a running service, as the service itself gives it."""
    chosen = Settings(home=tmp_path_factory.mktemp("home"), fhir_url=request.param, max_body_bytes=1_000_000)
    with open_store(None, chosen.home) as store, respx.mock(assert_all_called=False) as router:
        Hospital(router, batches=True)
        yield schemathesis.openapi.from_asgi("/openapi.json", create_app(chosen, store))
        shutdown_lifespans()


def cases(called: APIOperation, known: Json, bodies: list[Json]) -> st.SearchStrategy[Case]:
    """Return calls of an operation."""
    modes = [GenerationMode.POSITIVE]
    if called.body or called.query:  # nothing is wrong with a path, but that there is nothing
        modes.append(GenerationMode.NEGATIVE)
    made = [called.as_strategy(mode) for mode in modes]
    if known:
        made += [called.as_strategy(mode, path_parameters=known) for mode in modes]
    for body in bodies:
        made += [called.as_strategy(path_parameters=known or None, body=body, headers=told) for told in ({}, LATER)]
    return st.one_of(made)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # of the library's own making
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_every_answer_is_documented(schema: BaseSchema, operation: Operation) -> None:
    """Whatever comes: no 500, no status that the document does not name, each in the form that it names."""
    called = schema.find_operation_by_id(operation.id)
    known, bodies = KNOWN.get(operation.id, ({}, []))
    if operation.id in READ:
        known = {"id": schema.find_operation_by_id("screen").Case(body={"bundle": CHART}).call().json()["id"]}
    documented = {int(status) for status in called.definition.raw["responses"] if status != "default"}

    @given(case=cases(called, known, bodies))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def call(case: Case) -> None:
        answer = case.call()
        assert answer.status_code in documented, f"{answer.status_code}: {answer.text}"
        case.validate_response(answer, checks=CHECKS)

    call()
