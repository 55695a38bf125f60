"""Numbers and quantities as received: decimals stay as written, and text is no number."""

from __future__ import annotations

import re
from decimal import Decimal

from service.eligibility.chart import Quantity
from service.fhir.codings import said
from service.fhir.facts import Record

_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?\Z")
_COMPARATORS = {"<", "<=", ">", ">="}
_LARGEST_EXPONENT = 100  # far beyond any measurement; 1E+999999999 would take for ever to print


def read_number(value: object, record: Record, element: str) -> Decimal | None:
    """A JSON number, or a plain decimal inside a JSON string (with a warning); ``None`` with a warning for the rest."""
    if isinstance(value, str) and _PLAIN.match(value.strip()):
        record.warn(f"{element} is a number inside a string", "number-in-string")
        number = Decimal(value.strip())
    elif isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, float):
        number = Decimal(repr(value))
    else:
        record.warn(f"{element} is not a number")
        return None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        record.warn(f"{element} is not a number that a measurement can have")
        return None
    return number


def read_quantity(value: object, record: Record, element: str) -> Quantity | None:
    """A Quantity with its number; ``None`` without one, with a warning where something else stands in its place."""
    if not isinstance(value, dict):
        record.warn(f"{element} is not an object")
        return None
    if value.get("value") is None:
        return None
    number = read_number(value["value"], record, f"{element}.value")
    comparator = value.get("comparator")
    if isinstance(comparator, str):
        comparator = comparator.strip() or None
    if comparator is not None and comparator not in _COMPARATORS:
        record.warn(f"{element}.comparator is none of FHIR R4")
        return None
    for key in ("unit", "code"):
        if value.get(key) is not None and not isinstance(value[key], str):
            record.warn(f"{element}.{key} is not a string")
            return None
    return None if number is None else Quantity(number, comparator, _word(value.get("unit")), _word(value.get("code")))


def as_received(value: object) -> str:
    """A Quantity for people, also one that cannot be used."""
    if not isinstance(value, dict):
        return ""
    parts = (value.get("comparator"), value.get("value"), value.get("unit") or value.get("code"))
    return " ".join(str(part) for part in parts if isinstance(part, str | int | Decimal | float))


def _word(text: str | None) -> str | None:
    return text if said(text) else None
