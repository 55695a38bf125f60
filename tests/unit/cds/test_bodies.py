"""What CDS clients send, in the specification's forms with all that it allows beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from service.api.cds_bodies import decode_call, decode_feedback
from service.api.problems import Problem

Json = dict[str, Any]

PATIENT_VIEW: Json = {
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": "https://ehr.example/fhir",
    "hook": "patient-view",
    "fhirAuthorization": {
        "access_token": "opaque-and-short-lived",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/Patient.read patient/Observation.read",
        "subject": "candor",
        "patient": "demo-01",
    },
    "context": {"userId": "PractitionerRole/A2340113", "patientId": "demo-01", "encounterId": "753"},
    "prefetch": {"Patient": {"resourceType": "Patient", "id": "demo-01"}, "Observation": None},
    "extension": {"example.ehr.timestamp": "2026-11-25T22:13:25Z"},
}
ORDER_SIGN: Json = {
    "hookInstance": "4b1a4b1c-6a4a-4b2e-9f3a-7f3fd7e6c0de",
    "hook": "order-sign",
    "context": {
        "userId": "Practitioner/123",
        "patientId": "1288992",
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "ServiceRequest", "id": "draft-1", "status": "draft"}}],
        },
    },
}


def test_a_call_of_patient_view_is_read() -> None:
    """What the service needs is there; extensions and what else the specification allows are passed over."""
    said = decode_call(json.dumps(PATIENT_VIEW).encode())

    assert (said.hook, said.context.userId, said.context.patientId) == (
        "patient-view",
        "PractitionerRole/A2340113",
        "demo-01",
    )
    assert said.fhirServer == "https://ehr.example/fhir"
    assert said.fhirAuthorization is not None
    assert said.fhirAuthorization.access_token == "opaque-and-short-lived"  # noqa: S105 - made up
    assert said.prefetch == PATIENT_VIEW["prefetch"]


def test_a_call_of_order_sign_is_read() -> None:
    """A call without prefetch and access is one too."""
    said = decode_call(json.dumps(ORDER_SIGN).encode())

    assert (said.hook, said.context.patientId, said.prefetch, said.fhirServer) == ("order-sign", "1288992", None, None)


def test_decimals_of_a_prefetch_stay_as_written() -> None:
    """``10.50`` is not ``10.5``, wherever it stands."""
    text = json.dumps(ORDER_SIGN | {"prefetch": {"Observation": {"value": "V"}}}).replace('"V"', "10.50")
    said = decode_call(text.encode())

    assert said.prefetch is not None
    assert str(said.prefetch["Observation"]["value"]) == "10.50"
    assert said.prefetch["Observation"]["value"] == Decimal("10.50")


def test_a_lent_token_shows_in_no_representation() -> None:
    """Whatever prints a call by accident prints no token."""
    assert "opaque" not in repr(decode_call(json.dumps(PATIENT_VIEW).encode()))


@pytest.mark.parametrize(
    "changed",
    [
        {"fhirAuthorization": {"token_type": "Bearer"}},
        {"fhirAuthorization": {"access_token": ""}},
        {"fhirAuthorization": {"access_token": "a b"}},
        {"context": {"userId": "", "patientId": "1"}},
        {"context": {"userId": "Practitioner/1", "patientId": "1" * 65}},
        {"hook": None},
        *({"fhirServer": each} for each in ("", "https://ehr.example/\0", "https://é", "https://a b")),
    ],
)
def test_what_the_specification_does_not_allow_is_refused(changed: Json) -> None:
    """A token that cannot stand in a header, a patient without an id, a server's address that is none."""
    with pytest.raises(Problem) as refused:
        decode_call(json.dumps(PATIENT_VIEW | changed).encode())

    assert (int(refused.value.status), refused.value.code) == (400, "invalid-body")
    assert "opaque" not in refused.value.detail


CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
ACCEPTED = {"acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}]}
REASON = {"reason": {"code": "d7ecf885", "system": "https://ehr.example/reasons"}, "userComment": "Not this year."}


@pytest.mark.parametrize(
    ("outcome", "more"),
    [
        ("accepted", ACCEPTED),
        ("overridden", {}),
        ("overridden", {"overrideReason": REASON}),
        ("overridden", {"overrideReason": {"userComment": "x"}}),
    ],
)
def test_feedback_is_read(outcome: str, more: Json) -> None:
    """Each form of feedback that the specification shows."""
    entry = {"card": CARD, "outcome": outcome, "outcomeTimestamp": "2026-11-25T10:05:31Z"} | more
    [told] = decode_feedback(json.dumps({"feedback": [entry]}).encode()).feedback

    assert (str(told.card), told.outcome) == (CARD, outcome)
    assert told.outcomeTimestamp == datetime(2026, 11, 25, 10, 5, 31, tzinfo=UTC)
