"""Whether tools agree about an export: the documents of ours byte for byte, the people that a smaller rule names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Document = dict[str, Any]

_OF_THE_RUN = ("id", "written", "person_status")  # what differs between two runs about one chart
_NOT_CODED = "ssc-not-coded"


def by_patient(lines: bytes) -> dict[str, Document]:
    """Return the documents of JSON lines by patient, without what is of the run."""
    documents = (json.loads(line) for line in lines.splitlines())
    return {
        document["patient"]: {key: value for key, value in document.items() if key not in _OF_THE_RUN}
        for document in documents
    }


def with_disease(documents: dict[str, Document]) -> dict[str, Document]:
    """Return those about whom absence alone does not say that they have not the disease."""
    return {patient: each for patient, each in documents.items() if "error" in each or _outcome(each, "I4") != "fail"}


def check_same(found: dict[str, Document], all_of_them: dict[str, Document], tool: str) -> None:
    """Raise ``SystemExit`` where a tool misses somebody with the disease, or says something else about somebody."""
    missed = with_disease(all_of_them).keys() - found.keys()
    other = [patient for patient, each in found.items() if json.dumps(each) != json.dumps(all_of_them.get(patient))]
    if missed or other:
        raise SystemExit(f"{tool}: {len(missed)} people missed, other documents of {len(other)}")


def check_named(named: Iterable[str], documents: dict[str, Document], tool: str) -> None:
    """Raise ``SystemExit`` where a tool's smaller rule names others than those whose documents say the same."""
    ours = {patient for patient, each in documents.items() if "error" not in each and _passes(each)}
    if ours != set(named):
        raise SystemExit(f"{tool}: other people than the documents name: {len(ours.symmetric_difference(named))}")


def _passes(document: Document) -> bool:
    """Whether the document says what ``bench.population_duckdb`` asks."""
    diagnosed = _NOT_CODED not in str(_criterion(document, "I4")["finding"]) and _outcome(document, "I4") != "fail"
    inside = all(_outcome(document, criterion) == "pass" for criterion in ("I3", "E4", "E11"))
    filtered = any(each["truth"] == "false" for each in _leaves(document, "E3", "egfr"))
    inflamed = any(each["truth"] == "true" for each in _leaves(document, "I5", "crp", "hemoglobin"))
    return diagnosed and inside and filtered and inflamed


def _leaves(document: Document, criterion: str, *notions: str) -> Iterator[Document]:
    waiting = [_criterion(document, criterion)["finding"]]
    while waiting:
        finding = waiting.pop()
        waiting += finding.get("children", ())
        if finding.get("notion") in notions:
            yield finding


def _outcome(document: Document, criterion: str) -> str:
    return str(_criterion(document, criterion)["outcome"])


def _criterion(document: Document, criterion: str) -> Document:
    return next(each for each in document["criteria"] if each["id"] == criterion)
