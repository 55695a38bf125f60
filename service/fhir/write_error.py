"""An error as a FHIR R4 OperationOutcome, in our own words alone."""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B.operationoutcome import OperationOutcome

# Our code -> FHIR's issue type; what is not named here is ``invalid``.
_TYPES = {
    "data-missing": "incomplete",
    "hospital-server-down": "transient",
    "hospital-server-refuses": "transient",
    "idempotency-key-reused": "conflict",
    "internal": "exception",
    "invalid-token": "security",
    "issuer-down": "transient",
    "method-not-allowed": "not-supported",
    "nested-too-deeply": "structure",
    "no-hospital-server": "conflict",
    "no-pseudonyms": "forbidden",
    "no-token": "login",
    "not-acceptable": "not-supported",
    "not-found": "not-found",
    "not-json": "structure",
    "not-permitted": "forbidden",
    "parked": "transient",
    "patient-not-found": "not-found",
    "patient-replaced": "business-rule",
    "queue-full": "throttled",
    "role-missing": "forbidden",
    "scope-missing": "forbidden",
    "store-down": "transient",
    "too-large": "too-long",
    "too-many-entries": "too-long",
    "too-slow": "timeout",
    "under-way": "transient",
    "unknown-screening": "not-found",
    "unknown-service": "not-found",
    "unknown-study": "not-found",
    "untrusted": "security",
}


def write_error(code: str, detail: str) -> dict[str, Any]:
    """Return the OperationOutcome of an error: its type in FHIR's words, and our own code and sentence."""
    return _write("error", _TYPES.get(code, "invalid"), {"coding": [{"code": code}], "text": detail})


def write_under_way(detail: str) -> dict[str, Any]:
    """Return what is said while a result is awaited."""
    return _write("information", "informational", {"text": detail})


def _write(severity: str, kind: str, details: dict[str, Any]) -> dict[str, Any]:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": kind, "details": details}],
    }
    OperationOutcome.model_validate(outcome)
    return outcome
