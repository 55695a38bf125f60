"""The leaf about classification criteria with weighted items."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from service.eligibility.findings import Note
from service.eligibility.moment import Span
from service.eligibility.rules.base import LeafRule


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
class Item:
    """One line of a classification: the highest of its alternatives that is present counts."""

    id: str
    alternatives: tuple[Alternative, ...]


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
