"""A kept document read back as the result it was written from, so that it can be posted later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import msgspec

from service.eligibility.chart import Warning_
from service.eligibility.findings import Finding, Leaf, Node, Note, Open, Reason, Value
from service.eligibility.results import CriterionResult, FailedPrecondition, Missing, Outcome, Screening, Status
from service.eligibility.study import Study
from service.eligibility.truth import Truth
from service.screening.document import Document, encode
from service.screening.ports import Why, Written

decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_document(document: Document, study: Study, *, without_disease: bool) -> Screening:
    """Return the screening. ``study`` is the same study, maybe with newer rules: the document's own are kept.

    Raises ``KeyError`` where the study has no such criterion any more.
    """
    criteria = {criterion.id: criterion for criterion in study.criteria}
    return Screening(
        study=_judged_by(study, document["rules"]),
        patient=document["patient"],
        as_of=date.fromisoformat(document["as_of"]),
        status=Status(document["status"]),
        priority=document["priority"],
        person_status=document["person_status"],
        recoverable=document["recoverable"],
        rescreen_after=date.fromisoformat(document["rescreen_after"]) if document["rescreen_after"] else None,
        preconditions=tuple(FailedPrecondition(**each) for each in document["preconditions"]),
        criteria=tuple(
            CriterionResult(
                criteria[each["id"]],
                Truth(each["truth"]),
                Outcome(each["outcome"]),
                Open(each["open"]) if each["open"] else None,
                each["explanation"],
                _finding(each["finding"]),
            )
            for each in document["criteria"]
        ),
        missing=tuple(
            Missing(each["notion"], Reason(each["reason"]), tuple(each["unlocks"])) for each in document["missing"]
        ),
        warnings=tuple(Warning_(**each) for each in document["warnings"]),
        without_disease=without_disease,
    )


def _judged_by(study: Study, rules: dict[str, Any]) -> Study:
    rulebook = replace(study.rulebook, **rules)
    return study if rulebook == study.rulebook else replace(study, rulebook=rulebook)


def with_written(document: bytes, written: Written) -> bytes:
    """Return the document with what became of posting it; a person's status as the server tells it."""
    told = {"person_status": written.person_status, "written": written.document}
    return encode(decode(document) | told)


_OF_THE_MOMENT = ("id", "as_of", "person_status", "written", "software")


def says_the_same(one: bytes, other: bytes) -> bool:
    """Whether two results differ in nothing but the day, and in what is about posting them."""
    first, second = decode(one), decode(other)
    for each in (first, second):
        for name in _OF_THE_MOMENT:
            each.pop(name, None)
    return first == second


def with_newer_post(document: bytes, newer: bytes) -> bytes:
    """Return a document with what a later one that says the same tells of posting; what was written stays written."""
    old, new = decode(document), decode(newer)
    before, now = old.get("written"), new.get("written")
    told = {"person_status": new.get("person_status")}
    if now is not None and (now["done"] or before is None or not before["done"]):
        told["written"] = now
    changed = {name: value for name, value in told.items() if old.get(name) != value}
    return encode(old | changed) if changed else document


def not_posted(document: bytes, why: Why) -> bytes:
    """Return the document of a result that no server was asked to take."""
    return encode(decode(document) | {"written": Written(done=False, why=why).document})


def _finding(finding: Document) -> Finding:
    truth = Truth(finding["truth"])
    if "children" in finding:
        return Node(finding["op"], finding["id"], truth, tuple(map(_finding, finding["children"])))
    return Leaf(
        finding["op"],
        finding.get("id"),
        finding["notion"],
        finding["rule"],
        truth,
        Reason(finding["reason"]) if finding["reason"] else None,
        Value(**finding["value"]) if finding["value"] else None,
        finding["effective"],
        tuple(finding["sources"]),
        tuple(map(Note, finding["notes"])),
    )
