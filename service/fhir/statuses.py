"""What a record's status says about whether it counts: void, pending, or counted."""

from __future__ import annotations

from service.eligibility.chart import Standing
from service.fhir.codings import codes
from service.fhir.references import Resource

_VOID = {
    "Observation": {"cancelled"},
    "DiagnosticReport": {"cancelled", "registered", "partial", "preliminary", "unknown"},
    "ImagingStudy": {"cancelled"},
    "Procedure": {"not-done", "preparation", "in-progress", "on-hold"},  # not done, or not yet
    "MedicationAdministration": {"not-done"},
    "Flag": {"inactive"},
}
_ENTERED_IN_ERROR = "entered-in-error"
_VOID_VERIFICATIONS = {_ENTERED_IN_ERROR, "refuted"}
STANDINGS = {"final": Standing.FINAL, "amended": Standing.AMENDED, "corrected": Standing.CORRECTED}


def status_of(resource: Resource) -> str:
    """``status`` in FHIR's spelling, stray blanks and capitals left out; empty where there is none."""
    status = resource.get("status")
    return status.strip().lower() if isinstance(status, str) else ""


def standing_of(resource: Resource) -> Standing:
    """How an Observation's status counts; one that is missing or not known is as good as none."""
    return STANDINGS.get(status_of(resource), Standing.PENDING)


def is_void(resource: Resource) -> bool:
    """Whether a record takes itself back: entered in error, cancelled, not done, refuted."""
    status = status_of(resource)
    if status == _ENTERED_IN_ERROR or status in _VOID.get(str(resource.get("resourceType")), ()):
        return True
    verification = resource.get("verificationStatus")
    return verification is not None and not _VOID_VERIFICATIONS.isdisjoint(codes(verification))
