"""A Bundle straight from its bytes: Observations as most are, all else left for the tolerant readers.

Most records of a chart say nothing about a study: nothing but their codes is looked at, the rest is passed over. One
path decides what a record means; this one only spares the way of what has nothing unusual.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from service.eligibility.chart import Limits, Quantity
from service.errors import InputError
from service.fhir.codings import Lookup, Meanings, meanings, united, words
from service.fhir.dates import remembered
from service.fhir.decode import BYTE_ORDER_MARK, decode_json
from service.fhir.facts import Facts
from service.fhir.numbers import is_measurable
from service.fhir.read_observation import Content, Told, add_readings, may_find
from service.fhir.statuses import STANDINGS
from service.fhir.values import NO_VALUE, Value, read_flags

# ruff: noqa: N815 - the names are FHIR's

_NULL = Raw(b"null")
_NO_FLAGS: frozenset[str] = frozenset()
_NOTHING = Raw()  # passed over where it stands, false where it does not


class _Coding(Struct, gc=False):
    system: str | None = None
    code: str | None = None


class _Concept(Struct, gc=False):
    coding: tuple[_Coding, ...] = ()


class _Reference(Struct, gc=False):
    reference: str


class _Meta(Struct, gc=False):
    versionId: str | None = None


class _Quantity(Struct, gc=False):
    value: Raw  # so that a number keeps its decimals as written
    comparator: Literal["<", "<=", ">", ">="] | None = None
    unit: str | None = None
    code: str | None = None


class _Range(Struct, gc=False, forbid_unknown_fields=True):
    low: _Quantity | None = None
    high: _Quantity | None = None
    text: Raw = _NOTHING


class _Part(Struct, gc=False, kw_only=True):
    code: _Concept
    valueQuantity: _Quantity | UnsetType = UNSET  # null is not nothing: it is for the tolerant reader
    referenceRange: tuple[_Range, ...] = ()
    valueCodeableConcept: Any = UNSET
    interpretation: tuple[Raw, ...] = ()  # decoded where the code is known


class _Component(_Part, gc=False, forbid_unknown_fields=True, kw_only=True):
    """A component with nothing but a code and a value."""


class Usual(_Part, gc=False, forbid_unknown_fields=True, kw_only=True):
    """An Observation as most are: an element that is not listed here, or is of another type, makes it unusual."""

    resourceType: Literal["Observation"]
    id: str
    subject: _Reference
    status: str | None = None
    effectiveDateTime: str | None = None
    meta: _Meta | None = None
    component: tuple[_Component, ...] = ()
    # Not read:
    category: Raw = _NOTHING
    encounter: Raw = _NOTHING
    issued: Raw = _NOTHING
    note: Raw = _NOTHING
    performer: Raw = _NOTHING
    text: Raw = _NOTHING
    # Read by the tolerant reader, where the code is known:
    dataAbsentReason: Raw = _NOTHING
    effectivePeriod: Raw = _NOTHING
    hasMember: Raw = _NOTHING
    identifier: Raw = _NOTHING
    method: Raw = _NOTHING
    valueBoolean: Raw = _NOTHING
    valueDateTime: Raw = _NOTHING
    valueInteger: Raw = _NOTHING
    valueString: Raw = _NOTHING


_seldom = attrgetter(
    "dataAbsentReason", "effectivePeriod", "hasMember", "identifier", "method",
    "valueBoolean", "valueDateTime", "valueInteger", "valueString",
)  # fmt: skip


class Entry(Struct, gc=False):
    """An entry of a Bundle, its resource not decoded yet."""

    resource: Raw
    fullUrl: str | None = None

    @property
    def located(self) -> tuple[Any, str | None]:
        """What it holds, resource or not, with its fullUrl; raises ``NotFhirError``."""
        return decode_json(bytes(self.resource)), self.fullUrl


class _Bundle(Struct, gc=False):
    resourceType: Literal["Bundle"]
    entry: list[Entry] = []


_BUNDLE = msgspec.json.Decoder(_Bundle)
_USUAL = msgspec.json.Decoder(Usual)
_ODD = (msgspec.DecodeError, RecursionError, ArithmeticError, InputError, UnicodeDecodeError)


def entries_of(data: bytes) -> list[Entry] | None:
    """Give the entries of a Bundle; ``None`` for what is no Bundle, or none with a resource in every entry."""
    text = data.removeprefix(BYTE_ORDER_MARK)
    try:
        if not text.isascii():
            text.decode()  # what is passed over is not looked at whether it is UTF-8
        entries = _BUNDLE.decode(text).entry
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if any(entry.resource == _NULL for entry in entries) else entries


def usual(entry: Entry) -> Usual | None:
    """Decode an Observation; ``None`` for anything else, and for one that is not as most are."""
    try:
        return _USUAL.decode(entry.resource)
    except _ODD:
        return None


def read_usual(usual: Usual, facts: Facts) -> bool:
    """Read an Observation of our patient; ``False``, with nothing read, when it is for the tolerant reader."""
    lookup, found = facts.lookup, _meanings(usual.code, facts.lookup)
    parts: list[tuple[_Part, Meanings]] = [(usual, found)] if found else []
    if usual.component:
        if found and (usual.valueQuantity or usual.valueCodeableConcept is not UNSET or any(_seldom(usual))):
            return False
        parts = [(part, found) for part in usual.component if (found := _meanings(part.code, lookup))]
    if not parts:
        return True
    standing, when = STANDINGS.get(usual.status or ""), remembered(usual.effectiveDateTime or "")
    if standing is None or when is None or not usual.id or any(_seldom(usual)):
        return False
    version = usual.meta.versionId if usual.meta is not None else None
    told = Told(f"Observation/{usual.id}/_history/{version}" if version else f"Observation/{usual.id}", standing, when)
    try:
        contents = [(found, _content(part, found, lookup)) for part, found in parts]
    except _ODD:
        return False
    for found, content in contents:
        add_readings(facts, found, told, content)
    return True


def _meanings(concept: _Concept, lookup: Lookup) -> Meanings:
    found: Meanings = ()
    for coding in concept.coding:
        known = lookup(coding.system, coding.code)
        if known:
            found = united(found, known) if found else known
    return found


def _content(part: _Part, found: Meanings, lookup: Lookup) -> Content:
    """What stands in it; raises one of ``_ODD`` where something is broken, or more than one value."""
    value, flags = NO_VALUE, _NO_FLAGS
    if isinstance(part.valueQuantity, _Quantity):
        value = Value(_quantity(part.valueQuantity))
    concept = part.valueCodeableConcept
    if concept is not UNSET:
        coded = meanings(concept, lookup)
        if coded is None or part.valueQuantity or (coded and may_find(found)):
            raise InputError("more than a coded answer")
        value = Value(None, None, coded, None, words(concept))
    if part.interpretation:
        flags = read_flags([decode_json(bytes(each)) for each in part.interpretation], lookup)
    if not part.referenceRange:
        return Content(value, flags)
    ranges = ((_quantity(one.low), _quantity(one.high)) for one in part.referenceRange if one.low or one.high)
    return Content(value, flags, tuple([Limits(low, high, True) for low, high in ranges]))


def _quantity(written: _Quantity | None) -> Quantity | None:
    if written is None:
        return None
    number = Decimal(str(written.value, "ascii"))  # of anything but a number there is none
    if not is_measurable(number):
        raise ArithmeticError
    return Quantity(number, written.comparator, written.unit or None, written.code or None)
