"""What screening asks of the world outside: the hospital's records, and a place for results.

The rooms of floor 3 fit these Protocols without importing one another; tests bring their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from service.eligibility.chart import Chart
from service.eligibility.results import NotScreened, Screening


class Written(NamedTuple):
    """What became of a write: the references of what was written, or why nothing was."""

    done: bool
    resources: tuple[str, ...] = ()
    why: str | None = None  # unchanged, no-disease-on-record, patient-not-on-write-server …
    person_status: str | None = None  # the status that a person has set on this study's ResearchSubject

    @property
    def document(self) -> dict[str, Any]:
        """As callers see it."""
        if self.done:
            return {"done": True, "resources": list(self.resources)}
        return {"done": False, "why": self.why}


class Charts(Protocol):
    """The hospital's records, by patient."""

    async def chart(self, patient: str) -> Chart | NotScreened:
        """Read everything a screening needs of ``Patient/id``.

        An unknown patient is a ``NotScreened`` (``patient-not-found``). Raises ``TryLater`` and ``Never``.
        """
        ...


class Results(Protocol):
    """Where results are posted."""

    async def post(self, screening: Screening, chart: Chart) -> Written:
        """Post one result, safe to repeat. Raises ``TryLater`` and ``Never``."""
        ...
