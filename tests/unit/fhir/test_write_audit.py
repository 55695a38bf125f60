"""The record that a chart was read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service import __version__
from service.fhir.write_audit import write_audit
from tests.screenings import NOW, study

GOLDEN = Path(__file__).parents[2] / "golden/audit_event.json"


def event() -> dict[str, Any]:
    """Return one."""
    server = "https://fhir.hospital.example:8443/r4"
    return write_audit(study(), "Patient/p", server=server, machine="screener-1", now=NOW)


def test_a_read_is_recorded_as_reviewed() -> None:
    """Who read whose chart from where and when, by IHE's pattern PatientRead, and nothing of a result (golden file)."""
    assert event() == json.loads(GOLDEN.read_text().replace("VERSION", __version__))


def test_it_fits_the_schema_of_r4(fhir_schema: Callable[[dict[str, Any]], None]) -> None:
    """The AuditEvent holds to HL7's JSON schema of R4."""
    fhir_schema(event())
