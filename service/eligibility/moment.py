"""Dates as charts write them: days, months, years and instants, each an interval of days.

A partial date is never completed: whatever it could be is kept, and a comparison is decided only
where both ends agree (FHIR R4 ``date``, ``dateTime``, ``instant``; CQL uncertainty).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

_FHIR_DATE = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?\Z"
)
_LEAP_MONTH, _LEAP_DAY, _DECEMBER = 2, 29, 12


class When(NamedTuple):
    """A moment as written: the days it can be (in its own offset) and, if timed, its instant."""

    first: date
    last: date
    instant: datetime | None
    text: str

    @property
    def exact(self) -> bool:
        """Whether the day is known."""
        return self.first == self.last


class Span(NamedTuple):
    """A length of calendar time: days (``d``) or calendar years (``a``), as UCUM spells them."""

    length: int
    unit: str

    def before(self, day: date) -> date:
        """Return the day that lies one span before ``day``."""
        return day - timedelta(self.length) if self.unit == "d" else add_years(day, -self.length)

    def after(self, day: date) -> date:
        """Return the day that lies one span after ``day``."""
        return day + timedelta(self.length) if self.unit == "d" else add_years(day, self.length)

    def __str__(self) -> str:
        """Write the span as the definitions do: ``180 d``."""
        return f"{self.length} {self.unit}"


def add_years(day: date, years: int) -> date:
    """Move by calendar years; 29 February becomes 1 March where the year has none.

    >>> add_years(date(2024, 2, 29), 2)
    datetime.date(2026, 3, 1)
    """
    if day.month == _LEAP_MONTH and day.day == _LEAP_DAY:
        try:
            return day.replace(year=day.year + years)
        except ValueError:
            return date(day.year + years, 3, 1)
    return day.replace(year=day.year + years)


def read_when(text: object) -> When | None:
    """Read a FHIR date, dateTime or instant; ``None`` for anything else.

    A time without a zone is invalid FHIR: its day is kept and its time is not.
    """
    if not isinstance(text, str):
        return None
    match = _FHIR_DATE.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if month is None:
            return When(date(int(year), 1, 1), date(int(year), 12, 31), None, text)
        if day is None:
            first = date(int(year), int(month), 1)
            return When(first, _end_of_month(first), None, text)
        whole = date(int(year), int(month), int(day))
        if zone is None:
            return When(whole, whole, None, text)
        stamp = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{(fraction or '')[:7]}{zone}"
        return When(whole, whole, datetime.fromisoformat(stamp).astimezone(UTC), text)
    except (ValueError, OverflowError):
        return None


def _end_of_month(first: date) -> date:
    if first.month == _DECEMBER:
        return date(first.year, 12, 31)
    return date(first.year, first.month + 1, 1) - timedelta(1)


def on_day(day: date) -> When:
    """Return the whole day as a moment."""
    return When(day, day, None, day.isoformat())


def between(first: date, last: date, text: str) -> When:
    """Return a moment that may be any day of the interval."""
    return When(first, last, None, text)


def completed_years(birth: date, day: date) -> int:
    """Age in completed years; born on 29 February, one is a year older on 1 March."""
    years = day.year - birth.year
    return years - 1 if add_years(birth, years) > day else years
