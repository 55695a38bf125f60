"""When: effective times, onsets and periods of records, kept as intervals where the record leaves them open."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from service.eligibility.moment import When, add_years, between, read_when
from service.fhir.facts import Record
from service.fhir.numbers import read_number

_MONTHS = {"a": 12, "year": 12, "years": 12, "yr": 12, "yrs": 12, "an": 12, "ans": 12, "mo": 1, "month": 1, "months": 1}
_DAYS = {"wk": 7, "week": 7, "weeks": 7, "d": 1, "day": 1, "days": 1}
_OLDEST = 150  # years that nobody has lived
remembered = lru_cache(maxsize=16_384)(read_when)  # results of one visit share their time
_LAST_YEAR = 9000  # a birth beyond it has no later days that Python can count


def read_date(record: Record, element: str) -> When | None:
    """A date, dateTime or instant; ``None``, with a warning where something else stands there."""
    return _when(record, record.resource.get(element), element)


def read_period(record: Record, element: str) -> tuple[When | None, When | None]:
    """Start and end of a Period, each ``None`` where it is open."""
    period = record.resource.get(element)
    if period is None:
        return None, None
    if not isinstance(period, dict):
        record.warn(f"{element} is not an object")
        return None, None
    return (
        _when(record, period.get("start"), f"{element}.start"),
        _when(record, period.get("end"), f"{element}.end"),
    )


def read_effective(record: Record) -> When | None:
    """When a result is from: its effective time (the end of a period, or its start when open), else ``issued``."""
    resource = record.resource
    if "effectiveDateTime" in resource:
        return read_date(record, "effectiveDateTime")
    if "effectivePeriod" in resource:
        start, end = read_period(record, "effectivePeriod")
        return end or start
    if "effectiveInstant" in resource:
        return read_date(record, "effectiveInstant")
    return read_date(record, "issued")


def read_interval(record: Record, prefix: str) -> When | None:
    """``onset[x]``, ``performed[x]`` or ``abatement[x]`` as the days that it can be; text tells no date."""
    resource = record.resource
    if f"{prefix}DateTime" in resource:
        return read_date(record, f"{prefix}DateTime")
    if f"{prefix}Period" in resource:
        return _spanned(record, f"{prefix}Period")
    if f"{prefix}Age" in resource:
        return _at_age(record, f"{prefix}Age", resource[f"{prefix}Age"])
    if f"{prefix}Range" in resource:
        return _between_ages(record, f"{prefix}Range")
    return None


def _spanned(record: Record, element: str) -> When | None:
    start, end = read_period(record, element)
    if start is None or end is None:
        if start is None:
            return _until(record, end) if end else None
        return _from(start) if element == "onsetPeriod" else start
    if start.first > end.last:
        record.warn(f"{element} ends before it starts")
        return None
    return between(start.first, end.last, f"{start.text}/{end.text}")


def _from(start: When) -> When:
    """An onset of which only the start of the period is known: that day or any later one."""
    return between(start.first, date.max, f"{start.text}/")


def _until(record: Record, end: When) -> When | None:
    """A beginning of which only the end of the period is known: not before birth."""
    birth = record.facts.birth
    return between(birth.first, end.last, f"/{end.text}") if birth and birth.first <= end.last else None


def _at_age(record: Record, element: str, age: object) -> When | None:
    days = _days_of_age(record, element, age)
    return between(*days, "") if days else None


def _between_ages(record: Record, element: str) -> When | None:
    ages = record.resource[element]
    if not isinstance(ages, dict):
        record.warn(f"{element} is not an object")
        return None
    low = _days_of_age(record, f"{element}.low", ages["low"]) if "low" in ages else None
    high = _days_of_age(record, f"{element}.high", ages["high"]) if "high" in ages else None
    return between(low[0], high[1], "") if low and high and low[0] <= high[1] else None


def _days_of_age(record: Record, element: str, age: object) -> tuple[date, date] | None:
    """The days on which the patient had this age: an interval of the unit in which it is told."""
    birth = record.facts.birth
    number = read_number(age.get("value"), record, f"{element}.value") if isinstance(age, dict) else None
    if birth is None or birth.last.year > _LAST_YEAR or number is None:
        return None
    if not isinstance(age, dict) or age.get("comparator"):
        return None
    count = int(number)
    for unit in (age.get("code"), age.get("unit")):
        months, days = _MONTHS.get(str(unit).lower()), _DAYS.get(str(unit).lower())
        if months and 0 <= count * months <= _OLDEST * 12:
            return _later(birth.first, count * months), _later(birth.last, (count + 1) * months) - timedelta(1)
        if days and 0 <= count * days <= _OLDEST * 366:
            return birth.first + timedelta(count * days), birth.last + timedelta((count + 1) * days - 1)
    record.warn(f"{element} has no unit of age")
    return None


def _later(day: date, months: int) -> date:
    if months % 12 == 0:
        return add_years(day, months // 12)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _when(record: Record, value: object, element: str) -> When | None:
    if value is None:
        return None
    when = remembered(value) if isinstance(value, str) else None
    if when is None:
        record.warn(f"{element} is not a date of FHIR")
    return when
