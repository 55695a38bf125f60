"""The criteria as a tree of rules: combinations and a few general kinds of leaf.

Every computed leaf carries the protocol's words that it implements (``quote``). No kind of leaf
belongs to one criterion or one study; which notion, threshold and window it uses is data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from service.eligibility.findings import Note
from service.eligibility.moment import Span
from service.eligibility.notions import Plausible


class Kind(StrEnum):
    """Whether the sentence has to hold or must not hold."""

    INCLUSION = "inclusion"
    EXCLUSION = "exclusion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What combinations and leaves share."""

    op: ClassVar[str] = ""
    id: str | None = None
    quote: str | None = None  # verbatim words of the protocol
    reading: str | None = None  # the decision record where the text allows several readings


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Rule):
    """Kleene's conjunction."""

    op: ClassVar[str] = "all-of"
    children: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Rule):
    """Kleene's disjunction."""

    op: ClassVar[str] = "any-of"
    children: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Rule):
    """Kleene's negation."""

    op: ClassVar[str] = "not"
    child: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Same(Rule):
    """The very leaf that another place of the study names by its id, asked once more."""

    op: ClassVar[str] = "same"
    same_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRule(Rule):
    """What all leaves share."""

    notes: tuple[Note, ...] = ()  # said when the leaf is true
    signal: bool = False  # a true leaf that makes a potential candidate worth a look (priority 3)


@dataclass(frozen=True, kw_only=True)  # no slots: a second base of leaves cannot have any
class Bounds:
    """Comparisons that must all hold, with the FHIR prefixes ``lt le gt ge``."""

    lt: Decimal | None = None
    le: Decimal | None = None
    gt: Decimal | None = None
    ge: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Age(LeafRule, Bounds):
    """Completed years on the screening date."""

    op: ClassVar[str] = "age"
    age: str  # the notion


@dataclass(frozen=True, slots=True, kw_only=True)
class Sex(LeafRule):
    """Administrative gender is one of those listed; neither male nor female needs a person."""

    op: ClassVar[str] = "sex"
    sex: tuple[Literal["male", "female"], ...]
    notion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(LeafRule):
    """Never computed: a person's word, with the records of these notions as evidence."""

    op: ClassVar[str] = "judgement"
    judgement: Literal["participant", "investigator"]
    notion: str
    evidence: tuple[str, ...] = ()  # notions
    evidence_of: tuple[str, ...] = ()  # ids of criteria whose leaves are evidence too


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented(LeafRule):
    """An active research Consent names this study and permits; the newest one decides."""

    op: ClassVar[str] = "consent"
    consent: str  # the notion


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered(LeafRule):
    """An active Coverage whose period includes the screening date."""

    op: ClassVar[str] = "coverage"
    coverage: str  # the notion


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
class Severity:
    """Which stated severities count; where none is stated, an active one counts with a note."""

    counts: tuple[str, ...]
    refuses: tuple[str, ...]
    not_stated: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(LeafRule):
    """A diagnosis, procedure, result or relation is recorded (CQL's ``exists``)."""

    op: ClassVar[str] = "exists"
    exists: str
    past_means: Literal["true", "needs-judgement", "nothing"] = "true"
    present_means: Literal["true", "needs-judgement"] = "true"
    absence_means: Literal["unknown", "false"] = "unknown"
    because: str | None = None  # why absence may decide
    judged_notes: tuple[Note, ...] = ()  # said when a record needs a person's judgement
    single_note: Note | None = None  # said when one record alone shows it
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InEffect(LeafRule):
    """A treatment or device in effect on the screening date; undated ones need a person."""

    op: ClassVar[str] = "in-effect"
    in_effect: str
    lasts: dict[str, Span]  # tag -> how long it counts from its start; "otherwise" for the rest
    permanent: tuple[str, ...] = ()  # tags without an end
    removed_by: dict[str, str] = field(default_factory=dict)  # tag -> tag of its removal
    undatable: tuple[str, ...] = ()  # tags of findings that tell no start
    statuses: dict[str, tuple[str, ...]] = field(default_factory=dict)  # resource type -> that count


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedWithin(LeafRule):
    """A diagnosis whose onset is less than a span ago; ``recorded`` alone leaves the date open."""

    op: ClassVar[str] = "diagnosed-within"
    diagnosed: str
    within: Span
    judged_notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapsedSince(LeafRule):
    """At most so much time since an event: its recorded date, else the onset of a diagnosis."""

    op: ClassVar[str] = "elapsed-since"
    elapsed_since: str  # the notion whose readings hold the date
    else_onset_of: str  # the notion whose confirmed diagnoses hold an onset
    le: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One kind of record that speaks for or against a state."""

    entry: str | None = None  # a notion's coded statements …
    result: str | None = None  # … or its results
    roles: tuple[str, ...] = ("match",)
    positive: bool = True  # a result that is positive; false: negative
    tagged: tuple[str, ...] = ()  # only with one of these tags
    active: bool = False  # statements: only active ones
    within: Span | None = None  # none: at any time
    older_means: Literal["nothing", "needs-judgement"] = "nothing"
    status_unstated: dict[str, Span] = field(default_factory=dict)  # tag -> counts only so long
    newest_of_kind: tuple[str, ...] = ()  # tags: only the newest result of each kind speaks
    newest: bool = False  # only the newest result of the notion speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class State(LeafRule):
    """A clinical state from records for and against it.

    ``shown_by`` makes it true, ``suggested_by`` needs a person unless a later record of
    ``cleared_by`` clears it, ``ruled_out_by`` makes it false where nothing speaks for it. In
    people for whom it is ``impossible_for`` it is false, and a record for it needs a person.
    """

    op: ClassVar[str] = "state"
    state: str  # the notion under which it is reported
    shown_by: tuple[Evidence, ...] = ()
    suggested_by: tuple[Evidence, ...] = ()
    ruled_out_by: tuple[Evidence, ...] = ()
    cleared_by: tuple[Evidence, ...] = ()
    impossible_sex: Literal["male", "female"] | None = None
    impossible_by: str | None = None  # a notion whose match makes it impossible
    judged_notes: tuple[Note, ...] = ()


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
class Item:
    """One line of a classification: the highest of its alternatives that is present counts."""

    id: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A finding and its weight; ``measure`` with a threshold may show it too."""

    weight: int
    exists: str | None = None
    tagged: str | None = None
    measure: str | None = None
    ge: Decimal | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Without a diagnosis: what makes somebody look all the same."""

    score_from: int
    measure: str
    gt: Decimal
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification(LeafRule):
    """Classification criteria: an explicit total, else the weights of the items on record.

    A diagnosis code is not the classification: it needs a person. Without any, absence decides.
    """

    op: ClassVar[str] = "classification"
    classification: str  # the diagnosis notion
    total: str  # the notion of an explicit total
    threshold: int
    total_counts_for: Span  # a total below the threshold decides only so long: items accrue
    items: tuple[Item, ...]
    suspicion: Suspicion
    because: str  # why absence may decide


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherStudy(LeafRule):
    """Included in another interventional study, by its ResearchSubject and ResearchStudy."""

    op: ClassVar[str] = "other-study"
    other_study: str
    judged_notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One criterion of the protocol, by the protocol's own number."""

    id: str
    kind: Kind
    title: dict[str, str]
    text: str  # the protocol's words, verbatim
    rule: Rule
    must_pass: bool = False  # a candidate's chart has to show it
    not_computed: tuple[str, ...] = ()  # words that no leaf implements
