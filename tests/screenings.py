"""Results for tests of what is written, without an evaluation: two criteria, one with evidence and one without."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

from service.eligibility.findings import Leaf, Node, Open, Reason
from service.eligibility.results import CriterionResult, Missing, Outcome, Screening, Status
from service.eligibility.study import Rulebook, Study
from service.eligibility.truth import Truth
from service.study.load import default_mappings, load_study

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@cache
def study(hash_: str = "sha256:ab12") -> Study:
    """Return the shipped study, with rules whose version and hash do not change when the rules do."""
    return replace(
        load_study(default_mappings(), "NCT06722105"), rulebook=Rulebook(version="1.0.0", hash=hash_, reviewed=False)
    )


def screening(
    status: Status = Status.POTENTIAL_CANDIDATE,
    *,
    patient: str = "Patient/ho-001",
    source: str = "Observation/ho-001-mrss/_history/1",
    rules: str = "sha256:ab12",
    as_of: date = date(2026, 11, 23),
    without_disease: bool = False,
) -> Screening:
    """Return a result: I5 passes by ``source``, E3 is open for want of a DLCO."""
    of = study(rules)
    severe, lungs = (next(item for item in of.criteria if item.id == id_) for id_ in ("I5", "E3"))
    mrss = Leaf("measure", None, "mrss", ">= 15 {score}", Truth.TRUE, sources=(source,))
    dlco = Leaf("measure", None, "dlco_percent_predicted", "< 30 %", Truth.UNKNOWN, Reason.NO_RECORD)
    return Screening(
        study=of,
        patient=patient,
        as_of=as_of,
        status=status,
        priority={Status.CANDIDATE: 1, Status.POTENTIAL_CANDIDATE: 2, Status.INELIGIBLE: None}[status],
        person_status=None,
        recoverable=None,
        rescreen_after=None,
        preconditions=(),
        criteria=(
            CriterionResult(severe, Truth.TRUE, Outcome.PASS, None, "", Node("any-of", "I5", Truth.TRUE, (mrss, mrss))),
            CriterionResult(lungs, Truth.UNKNOWN, Outcome.OPEN, Open.MISSING_DATA, "", dlco),
        ),
        missing=(Missing("dlco_percent_predicted", Reason.NO_RECORD, ("E3",)),),
        warnings=(),
        without_disease=without_disease,
    )
