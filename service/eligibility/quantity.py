"""Numbers with units: intervals of possible values, and exact conversion by kind of quantity.

It owns the arithmetic; which spellings and factors exist is data (``mappings/units.yaml``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Literal, NamedTuple

Comparison = Literal["lt", "le", "gt", "ge"]
Comparator = Literal["<", "<=", ">", ">="]

_LARGEST_EXPONENT = 100  # 1e999999999 parses in no time and would fill the memory as a fraction
_REMEMBERED = 16_384  # distinct spellings of units kept; a chart repeats a few dozen
_MICRO = str.maketrans("µμ", "uu")  # U+00B5 and U+03BC, both printed as the prefix that UCUM writes u


ONE = Fraction(1)  # the factor of every unit that is the canonical one: this very object
Number = Decimal | Fraction  # both exact and comparable with each other; a Decimal is the faster one


def measurable(number: Number | int) -> Number:
    """The number itself. Raises ``ValueError`` when it is not finite, or beyond 10^±100."""
    if isinstance(number, Decimal):
        if not (-_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT and number.is_finite()):
            raise ValueError("not a number that a measurement can have")
        return number
    return Decimal(number) if isinstance(number, int) else number


class Interval(NamedTuple):
    """The values that a quantity may have; ``None`` is an end without bound, an open end is not itself included."""

    low: Number | None
    low_open: bool
    high: Number | None
    high_open: bool

    @classmethod
    def exact(cls, number: Number | int) -> Interval:
        """One value. Raises ``ValueError`` as ``measurable`` does."""
        return cls.between(number, number)

    @classmethod
    def between(cls, low: Number | int, high: Number | int) -> Interval:
        """From ``low`` to ``high``, both included. Raises ``ValueError`` when ``low`` is above ``high``."""
        interval = cls(measurable(low), False, measurable(high), False)
        if low > high:
            raise ValueError("an interval begins at its lower end")
        return interval

    @classmethod
    def from_comparator(cls, comparator: Comparator | None, number: Number | int) -> Interval:
        """The values that a FHIR ``Quantity.comparator`` leaves open: ``<5`` is anything below 5."""
        limit = measurable(number)
        if comparator is None:
            return cls(limit, False, limit, False)
        if comparator in ("<", "<="):
            return cls(None, False, limit, comparator == "<")
        if comparator in (">", ">="):
            return cls(limit, comparator == ">", None, False)
        raise ValueError("not a comparator of FHIR R4")

    def compare(self, op: Comparison, threshold: Number | int) -> bool | None:
        """Whether every value compares so; ``None`` where some do and some do not."""
        below = self._all_below(threshold, strictly=op in ("lt", "ge"))
        return below if op in ("lt", "le") or below is None else not below

    def _all_below(self, limit: Number | int, *, strictly: bool) -> bool | None:
        low, high = self.low, self.high
        if high is not None and (high < limit or (high == limit and (self.high_open or not strictly))):
            return True
        if low is not None and (low > limit or (low == limit and (self.low_open or strictly))):
            return False
        return None

    def scaled(self, factor: Fraction) -> Interval:
        """Every value times a factor above zero. Raises ``ValueError`` for any other factor."""
        if factor <= 0:
            raise ValueError("a factor of conversion is above zero")
        return self._replace(
            low=None if self.low is None else Fraction(self.low) * factor,
            high=None if self.high is None else Fraction(self.high) * factor,
        )

    def outside(self, low: Number | int, high: Number | int) -> bool:
        """Whether no value lies from ``low`` to ``high``, both included."""
        lowest, highest = self.low, self.high
        below = highest is not None and (highest < low or (self.high_open and highest == low))
        return below or (lowest is not None and (lowest > high or (self.low_open and lowest == high)))


class UnitProblem(StrEnum):
    """Why a value cannot be compared in the unit of its kind."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    WRONG_DIMENSION = "wrong-dimension"
    DISAGREE = "disagree"  # Quantity.unit and Quantity.code say different things


class QuantityKind(NamedTuple):
    """A kind of quantity: its canonical unit, and by UCUM unit the exact factor to it."""

    canonical: str
    factors: Mapping[str, Fraction]
    unitless: bool  # a bare number is already canonical, as a score is


class UnitTable:
    """The spellings of units that charts use, and what they are in each kind of quantity."""

    def __init__(
        self,
        kinds: Mapping[str, QuantityKind],
        aliases: Mapping[str, str],
        case_variants: Mapping[str, str],
        other_units: Collection[str],
    ) -> None:
        """``aliases`` go before UCUM itself, ``case_variants`` after it; ``other_units`` are UCUM of no kind here."""
        self.kinds = dict(kinds)
        ucum = {unit for kind in kinds.values() for unit in kind.factors} | set(other_units)
        self._spellings = (
            {_spelling(text): unit for text, unit in case_variants.items()}
            | {_spelling(unit): unit for unit in ucum}
            | {_spelling(text): unit for text, unit in aliases.items()}
        )
        self._memory: dict[tuple[str, str | None, str | None], Fraction | UnitProblem] = {}

    def resolve(self, text: str) -> str | None:
        """Our UCUM spelling of a unit as written; blanks do not count, capitals do. ``None`` when unknown."""
        return self._spellings.get(_spelling(text))

    def canonical(self, kind: str) -> str:
        """The unit in which values of this kind are compared."""
        return self.kinds[kind].canonical

    def factor(self, kind: str, ucum: str) -> Fraction | None:
        """What a value in this unit is multiplied by to be canonical; ``None`` when the kind has no such unit."""
        return self.kinds[kind].factors.get(ucum)

    def to_canonical(self, kind: str, unit: str | None, code: str | None) -> Fraction | UnitProblem:
        """The factor for a ``Quantity`` with this ``unit`` and ``code``, or why there is none.

        Text that is no unit we know does not count beside one that is; two known units with different factors disagree.
        """
        asked = kind, unit, code
        known = self._memory.get(asked)
        if known is None:
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            known = self._memory[asked] = self._find(kind, unit, code)
        return known

    def _find(self, kind: str, unit: str | None, code: str | None) -> Fraction | UnitProblem:
        written = [text for text in (unit, code) if text and not text.isspace()]
        if not written:
            return ONE if self.kinds[kind].unitless else UnitProblem.MISSING
        units = {resolved for text in written if (resolved := self.resolve(text)) is not None}
        if not units:
            return UnitProblem.UNKNOWN
        factors = {self.factor(kind, resolved) for resolved in units}
        if len(factors) > 1:
            return UnitProblem.DISAGREE
        factor = factors.pop()
        return UnitProblem.WRONG_DIMENSION if factor is None else ONE if factor == ONE else factor


def decimal_text(number: Number, places: int | None = None) -> str:
    """The number as people write it: no exponent, no trailing zeros, rounded half to even at ``places``.

    Without ``places`` it is exact, but for a fraction that no decimal can write (1/3): that is rounded at ten places.
    """
    if places is None and isinstance(number, Decimal):
        text = format(number, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    fraction = Fraction(number)
    if places is None:
        places = _places_needed(fraction)
    rounded = round(fraction * 10**places)
    whole, part = divmod(abs(rounded), 10**places)
    text = f"{whole}.{part:0{places}}".rstrip("0").rstrip(".")
    return f"-{text}" if rounded < 0 else text


def _places_needed(number: Fraction) -> int:
    counts, rest = [], number.denominator
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        counts.append(count)
    return max(counts) if rest == 1 else 10


def _spelling(text: str) -> str:
    return "".join(text.split()).translate(_MICRO)
