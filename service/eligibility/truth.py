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

    __hash__ = object.__hash__  # members are compared by identity; Enum's own hash is slow

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

NOT = {_T: _F, _F: _T, _U: _U}


def all_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's conjunction: the least of the operands, where false < unknown < true; true for no operands."""
    operands = tuple(truths)
    return _F if _F in operands else _U if _U in operands else _T


def any_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's disjunction: the greatest of the operands, where false < unknown < true; false for no operands."""
    operands = tuple(truths)
    return _T if _T in operands else _U if _U in operands else _F


def negate(truth: Truth) -> Truth:
    """Kleene's negation."""
    return NOT[truth]
