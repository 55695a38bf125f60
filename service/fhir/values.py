"""``Observation.value[x]`` and what stands beside it: interpretation, reference ranges, the reason of absence."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from service.eligibility.chart import Limits, Quantity
from service.eligibility.codes import Role
from service.eligibility.moment import When, read_when
from service.fhir.codings import Lookup, Meanings, codes, codings_of, meanings, said, words
from service.fhir.facts import Record
from service.fhir.numbers import as_received, read_number, read_quantity

_ANSWERS, _INTERPRETATIONS, _SEROLOGY = "answers", "interpretations", "serology"
_NUMBERS = ("valueInteger", "valueDecimal")
_SPOKEN = {Role.MATCH: "positive", Role.NEGATIVE: "negative"}


class Value(Struct, frozen=True, gc=False):
    """A value as far as it could be read."""

    quantity: Quantity | None = None  # which has its own text
    boolean: bool | None = None
    coded: Meanings = ()
    date: When | None = None
    text: str = ""
    broken: bool = False  # what is there is not what FHIR says

    def answer(self, concept: str) -> bool | None:
        """Yes or no: a boolean, a general answer code, or a code of the concept itself."""
        if self.boolean is not None:
            return self.boolean
        if not self.coded:
            return None
        for of in (_ANSWERS, concept):
            roles = [meaning.role for meaning in self.coded if meaning.concept == of]
            yes, no = Role.MATCH in roles, Role.NEGATIVE in roles
            if yes or no:
                return None if yes and no else yes
        return None


NO_VALUE = Value()


def read_value(holder: dict[str, Any], record: Record, path: str = "") -> Value:
    """Read the value of an Observation or of one component (``path``); a number and a text may stand together."""
    value = NO_VALUE
    for element, content in holder.items():
        if element[:5] == "value" and content is not None:
            read = _read(element, content, record, path + element)
            value = read if value is NO_VALUE else _joined(value, read)
    return value


def _joined(one: Value, other: Value) -> Value:
    return Value(
        quantity=one.quantity or other.quantity,
        boolean=one.boolean if one.boolean is not None else other.boolean,
        coded=one.coded + other.coded,
        date=one.date or other.date,
        text=", ".join(text for text in (one.text, other.text) if text),
        broken=one.broken or other.broken,
    )


def _read(element: str, content: Any, record: Record, path: str) -> Value:
    if element == "valueQuantity":
        quantity = read_quantity(content, record, path)
        if quantity is not None:
            return Value(quantity)
        empty = isinstance(content, dict) and content.get("value") is None
        return Value(text=as_received(content), broken=not empty)
    if element in _NUMBERS:
        number = read_number(content, record, path)
        return Value(broken=True) if number is None else Value(Quantity(number))
    value = _read_word(element, content, record)
    if value is None:
        record.warn(f"{path} is not what FHIR R4 has there")
        return Value(broken=True)
    return value


def _read_word(element: str, content: Any, record: Record) -> Value | None:
    """A value that is no number; ``None`` for what its element cannot hold."""
    match element:
        case "valueBoolean" if isinstance(content, bool):
            return Value(boolean=content, text=str(content).lower())
        case "valueCodeableConcept":
            found = meanings(content, record.facts.lookup)
            return None if found is None else Value(coded=found, text=words(content))
        case "valueDateTime":
            when = read_when(content)
            return when and Value(date=when, text=when.text)
        case "valueString" if isinstance(content, str):
            return Value(text=content)
        case "valueRange" | "valueRatio" | "valuePeriod" | "valueSampledData" | "valueTime":
            return Value(text=_parts(content))
    return None


def _parts(content: Any) -> str:
    """A range, ratio or period for people: ``2 /[HPF] - 5``."""
    if not isinstance(content, dict):
        return str(content) if isinstance(content, str) else ""
    ends = (content.get(key) for key in ("low", "high", "numerator", "denominator", "start", "end"))
    return " - ".join(text for end in ends if (text := end if isinstance(end, str) else as_received(end)))


def findings_in(coded: Meanings) -> Meanings:
    """What of a coded value is more than a yes or no."""
    return tuple(meaning for meaning in coded if meaning.concept not in (_ANSWERS, _INTERPRETATIONS))


def read_flags(written: object, lookup: Lookup) -> frozenset[str]:
    """Interpretation codes as received, and ``positive`` / ``negative`` where they say so.

    High and normal say so of antibodies and hCG only: ``serology-positive``, ``serology-negative``.
    """
    if not written:
        return frozenset()
    flags: set[str] = set()
    for interpretation in written if isinstance(written, list) else ():
        flags.update(code.upper() for code in codes(interpretation))
        for meaning in meanings(interpretation, lookup) or ():
            spoken = _SPOKEN.get(meaning.role)
            if meaning.concept == _INTERPRETATIONS and spoken:
                flags.add(f"{_SEROLOGY}-{spoken}" if _SEROLOGY in meaning.tags else spoken)
    return frozenset(flags)


def read_limits(holder: dict[str, Any], record: Record, path: str = "") -> tuple[Limits, ...]:
    """The reference ranges; one without a type is that of the healthy, as one of type ``normal`` is."""
    written = holder.get("referenceRange")
    if not written:
        return ()
    limits = []
    for each in written if isinstance(written, list) else ():
        if isinstance(each, dict) and not each.get("modifierExtension"):
            low, high = (
                read_quantity(each[end], record, f"{path}referenceRange.{end}") if each.get(end) is not None else None
                for end in ("low", "high")
            )
            if low or high:
                limits.append(Limits(low, high, not each.get("type") or "normal" in codes(each["type"])))
    return tuple(limits)


def read_absence(holder: dict[str, Any]) -> str | None:
    """Why there is no value, as a code; a reason in words is as good as ``unknown``."""
    reason = holder.get("dataAbsentReason")
    if not reason:
        return None
    given = (code for coding in codings_of(reason) if said(code := coding.get("code")))
    return next(given, "unknown")
