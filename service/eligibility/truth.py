"""Three-valued truth (Kleene's, as in CQL), which refuses to be used as a Python bool."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NoReturn


class Truth(Enum):
    """Does the sentence, as the protocol prints it, hold? ``UNKNOWN`` is an answer of its own."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        """Refuse: ``not UNKNOWN`` must never pass for true."""
        raise TypeError("a Truth has three values: compare it with Truth.TRUE or Truth.FALSE")

    @classmethod
    def of(cls, value: bool | None) -> Truth:
        """Read the result of a comparison that may be undecided (``None``)."""
        if value is None:
            return cls.UNKNOWN
        return cls.TRUE if value else cls.FALSE


_T, _F, _U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

AND = {
    (_T, _T): _T, (_T, _F): _F, (_T, _U): _U,
    (_F, _T): _F, (_F, _F): _F, (_F, _U): _F,
    (_U, _T): _U, (_U, _F): _F, (_U, _U): _U,
}  # fmt: skip

OR = {
    (_T, _T): _T, (_T, _F): _T, (_T, _U): _T,
    (_F, _T): _T, (_F, _F): _F, (_F, _U): _U,
    (_U, _T): _T, (_U, _F): _U, (_U, _U): _U,
}  # fmt: skip

NOT = {_T: _F, _F: _T, _U: _U}


def all_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's conjunction; true for no operands."""
    result = _T
    for truth in truths:
        result = AND[result, truth]
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's disjunction; false for no operands."""
    result = _F
    for truth in truths:
        result = OR[result, truth]
    return result


def negate(truth: Truth) -> Truth:
    """Kleene's negation."""
    return NOT[truth]
