"""A result made ready to be kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from service.eligibility.results import NotScreened, Screening
from service.screening.document import Document, document, encode
from service.work.model import StoredScreening


def to_keep(
    id_: str,
    result: Screening | NotScreened,
    *,
    study: str,
    as_of: date,
    trigger: str,
    written: Document | None = None,
) -> StoredScreening:
    """Return a result as it is kept under its id."""
    kept = StoredScreening(
        id=id_,
        study=study,
        patient=result.patient or None,
        as_of=as_of,
        trigger=trigger,
        document=encode(document(result, id=id_, written=written)),
    )
    if isinstance(result, NotScreened):
        return replace(kept, error=result.code)
    rules = result.study.rulebook.hash
    return replace(kept, status=result.status.value, priority=result.priority, rules=rules)
