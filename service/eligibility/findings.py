"""What an evaluation returns: one tree of findings for each criterion, with the evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from service.eligibility.truth import Truth


class Reason(StrEnum):
    """Why a leaf is unknown; the list is closed."""

    __hash__ = str.__hash__  # Enum's own hash is slow

    NO_RECORD = "no-record"
    TOO_OLD = "too-old"
    NO_USABLE_VALUE = "no-usable-value"
    UNIT_NOT_COMPARABLE = "unit-not-comparable"
    NO_REFERENCE_RANGE = "no-reference-range"
    VALUE_NOT_DECISIVE = "value-not-decisive"
    DATE_NOT_DECISIVE = "date-not-decisive"
    RECORDS_DISAGREE = "records-disagree"
    NEEDS_JUDGEMENT = "needs-judgement"
    NOT_CONFIRMED = "not-confirmed"
    RECORDS_INCOMPLETE = "records-incomplete"


class Note(StrEnum):
    """What a reader must know beside a truth."""

    __hash__ = str.__hash__

    PROTOCOL_GAP = "protocol-gap"
    CONFIRM_ATTRIBUTION = "confirm-attribution"
    CONFIRM_RECURRENCE = "confirm-recurrence"
    SEVERITY_NOT_STATED = "severity-not-stated"
    DERIVED = "derived"
    NEWER_UNUSABLE = "newer-unusable"
    NO_CATHETER = "no-catheter"
    CATHETER_DISAGREES = "catheter-disagrees"
    SSC_NOT_CODED = "ssc-not-coded"
    PROTOCOL_AMBIGUOUS = "protocol-ambiguous"
    RECORD_UNREADABLE = "record-unreadable"
    FLAGGED = "flagged"
    CONTRADICTS_ANSWER = "contradicts-answer"


class Open(StrEnum):
    """What keeps a criterion open: data that is missing, or a person's word."""

    __hash__ = str.__hash__

    MISSING_DATA = "missing-data"
    TO_CONFIRM = "to-confirm"


class Value(NamedTuple):
    """A value as used (canonical unit) and as the record gave it."""

    text: str
    unit: str
    as_received: str


class Leaf(NamedTuple):
    """The truth of one leaf, why, and on which records it rests."""

    op: str
    id: str | None
    notion: str
    rule: str
    truth: Truth
    reason: Reason | None = None
    value: Value | None = None
    effective: str | None = None
    sources: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class Node(NamedTuple):
    """The truth of a combination; ``op`` is ``all-of``, ``any-of`` or ``not``."""

    op: str
    id: str | None
    truth: Truth
    children: tuple[Finding, ...]


Finding = Leaf | Node
