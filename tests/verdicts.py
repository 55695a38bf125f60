"""What the service answers on a chart, asked as tests ask: by criterion id, in the contract's own words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec

from service.eligibility.chart import Chart
from service.eligibility.findings import Finding, Leaf, Node
from service.eligibility.results import CriterionResult, Missing, NotScreened, Screening
from service.eligibility.screen import screen
from service.eligibility.study import Study
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.study.load import default_mappings, load_study, load_vocabulary

AS_OF = "2026-11-23"  # the day of all sample charts
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@cache
def shipped_study() -> Study:
    """Return the study that the project ships, loaded once."""
    return load_study(default_mappings())


@cache
def shipped_reader() -> Reader:
    """Return a reader of charts with the shipped value sets and no server."""
    return Reader(shipped_study().lexicon, load_vocabulary(default_mappings()))


def as_json(resource: dict[str, Any]) -> bytes:
    """Write a resource as JSON; decimals stay as written."""
    return _ENCODER.encode(resource)


class Verdict:
    """A result and the questions that tests ask of it; an id is a criterion's or a part's (``I5.b.1``)."""

    def __init__(self, result: Screening | NotScreened) -> None:
        """Wrap a result of ``screen``."""
        self.result = result

    @property
    def screening(self) -> Screening:
        """The screening; fails when the patient was not screened."""
        assert isinstance(self.result, Screening), self.result
        return self.result

    @property
    def error(self) -> str | None:
        """Why the patient was not screened, or None."""
        return self.result.code if isinstance(self.result, NotScreened) else None

    @property
    def status(self) -> str:
        """``ineligible``, ``potential-candidate`` or ``candidate``."""
        return self.screening.status.value

    @property
    def priority(self) -> int | None:
        """1 to 4, or None."""
        return self.screening.priority

    @property
    def recoverable(self) -> bool | None:
        """Whether time or treatment can change an ``ineligible``."""
        return self.screening.recoverable

    @property
    def rescreen_after(self) -> str | None:
        """The day to look again, as the contract writes it."""
        day = self.screening.rescreen_after
        return day and day.isoformat()

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What could still change a criterion, most useful first."""
        return self.screening.missing

    @property
    def warnings(self) -> list[str]:
        """The codes of the warnings."""
        return [warning.code for warning in self.screening.warnings]

    def missing_reasons(self, criterion: str) -> list[str]:
        """Return the reasons of what ``missing`` gives for this criterion."""
        return [entry.reason.value for entry in self.missing if criterion in entry.unlocks]

    def criterion(self, criterion: str) -> CriterionResult:
        """Return the criterion's result."""
        return next(result for result in self.screening.criteria if result.criterion.id == criterion)

    def outcome(self, criterion: str) -> str:
        """``pass``, ``fail`` or ``open``."""
        return self.criterion(criterion).outcome.value

    def open(self, criterion: str) -> str | None:
        """``missing-data``, ``to-confirm``, or None where the criterion is decided."""
        sort = self.criterion(criterion).open
        return sort and sort.value

    def explanation(self, criterion: str) -> str:
        """Return the sentence for a clinician."""
        return self.criterion(criterion).explanation

    def finding(self, part: str) -> Finding:
        """Return the finding of a criterion or of a part."""
        head = self.criterion(part.partition(".")[0])
        if head.criterion.id == part:
            return head.finding
        return next(finding for finding in _all(head.finding) if finding.id == part)

    def truth(self, part: str) -> str:
        """``true``, ``false`` or ``unknown``: does the sentence hold as the protocol prints it?"""
        return self.finding(part).truth.value

    def leaves(self, part: str) -> list[Leaf]:
        """Return the leaves below a criterion or a part."""
        return [finding for finding in _all(self.finding(part)) if isinstance(finding, Leaf)]

    def leaf(self, part: str, notion: str) -> Leaf:
        """Return the one leaf of that notion."""
        (leaf,) = [leaf for leaf in self.leaves(part) if leaf.notion == notion]
        return leaf

    def reasons(self, part: str) -> list[str]:
        """Return the reasons of the unknown leaves below, each once."""
        return list(dict.fromkeys(leaf.reason.value for leaf in self.leaves(part) if leaf.reason))

    def reason(self, part: str) -> str | None:
        """Return the one reason of the unknown leaves below, None where nothing is unknown."""
        reasons = self.reasons(part)
        assert len(reasons) <= 1, f"{part} is unknown for several reasons:\n{self.show(part)}"
        return reasons[0] if reasons else None

    def notes(self, part: str) -> set[str]:
        """Return the notes of all leaves below."""
        return {note.value for leaf in self.leaves(part) for note in leaf.notes}

    def sources(self, part: str) -> set[str]:
        """Return the records on which the leaves below rest."""
        return {source for leaf in self.leaves(part) for source in leaf.sources}

    def show(self, part: str) -> str:
        """Return the finding as an indented tree, for messages."""
        return "\n".join(_lines(self.finding(part), 0))


def shipped_chart(data: bytes, patient: str | None = None) -> Chart:
    """Return the chart of a Bundle; read from its bytes, it is the same as read from decoded JSON."""
    chart = shipped_reader().read_bundle(decode(data), patient)
    assert shipped_reader().read_bytes(data, patient) == chart
    return chart


def verdict_on(bundle: dict[str, Any], as_of: str, answers: tuple[Any, ...] = ()) -> Verdict:
    """Screen a Bundle of one patient as the command line would: from its JSON."""
    chart = shipped_chart(as_json(bundle))
    return Verdict(screen(shipped_study(), chart, answers, date.fromisoformat(as_of)))


def _all(finding: Finding) -> Iterator[Finding]:
    yield finding
    if isinstance(finding, Node):
        for child in finding.children:
            yield from _all(child)


def _lines(finding: Finding, depth: int) -> Iterator[str]:
    start = f"{'  ' * depth}{finding.op} {finding.id or ''}".rstrip()
    if isinstance(finding, Node):
        yield f"{start}: {finding.truth.value}"
        for child in finding.children:
            yield from _lines(child, depth + 1)
        return
    value = finding.value and finding.value.as_received
    details = [finding.reason, value, finding.effective, *finding.sources, *(f"+{note}" for note in finding.notes)]
    told = ", ".join(str(detail) for detail in details if detail)
    yield f"{start} {finding.notion} {finding.rule}: {finding.truth.value}" + (f" ({told})" if told else "")
