"""Leaves about numbers and dates: one measurement, two methods, a pair, the time since an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal

from service.eligibility.findings import Note
from service.eligibility.moment import Span
from service.eligibility.notions import Plausible
from service.eligibility.rules.base import Bounds, LeafRule


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedBy:
    """A coded finding that states the comparison itself, e.g. "BMI less than 16.5"."""

    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The value is corrected with another notion's value nearest to its day, by a formula.

    Without one within ``within`` days the correction is bounded by ``low`` and ``high``.
    Values that carry the tag ``already`` are used as they are.
    """

    formula: str
    given: str  # the notion, e.g. haemoglobin
    within: Span
    low: Decimal
    high: Decimal
    already: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpperLimit:
    """The threshold is ``times`` the result's own upper limit of normal.

    Without one, decided where both bounds of a plausible limit agree.
    """

    times: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(LeafRule, Bounds):
    """The newest usable value of a notion inside its window, compared with thresholds."""

    op: ClassVar[str] = "measure"
    measure: str
    unit: str
    true_means: Literal["true", "needs-judgement"] = "true"
    corrected: Correction | None = None
    upper_limit: UpperLimit | None = None  # with gt/ge: times the result's own upper limit
    stated_by: StatedBy | None = None
    not_measurable: Literal["needs-judgement", "no-usable-value"] = "no-usable-value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Bounds):
    """One way to measure, with its own thresholds; a value on a ``gap`` is in neither side."""

    measure: str
    gap: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByMethod(LeafRule):
    """One sentence that may be shown by a reference method or by an estimate.

    ``reference-decides``: a reference value in its window decides, else the estimate.
    ``must-agree``: where both are in their windows and differ, a person decides; an older reference
    value over its threshold with no newer one is for a person too, unless the estimate is over.
    """

    op: ClassVar[str] = "by-method"
    by_method: str  # the notion under which a gap is reported
    reference: Method
    estimate: Method
    unit: str
    when_both: Literal["reference-decides", "must-agree"]
    estimate_alone: Note | None = None
    disagreement: Note | None = None
    performed_by: tuple[str, ...] = ()  # notions of the examination, which may yield no value
    performed_with: dict[str, str] = field(default_factory=dict)  # notion -> tag that shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """Limits of the two values of a pair."""

    first: Decimal
    second: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(LeafRule):
    """Two values of one record: both below → false; one at or over the upper limits → flagged."""

    op: ClassVar[str] = "pair"
    pair: str
    first: str  # tag, e.g. systolic
    second: str  # tag, e.g. diastolic
    unit: str
    first_plausible: Plausible
    second_plausible: Plausible
    false_below: PairLimits
    flagged_from: PairLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapsedSince(LeafRule):
    """At most so much time since an event: its recorded date, else the onset of a diagnosis."""

    op: ClassVar[str] = "elapsed-since"
    elapsed_since: str  # the notion whose readings hold the date
    else_onset_of: str  # the notion whose confirmed diagnoses hold an onset
    le: Span
