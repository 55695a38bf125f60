"""What may be repeated of an OperationOutcome, and when it says that records are missing."""

from typing import Any

import pytest

from service.fhir.outcome import outcome_text, says_incomplete
from service.study.load import default_mappings, load_vocabulary

VOCABULARY = load_vocabulary(default_mappings())


def outcome(**issue: Any) -> dict[str, Any]:
    """Return an OperationOutcome of one issue."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"} | issue]}


def test_codes_are_said_and_free_text_is_not() -> None:
    """Severity, codes and the server's message number are kept; words about the patient are not."""
    told = outcome(
        diagnostics="HAPI-0389: failed for Marie Curie, https://fhir.hospital.example/Patient/7",
        details={"text": "platelets 12", "coding": [{"code": "4119", "display": "Marie"}, {"code": "not a code"}]},
    )

    assert outcome_text(told) == "warning processing 4119 HAPI-0389"


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        {},
        {"resourceType": "Patient"},
        {"resourceType": "OperationOutcome"},
        outcome(severity=1, code="a b"),
    ],
)
def test_nothing_is_said_of_anything_else(body: object) -> None:
    """Whatever is no OperationOutcome, or holds no codes, gives no text and tells of no loss."""
    assert outcome_text(body) == ""
    assert not says_incomplete(body, VOCABULARY)


@pytest.mark.parametrize(
    ("issue", "incomplete"),
    [
        ({"severity": "error"}, True),
        ({"severity": "fatal"}, True),
        ({"code": "suppressed"}, True),
        ({"code": "too-costly"}, True),
        ({"details": {"coding": [{"code": "4119"}]}}, True),
        ({"details": {"text": "You are NOT AUTHORIZED FOR this."}}, True),
        ({"diagnostics": "It may not contain the entire record"}, True),
        ({}, False),
        ({"severity": "information", "code": "informational", "diagnostics": "3 results"}, False),
        ({"details": {"coding": "4119"}}, False),
    ],
)
def test_what_says_that_records_are_missing(issue: dict[str, Any], *, incomplete: bool) -> None:
    """Errors, withheld or cut answers by code, by a vendor's code and by its words (Q34)."""
    assert says_incomplete(outcome(**issue), VOCABULARY) is incomplete
