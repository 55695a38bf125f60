"""Q22-Q25: dates that are partial, in the future, open or in words."""

from datetime import date
from typing import Any

import pytest

from tests.builders import condition, observation, patient
from tests.readings import chart_of, entry, reading, warned


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("1962", date(1962, 1, 1), date(1962, 12, 31)),
        ("1970-06", date(1970, 6, 1), date(1970, 6, 30)),
    ],
)
def test_q22_partial_birth_dates_are_intervals(written: str, first: date, last: date) -> None:
    """A year or a month is every day that it can be."""
    birth = chart_of(person=patient(birth=written)).person.birth

    assert birth is not None
    assert (birth.first, birth.last) == (first, last)


@pytest.mark.parametrize("written", ["01.10", "20251001", "2025-13", 2004])
def test_q22_other_spellings_are_no_dates(written: object) -> None:
    """Nothing but FHIR's own spelling is a date; the record stays, undated, with a warning."""
    chart = chart_of(condition("233703007", id="ild", onsetDateTime=written))

    assert entry(chart, "ild").onset is None
    assert warned(chart, "record-unreadable") == ["Condition/ild: onsetDateTime is not a date of FHIR"]


def test_q22_an_unreadable_birth_date_loses_nothing_else() -> None:
    """The chart is read all the same."""
    chart = chart_of(observation("718-7", "12 g/dL"), person=patient(birth="01.10"))

    assert (chart.person.birth, reading(chart, "hemoglobin").unusable) == (None, False)
    assert warned(chart, "record-unreadable") == ["Patient/p: birthDate is not a date of FHIR"]


def test_q23_future_dates_are_read_as_written() -> None:
    """Births and deaths of demo data in the next century are for the evaluator to judge."""
    person = chart_of(person=patient(birth="2133-09-15", deceasedDateTime="2172")).person

    assert person.birth is not None
    assert person.birth.first == date(2133, 9, 15)
    assert not isinstance(person.deceased, bool)
    assert person.deceased is not None
    assert person.deceased.last == date(2172, 12, 31)


@pytest.mark.parametrize(
    ("effective", "day"),
    [
        ({"effectivePeriod": {"start": "2022-04-10", "end": "2022-04-12"}}, date(2022, 4, 12)),
        ({"effectivePeriod": {"start": "2022-04-10"}}, date(2022, 4, 10)),
        ({"effectiveInstant": "2022-04-10T23:30:00+02:00"}, date(2022, 4, 10)),
        ({"effectiveDateTime": "2022-04-10T08:30:00"}, date(2022, 4, 10)),
    ],
)
def test_q24_effective_times(effective: dict[str, Any], day: date) -> None:
    """The end of a period, its start when open, an instant; a time without a zone keeps its day."""
    when = reading(chart_of(observation("718-7", "12 g/dL", None, **effective)), "hemoglobin").when

    assert when is not None
    assert (when.first, when.last) == (day, day)


def test_q24_a_broken_date_is_not_replaced_by_another() -> None:
    """An effective time that cannot be read leaves the record undated; ``issued`` is another day."""
    late = observation("718-7", "12 g/dL", "yesterday", issued="2026-11-02T08:00:00Z")

    assert reading(chart_of(late), "hemoglobin").when is None


@pytest.mark.parametrize(
    ("onset", "first", "last"),
    [
        ({"onsetAge": {"value": 28, "unit": "years", "code": "a"}}, date(2006, 3, 14), date(2007, 3, 13)),
        ({"onsetAge": {"value": 28, "unit": "year", "code": "year"}}, date(2006, 3, 14), date(2007, 3, 13)),
        ({"onsetAge": {"value": 18, "unit": "mo"}}, date(1979, 9, 14), date(1979, 10, 13)),
        ({"onsetPeriod": {"start": "2019", "end": "2020-05"}}, date(2019, 1, 1), date(2020, 5, 31)),
        ({"onsetPeriod": {"start": "2019-03-01"}}, date(2019, 3, 1), date.max),
        ({"onsetPeriod": {"end": "2019-03-01"}}, date(1978, 3, 14), date(2019, 3, 1)),
        (
            {"onsetRange": {"low": {"value": 30, "code": "a"}, "high": {"value": 40, "code": "a"}}},
            date(2008, 3, 14),
            date(2019, 3, 13),
        ),
    ],
)
def test_q25_onsets_are_the_days_that_they_can_be(onset: dict[str, Any], first: date, last: date) -> None:
    """An age is the year of that age, a period everything between its ends."""
    when = entry(chart_of(condition("233703007", **onset), person=patient(birth="1978-03-14")), "ild").onset

    assert when is not None
    assert (when.first, when.last) == (first, last)


@pytest.mark.parametrize(
    "onset",
    [
        {"onsetString": "three days ago"},
        {"onsetAge": {"value": 28, "unit": "fortnight"}},
        {"onsetAge": {"value": 28, "unit": "a", "comparator": "<"}},
        {"onsetAge": {"value": 2800, "unit": "a"}},
        {"onsetRange": {"low": {"value": 30, "code": "a"}}},
        {"onsetPeriod": {"start": "2020-05-01", "end": "2019-05-01"}},
        {"onsetPeriod": "2019"},
    ],
)
def test_q25_onsets_that_tell_no_day(onset: dict[str, Any]) -> None:
    """Text, an unknown unit, half a range: the diagnosis stays, its onset is unknown."""
    assert entry(chart_of(condition("233703007", **onset)), "ild").onset is None


def test_q25_age_without_a_birth_date_tells_no_day() -> None:
    """Nothing counts from an unknown birth."""
    aged = condition("233703007", onsetAge={"value": 28, "code": "a"})

    assert entry(chart_of(aged, person=patient(birth=None)), "ild").onset is None


def test_q25_abatement_in_words_is_past() -> None:
    """An abatementString ("yesterday") says that it is over, unless a clinicalStatus says otherwise."""
    over = condition("233703007", clinical=None, abatementString="yesterday")
    going_on = condition("233703007", clinical="active", abatementString="yesterday")

    assert entry(chart_of(over), "ild").activity.value == "past"
    assert entry(chart_of(going_on), "ild").activity.value == "active"


def test_q25_a_date_of_abatement_is_left_to_the_screening_day() -> None:
    """Whether an abatement has come is a matter of the screening date."""
    ending = entry(chart_of(condition("233703007", clinical=None, abatementDateTime="2030-01-01")), "ild")

    assert ending.activity.value == "active"
    assert ending.until is not None
    assert ending.until.first == date(2030, 1, 1)
