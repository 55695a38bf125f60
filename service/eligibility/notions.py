"""Clinical notions: what a rule may ask for, and how its records are chosen among several.

A notion says which records speak of it, in which unit it is compared, how long a value counts and
what is physically possible. All of it is data (``mappings/notions.yaml``); nothing here names one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from service.eligibility.moment import Span


class Nature(StrEnum):
    """What kind of knowledge a notion is; it decides whether a gap is missing data or to confirm."""

    MEASUREMENT = "measurement"  # a number, a score, a date: missing data
    BEDSIDE = "bedside"  # measured at the bedside in two minutes: to confirm
    RECORD = "record"  # a diagnosis, a status, a declaration: absence is no record of absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Plausible:
    """The physically possible range, both ends included, in the canonical unit."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Of results of one ``day`` or one ``time``, the first tag of the list goes first."""

    of: Literal["day", "time"]
    tags: tuple[str, ...]
    last: tuple[str, ...] = ()  # tags that go after everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Readings of another concept that are values of this notion where their unit is comparable."""

    concept: str
    tag: str | None = None  # what such a value is, e.g. corrected


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """measured / predicted × 100, with the predicted value of the same day (derived)."""

    measured: str
    predicted: str
    quantity: str  # the unit kind in which both are compared
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """A newer record of another notion from which this one is derived, by a named formula.

    It decides where it is of a later day than every value of the notion itself.
    """

    formula: str  # a name in formulas.yaml
    source: str  # a notion, e.g. creatinine or weight
    given: str | None = None  # a second notion in its own window, e.g. height


@dataclass(frozen=True, slots=True, kw_only=True)
class Notion:
    """One notion; its id is the concept's id in the terminology."""

    id: str
    label: dict[str, str]
    nature: Nature
    resources: tuple[str, ...]
    concepts: tuple[str, ...] = ()  # value sets; default: the one of the same name
    quantity: str | None = None  # the unit kind in units.yaml
    window: Span | None = None  # how old the newest usable value may be; none: ever
    plausible: Plausible | None = None
    recovers_after: Span | None = None  # time or treatment can change it; look again after
    prefer: Preference | None = None
    last_resort: tuple[str, ...] = ()  # tags used only where no other value is in the window
    shown_only: tuple[str, ...] = ()  # tags of values that are evidence and never decide
    promoted_by: tuple[str, ...] = ()  # tags that make a value of a review code count
    whole: bool = False  # only whole numbers exist
    high_is_positive: bool = False  # interpretation H / N reads as positive / negative
    detection: tuple[str, ...] = ()  # tags of tests where any number found is a positive; "any" for all
    context: bool = False  # kept for people and other studies; no rule of this study asks for it
    aliases: tuple[Alias, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    successor: Successor | None = None
    excepts: tuple[str, ...] = ()  # concepts whose match takes a record out of this notion
    beside: dict[str, str] = field(default_factory=dict)  # tag -> notion that must stand beside it

    @property
    def own_concepts(self) -> tuple[str, ...]:
        """The value sets of the notion itself."""
        return self.concepts or (self.id,)

    @property
    def coded_by(self) -> frozenset[str]:
        """All value sets by whose codes a record may be of this notion."""
        ratios = (concept for ratio in self.ratios for concept in (ratio.measured, ratio.predicted))
        return frozenset({*self.own_concepts, *(alias.concept for alias in self.aliases), *ratios})


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A published equation: its kind in ``formulas.py`` and its coefficients, with the source."""

    id: str
    kind: Literal["ckd-epi", "body-mass-index", "haemoglobin-correction"]
    source: str
    coefficients: dict[str, Decimal | dict[str, Decimal]]
