"""Numbers and quantities as received: decimals stay as written, and text is no number."""

from __future__ import annotations

import re
from decimal import Decimal

from service.eligibility.chart import Quantity
from service.fhir.facts import Record

_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?\Z")
_COMPARATORS = {"<", "<=", ">", ">="}
_LARGEST_EXPONENT = 100  # far beyond any measurement; 1E+999999999 would take for ever to print


def read_number(value: object, record: Record, element: str) -> Decimal | None:
    """A JSON number, or a plain decimal inside a JSON string (with a warning); ``None`` with a warning for the rest."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str) and _PLAIN.match(value.strip()):
        record.warn(f"{element} is a number inside a string", "number-in-string")
        number = Decimal(value.strip())
    elif isinstance(value, float):
        number = Decimal(repr(value))
    else:
        record.warn(f"{element} is not a number")
        return None
    if not is_measurable(number):
        record.warn(f"{element} is not a number that a measurement can have")
        return None
    return number


def is_measurable(number: Decimal) -> bool:
    """Whether a measurement can have this number."""
    return -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT and number.is_finite()


def read_quantity(value: object, record: Record, element: str) -> Quantity | None:
    """A Quantity with its number; ``None`` without one, with a warning where something else stands in its place."""
    if not isinstance(value, dict):
        record.warn(f"{element} is not an object")
        return None
    written, comparator, unit, code = value.get("value"), value.get("comparator"), value.get("unit"), value.get("code")
    if written is None:
        return None
    number = read_number(written, record, f"{element}.value")
    if isinstance(comparator, str):
        comparator = comparator.strip()
    if comparator and not (isinstance(comparator, str) and comparator in _COMPARATORS):
        record.warn(f"{element}.comparator is none of FHIR R4")
        return None
    if not (unit is None or isinstance(unit, str)) or not (code is None or isinstance(code, str)):
        record.warn(f"{element} has a unit that is not a string")
        return None
    return None if number is None else Quantity(number, comparator or None, unit or None, code or None)


def as_received(value: object) -> str:
    """A Quantity for people, also one that cannot be used."""
    if not isinstance(value, dict):
        return ""
    parts = (value.get("comparator"), value.get("value"), value.get("unit") or value.get("code"))
    return " ".join(str(part) for part in parts if isinstance(part, str | int | Decimal | float))
