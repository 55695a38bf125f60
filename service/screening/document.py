"""One screening as callers see it: the JSON document of the API, the command line and result files.

The same chart, answers, rules and day give the same bytes apart from ``id``, ``written`` and ``person_status``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from service import __version__
from service.eligibility.findings import Finding, Node, Note, Open
from service.eligibility.results import CriterionResult, NotScreened, Outcome, Screening
from service.eligibility.truth import Truth

Document = dict[str, Any]

SOFTWARE = {"name": "candor", "version": __version__}
_TRUE, _FALSE = Truth.TRUE, Truth.FALSE
_encoder = msgspec.json.Encoder()


def document(result: Screening | NotScreened, *, id: str, written: Document | None = None) -> Document:  # noqa: A002 - the key's name
    """Return the result as plain JSON values, keys in their fixed order; a patient not screened gives an error."""
    if isinstance(result, NotScreened):
        return _error(result)
    record, rulebook = result.study.record, result.study.rulebook
    return {
        "id": id,
        "study": record.id,
        "patient": result.patient,
        "as_of": result.as_of.isoformat(),
        "status": result.status.value,
        "priority": result.priority,
        "person_status": result.person_status,
        "recoverable": result.recoverable,
        "rescreen_after": result.rescreen_after.isoformat() if result.rescreen_after else None,
        "preconditions": [{"code": failed.code, "date": failed.date} for failed in result.preconditions],
        "summary": _summary(result.criteria),
        "criteria": [_criterion(each) for each in result.criteria],
        "missing": [
            {"notion": gap.notion, "reason": gap.reason.value, "unlocks": list(gap.unlocks)} for gap in result.missing
        ],
        "warnings": [
            {"code": code, "source": source, "detail": detail} for code, source, detail in sorted(set(result.warnings))
        ],
        "written": written,
        "study_status": record.status,
        "rules": {"version": rulebook.version, "hash": rulebook.hash, "reviewed": rulebook.reviewed},
        "software": SOFTWARE,
    }


def encode(document: Document) -> bytes:
    """Write compact JSON."""
    return _encoder.encode(document)


def _error(result: NotScreened) -> Document:
    error = {"code": result.code, "detail": result.detail}
    if result.replaced_by is not None:
        error["replaced_by"] = result.replaced_by
    return {"patient": result.patient, "error": error}


def _summary(criteria: tuple[CriterionResult, ...]) -> dict[str, int]:
    outcomes = [each.outcome for each in criteria]
    return {
        "pass": outcomes.count(Outcome.PASS),
        "fail": outcomes.count(Outcome.FAIL),
        "open": outcomes.count(Outcome.OPEN),
        "missing_data": sum(each.open is Open.MISSING_DATA for each in criteria),
        "to_confirm": sum(each.open is Open.TO_CONFIRM for each in criteria),
    }


def _criterion(result: CriterionResult) -> Document:
    criterion, truth, outcome, opened, explanation, finding = result
    return {
        **_printed(criterion.id, criterion.kind.value, criterion.title["en"], criterion.text),
        "truth": truth.value,
        "outcome": outcome.value,
        "open": opened.value if opened else None,
        "explanation": explanation,
        "finding": _finding(finding),
    }


@lru_cache(maxsize=1024)
def _printed(number: str, kind: str, title: str, text: str) -> dict[str, str]:
    """Return what the protocol prints, which is the same for every patient."""
    return {"id": number, "kind": kind, "title": title, "quote": text}


def _finding(finding: Finding) -> Document:
    # Some hundred of these make a document: no call, no lookup more than needed.
    truth = finding.truth
    word = "true" if truth is _TRUE else "false" if truth is _FALSE else "unknown"
    if isinstance(finding, Node):
        children = [_finding(child) for child in finding.children]
        return {"op": finding.op, "id": finding.id, "truth": word, "children": children}
    op, number, notion, rule, _, reason, value, effective, sources, notes = finding
    leaf = {
        "op": op,
        "notion": notion,
        "rule": rule,
        "truth": word,
        "reason": reason,
        "value": None if value is None else {"text": value[0], "unit": value[1], "as_received": value[2]},
        "effective": effective,
        "sources": list(sources),
        "notes": _notes(notes) if notes else [],
    }
    return leaf if number is None else {"op": op, "id": number, **leaf}


def _notes(notes: tuple[Note, ...]) -> list[Note]:
    """Return the notes, what a reader must see first in front."""
    if len(notes) == 1 or Note.FLAGGED not in notes:
        return list(notes)
    return [Note.FLAGGED, *(note for note in notes if note is not Note.FLAGGED)]
