"""Dates as charts write them: intervals of days in their own offset, and spans counted in days or calendar years."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.eligibility.moment import Span, When, add_years, between, completed_years, on_day, read_when

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-11-23", date(2026, 11, 23), date(2026, 11, 23)),
        ("2026-11-23T08:30:00+01:00", date(2026, 11, 23), date(2026, 11, 23)),
        (" 2026-11-23 ", date(2026, 11, 23), date(2026, 11, 23)),
    ],
)
def test_a_date_is_all_the_days_it_can_be(text: str, first: date, last: date) -> None:
    """A partial date is never completed."""
    when = read_when(text)

    assert when is not None
    assert (when.first, when.last) == (first, last)
    assert when.exact == (first == last)


@pytest.mark.parametrize(
    ("text", "day", "instant"),
    [
        ("2026-11-23T00:30:00+02:00", date(2026, 11, 23), datetime(2026, 11, 22, 22, 30, tzinfo=UTC)),
        ("2026-11-23T23:30:00-05:00", date(2026, 11, 23), datetime(2026, 11, 24, 4, 30, tzinfo=UTC)),
        ("2026-11-23T10:00:00.123456789Z", date(2026, 11, 23), datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T10:00Z", date(2026, 11, 23), datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
    ],
)
def test_the_day_is_the_one_written_and_the_instant_the_one_meant(text: str, day: date, instant: datetime) -> None:
    """Windows count days in the record's own offset; order goes by instant."""
    when = read_when(text)

    assert when is not None
    assert (when.first, when.last, when.instant) == (day, day, instant)


def test_a_time_without_a_zone_keeps_its_day() -> None:
    """FHIR asks for a zone with a time: without one, nobody knows the instant."""
    when = read_when("2026-11-23T08:30:00")

    assert when is not None
    assert (when.first, when.last, when.instant) == (date(2026, 11, 23), date(2026, 11, 23), None)


@pytest.mark.parametrize(
    "text", ["", "23/11/2026", "2026-13", "2026-02-30", "2026-11-23T25:00:00Z", "yesterday", "26", None, 2026, True, {}]
)
def test_what_is_no_date_is_not_guessed(text: object) -> None:
    """Anything that FHIR would refuse is no date."""
    assert read_when(text) is None


@pytest.mark.parametrize(
    ("day", "years", "moved"),
    [
        (date(2024, 2, 29), 2, date(2026, 3, 1)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2026, 2, 28), 2, date(2028, 2, 28)),
        (date(2026, 11, 23), -5, date(2021, 11, 23)),
        (date(2026, 1, 1), 1, date(2027, 1, 1)),
    ],
)
def test_years_are_calendar_years(day: date, years: int, moved: date) -> None:
    """The same day of another year; 29 February is 1 March where there is none."""
    assert add_years(day, years) == moved


@pytest.mark.parametrize(
    ("span", "before", "after", "text"),
    [
        (Span(180, "d"), date(2026, 5, 27), date(2027, 5, 22), "180 d"),
        (Span(456, "d"), date(2025, 8, 24), date(2028, 2, 22), "456 d"),
        (Span(5, "a"), date(2021, 11, 23), date(2031, 11, 23), "5 a"),
    ],
)
def test_spans_move_a_day_both_ways(span: Span, before: date, after: date, text: str) -> None:
    """Days are counted one by one, years by the calendar."""
    day = date(2026, 11, 23)

    assert (span.before(day), span.after(day), str(span)) == (before, after, text)


@pytest.mark.parametrize(
    ("birth", "day", "years"),
    [
        (date(1955, 11, 24), date(2026, 11, 23), 70),
        (date(1955, 11, 23), date(2026, 11, 23), 71),
        (date(2008, 11, 23), date(2026, 11, 23), 18),
        (date(2008, 11, 24), date(2026, 11, 23), 17),
        (date(2026, 11, 23), date(2026, 11, 23), 0),
        (date(2004, 2, 29), date(2022, 2, 28), 17),
        (date(2004, 2, 29), date(2022, 3, 1), 18),
    ],
)
def test_age_is_completed_years(birth: date, day: date, years: int) -> None:
    """A person is 70 until the day before the 71st birthday."""
    assert completed_years(birth, day) == years


def test_any_day_of_an_interval_is_no_day_of_it() -> None:
    """An age at onset is a year of days: it keeps the words in which it was given, and has no instant."""
    year = between(date(2018, 3, 14), date(2019, 3, 13), "40 a")

    assert year == When(date(2018, 3, 14), date(2019, 3, 13), None, "40 a")
    assert not year.exact


@given(birth=DAYS, day=DAYS)
def test_a_birthday_is_the_first_day_of_an_age(birth: date, day: date) -> None:
    """Between the last birthday and the next one, age is the number of birthdays since birth."""
    years = completed_years(birth, day)

    assert add_years(birth, years) <= day < add_years(birth, years + 1)


@given(DAYS)
def test_a_day_reads_back_as_itself(day: date) -> None:
    """Writing a day and reading it gives the same days and the same text."""
    assert read_when(day.isoformat()) == on_day(day)
