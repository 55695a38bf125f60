"""The result of screening one chart, before any protocol (JSON, FHIR, terminal) writes it out."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from service.eligibility.chart import Warning_
from service.eligibility.findings import Finding, Open, Reason
from service.eligibility.rules import Criterion
from service.eligibility.study import Study
from service.eligibility.truth import Truth

LISTED = frozenset({1, 2, 3})  # priorities of whom people are told; 4 is never shown to anyone unasked
OPPOSITION = frozenset({"Consent", "Flag"})  # resource types in which an opposition to research is recorded


class Outcome(StrEnum):
    """What a criterion's truth means for eligibility."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    OPEN = "open"


class Status(StrEnum):
    """The status recommended, in the codes of FHIR R4 ``ResearchSubject.status``."""

    INELIGIBLE = "ineligible"
    POTENTIAL_CANDIDATE = "potential-candidate"
    CANDIDATE = "candidate"


class CriterionResult(NamedTuple):
    """One criterion judged, with its tree of findings."""

    criterion: Criterion
    truth: Truth
    outcome: Outcome
    open: Open | None
    explanation: str
    finding: Finding


class Missing(NamedTuple):
    """What is not known and could still change the criteria it ``unlocks``."""

    notion: str
    reason: Reason
    unlocks: tuple[str, ...]


class FailedPrecondition(NamedTuple):
    """A precondition that fails: nothing in the criteria matters then."""

    code: str  # deceased
    date: str | None


class Screening(NamedTuple):
    """The machine's view of one patient for one study on one day."""

    study: Study
    patient: str
    as_of: date
    status: Status
    priority: int | None
    person_status: str | None
    recoverable: bool | None
    rescreen_after: date | None
    preconditions: tuple[FailedPrecondition, ...]
    criteria: tuple[CriterionResult, ...]
    missing: tuple[Missing, ...]
    warnings: tuple[Warning_, ...]
    without_disease: bool  # I4-like absence: nothing is written about such a person

    @property
    def permission_unknown(self) -> bool:
        """Whether an opposition may be among the records that could not be had: nothing is written then.

        An OperationOutcome among records that came together does not tell of which type some are missing.
        """
        may_hold_one = OPPOSITION | {"OperationOutcome"}
        return any(
            each.code == "records-incomplete" and each.source.partition("/")[0] in may_hold_one
            for each in self.warnings
        )


class NotScreened(NamedTuple):
    """A patient that cannot be screened, and why."""

    patient: str
    code: str  # patient-replaced, not-permitted, patient-unreadable, patient-not-found
    detail: str
    replaced_by: str | None = None
