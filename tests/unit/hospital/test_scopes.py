"""SMART scopes: the smallest set that a screening needs, and what of it a server did not grant."""

import pytest

from service.hospital.scopes import V1, lacking, scopes_for


def test_reading_asks_for_reading_alone() -> None:
    """Each type once, in order, to be read and searched, and nothing more."""
    assert scopes_for(["Patient", "Condition", "Patient"], writes=False) == "system/Condition.rs system/Patient.rs"


def test_writing_asks_for_what_is_written_and_no_deletion() -> None:
    """Results are found, made and updated; AuditEvents only made; nothing is deleted; the patient is looked up."""
    scopes = scopes_for([], writes=True).split()

    assert "system/ResearchSubject.crus" in scopes
    assert "system/AuditEvent.c" in scopes
    assert "system/Patient.rs" in scopes
    assert not any("d" in scope.rpartition(".")[2] for scope in scopes)


def test_a_type_that_is_read_and_written_is_asked_for_once() -> None:
    """ResearchSubject is read from the chart and written as a result: one scope holds both."""
    scopes = scopes_for(["ResearchSubject", "Observation"], writes=True).split()

    assert [scope for scope in scopes if "ResearchSubject" in scope] == ["system/ResearchSubject.crus"]


def test_scopes_in_the_first_form() -> None:
    """Servers of SMART 1 know read and write alone."""
    scopes = scopes_for(["Observation"], writes=True, form=V1).split()

    assert {"system/Observation.read", "system/ResearchSubject.read", "system/ResearchSubject.write"} < set(scopes)
    assert "system/AuditEvent.write" in scopes
    assert "system/AuditEvent.read" not in scopes


@pytest.mark.parametrize(
    ("asked", "granted", "lacks"),
    [
        ("system/Observation.rs", "system/Observation.rs", []),
        ("system/Observation.rs", "system/*.rs", []),
        ("system/Observation.rs", "system/Observation.cruds openid", []),
        ("system/Observation.rs", "system/Observation.read", []),
        ("system/Observation.read", "system/*.rs", []),
        ("system/Observation.rs", "system/Observation.r system/Observation.s", []),
        ("system/Observation.rs", "system/*.*", []),
        ("system/Observation.rs", "user/Observation.rs", ["system/Observation.rs"]),
        ("system/Observation.rs", "system/Observation.r", ["system/Observation.rs"]),
        ("system/Observation.rs", "system/Condition.rs", ["system/Observation.rs"]),
        ("system/Observation.rs", "", ["system/Observation.rs"]),
        ("system/*.rs", "system/Observation.rs", ["system/*.rs"]),
        ("system/List.crus", "system/List.read", ["system/List.crus"]),
        ("system/List.crus", "system/List.read system/List.write", []),
        ("fhir.read", "fhir.read", []),
        ("fhir.read", "system/*.rs", ["fhir.read"]),
        # A part of the Observations is not all of them.
        ("system/Observation.rs", "system/Observation.rs?category=laboratory", ["system/Observation.rs"]),
    ],
)
def test_what_was_not_granted(asked: str, granted: str, lacks: list[str]) -> None:
    """A scope counts as granted in whichever form the server writes it, and only where all of it is."""
    assert lacking(asked, granted) == lacks
