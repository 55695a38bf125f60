"""What all rules share: combinations, the shape of a leaf, bounds, and the criterion that holds a tree."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from service.eligibility.findings import Note


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
class Criterion:
    """One criterion of the protocol, by the protocol's own number."""

    id: str
    kind: Kind
    title: dict[str, str]
    text: str  # the protocol's words, verbatim
    rule: Rule
    must_pass: bool = False  # a candidate's chart has to show it
    not_computed: tuple[str, ...] = ()  # words that no leaf implements
