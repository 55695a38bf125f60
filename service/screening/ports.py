"""What screening asks of the world outside: the hospital's records, and a place for results.

``service.app`` fits the rooms of floor 3 to these Protocols; tests bring their own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from service.eligibility.chart import Person
from service.eligibility.results import Screening


class Pulled(NamedTuple):
    """A patient's records (resource, fullUrl), and what may be missing of them."""

    resources: list[tuple[dict[str, Any], str | None]]
    failed: frozenset[str] = frozenset()  # resource types of which some may be missing
    incomplete: bool = False  # anything may be missing


class Why(StrEnum):
    """Why nothing was written: ``written.why`` of a result."""

    UNCHANGED = "unchanged"  # the server tells it already
    NO_DISEASE = "no-disease-on-record"  # and no ResearchSubject of the study
    NOT_THERE = "patient-not-on-write-server"  # or several are
    PERMISSION = "permission-unknown"  # an opposition may be among records that could not be had
    SUPERSEDED = "superseded"  # a newer result of the patient stands, or a refusal
    REFUSED = "refused"  # the server refused for good: the job is parked


class Written(NamedTuple):
    """What became of a write: the references of what was written, or why nothing was."""

    done: bool
    resources: tuple[str, ...] = ()
    why: Why | None = None
    person_status: str | None = None  # the status that a person has set on this study's ResearchSubject

    @property
    def document(self) -> dict[str, Any]:
        """As callers see it."""
        if self.done:
            return {"done": True, "resources": list(self.resources)}
        return {"done": False, "why": self.why}


class Records(Protocol):
    """The hospital's records, by patient."""

    async def fetch(self, patient: str) -> Pulled:
        """Fetch everything that a screening needs of ``Patient/id``.

        Raises ``InputError`` with the code ``patient-not-found``, ``TryLater`` and ``Never``.
        """
        ...


class Results(Protocol):
    """Where results are posted, and people's own statuses stand."""

    async def post(self, screening: Screening, person: Person, *, listed: bool = True) -> Written:
        """Post one result about ``person``, safe to repeat; not ``listed``: the screening list stays as it is.

        Raises ``TryLater`` and ``Never``.
        """
        ...

    async def person_status(self, screening: Screening, person: Person) -> str | None:
        """Return the status that a person has set on the study's ResearchSubject, if any.

        The screening has what the chart shows of it. Raises ``TryLater`` and ``Never``.
        """
        ...
