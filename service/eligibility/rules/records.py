"""Leaves about coded records: existence, effect, recent diagnosis, a clinical state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from service.eligibility.findings import Note
from service.eligibility.moment import Span
from service.eligibility.rules.base import LeafRule


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
    prescriptions: tuple[str, ...] = ()  # resource types that order a device but do not insert it
    going_on: tuple[str, ...] = ()  # resource types that tell what is used now, not when it was ordered or done
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
class Evidence:
    """One kind of record that speaks for or against a state."""

    entry: str | None = None  # a notion's coded statements …
    result: str | None = None  # … or its results
    roles: tuple[str, ...] = ("match",)
    positive: bool = True  # a result that is positive; false: negative
    tagged: tuple[str, ...] = ()  # only with one of these tags
    active: bool = False  # statements: only active ones
    within: Span | None = None  # none: at any time
    older_means: Literal["nothing", "needs-judgement", "too-old"] = "nothing"
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
