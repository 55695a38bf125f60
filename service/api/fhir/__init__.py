"""``/fhir``: the same use cases for callers who speak FHIR R4; JSON alone, and errors as OperationOutcome."""

from __future__ import annotations

from service.api.fhir import conformance, evaluation, match

routers = (conformance.router, evaluation.router, match.router)
