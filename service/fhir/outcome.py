"""What an OperationOutcome says: in words that are safe to log, and whether records were withheld."""

from __future__ import annotations

import re
from typing import Any

from service.eligibility.vocabulary import Vocabulary

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
# Free text may name a patient, an id or a value; the numbers that servers give their messages do not.
_MESSAGE_NUMBER = re.compile(r"\bHAPI-\d{4}\b")


def outcome_text(body: object) -> str:
    """Return the codes of an OperationOutcome, e.g. ``error processing HAPI-0989``; empty for anything else.

    Free text (``diagnostics``, ``details.text``, displays) is left out: it may hold clinical content.
    """
    return "; ".join(text for issue in _issues(body) if (text := _issue_text(issue)))


def is_outcome(body: object) -> bool:
    """Whether this is an OperationOutcome."""
    return isinstance(body, dict) and body.get("resourceType") == "OperationOutcome"


def says_incomplete(body: object, vocabulary: Vocabulary) -> bool:
    """Whether an OperationOutcome tells that records are missing from the answer that carries it."""
    return any(_withholds(issue, vocabulary) for issue in _issues(body))


def _issues(body: object) -> list[dict[str, Any]]:
    issues = body.get("issue") if isinstance(body, dict) and is_outcome(body) else None
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def _issue_text(issue: dict[str, Any]) -> str:
    words = [issue.get("severity"), issue.get("code"), *_detail_codes(issue)]
    codes = [word for word in words if isinstance(word, str) and _CODE.match(word)]
    return " ".join([*codes, *_MESSAGE_NUMBER.findall(str(issue.get("diagnostics", "")))])


def _detail_codes(issue: dict[str, Any]) -> list[Any]:
    details = issue.get("details")
    codings = details.get("coding") if isinstance(details, dict) else None
    if not isinstance(codings, list):
        return []
    return [coding.get("code") for coding in codings if isinstance(coding, dict)]


def _withholds(issue: dict[str, Any], vocabulary: Vocabulary) -> bool:
    if issue.get("severity") in ("error", "fatal") or str(issue.get("code")) in vocabulary.incomplete_codes:
        return True
    if not vocabulary.incomplete_details.isdisjoint(map(str, _detail_codes(issue))):
        return True
    details = issue.get("details")
    said = [issue.get("diagnostics"), details.get("text") if isinstance(details, dict) else None]
    text = " ".join(part for part in said if isinstance(part, str)).lower()
    return any(phrase in text for phrase in vocabulary.incomplete_texts)
