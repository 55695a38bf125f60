"""I5.a, the kinds of date from which a disease of two years may be counted, all for one woman born on 14 March 1978."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.eligibility.screen import screen
from service.fhir.decode import decode
from tests.builders import Resource, SampleChart, complete_chart, condition, observation, verdict
from tests.expectations import differences
from tests.verdicts import AS_OF, Verdict, as_json, shipped_reader, shipped_study


def sclerosis(**elements: Any) -> Resource:
    """Return a confirmed systemic sclerosis with these elements and no other date."""
    return condition("M34.0", **elements)


def age(years: int, code: str = "a") -> Resource:
    """Return an age as FHIR writes it."""
    return {"value": years, "unit": code, "system": "http://unitsofmeasure.org", "code": code}


def symptom(when: str = "2026-01-10", **elements: Any) -> Resource:
    """Return a record of the first symptom that is not Raynaud's."""
    return observation("first-non-raynaud-symptom-date", None, when, **elements)


def active_disease(*records: Resource, **person: Any) -> SampleChart:
    """Return a chart whose mRSS is 20 and CRP 12; these records date the disease."""
    sample = complete_chart(**person).drop("ssc").value("mrss", "20 {score}").value("crp", "12 mg/L")
    return sample.add(*records)


ONSETS = {
    "period within the two years": ([sclerosis(onsetPeriod={"start": "2025-01", "end": "2025-06"})], "true"),
    "period before": ([sclerosis(onsetPeriod={"start": "2020-01-01", "end": "2024-11-22"})], "false"),
    "period from before to within": (
        [sclerosis(onsetPeriod={"start": "2024-06-01", "end": "2025-02-01"})],
        "unknown date-not-decisive",
    ),
    "period open to the right, within": ([sclerosis(onsetPeriod={"start": "2024-11-23"})], "true"),
    "period open to the right, from a day before": (
        [sclerosis(onsetPeriod={"start": "2024-11-22"})],
        "unknown date-not-decisive",
    ),
    "period open to the left, ends before": ([sclerosis(onsetPeriod={"end": "2024-11-22"})], "false"),
    "period open to the left, ends within": (
        [sclerosis(onsetPeriod={"end": "2025-06-01"})],
        "unknown date-not-decisive",
    ),
    "aged 47: from 14 March 2025": ([sclerosis(onsetAge=age(47))], "true"),
    "aged 46: from 14 March 2024": ([sclerosis(onsetAge=age(46))], "unknown date-not-decisive"),
    "aged 45: up to 13 March 2024": ([sclerosis(onsetAge=age(45))], "false"),
    "text only": ([sclerosis(onsetString="at 47")], "unknown date-not-decisive"),
    "recorded within, with an onset before": (
        [sclerosis(onset="2023-01-01", recordedDate="2026-01-01")],
        "false",
    ),
    "minimum of a period and a day": (
        [sclerosis(onsetPeriod={"start": "2024-06-01", "end": "2026-02-01"}), sclerosis(onset="2024-10-01")],
        "false",
    ),
    "minimum of an age and a day": ([sclerosis(onsetAge=age(46)), sclerosis(onset="2025-06-01")],
        "unknown date-not-decisive"),
    "first symptom by month within": ([sclerosis(onset="2019"), symptom(valueDateTime="2024-12")], "true"),
    "first symptom by month that straddles": (
        [sclerosis(onset="2019"), symptom(valueDateTime="2024-11")],
        "unknown date-not-decisive",
    ),
    "first symptom of exactly two years": ([sclerosis(onset="2019"), symptom(valueDateTime="2024-11-23")], "true"),
    "first symptom on the day of screening": ([sclerosis(onset="2019"), symptom(AS_OF, valueDateTime=AS_OF)], "true"),
    "newest record of the first symptom": (
        [symptom("2025-12-01", valueDateTime="2025-06-01"), symptom("2026-03-01", valueDateTime="2023-06-01")],
        "false",
    ),
    "later record of the first symptom, of one day": (
        [symptom("2026-03-01T09:00:00Z", valueDateTime="2025-02-01"),
         symptom("2026-03-01T08:00:00Z", valueDateTime="2020-02-01")], "true",
    ),
    "corrected record of the first symptom": (
        [symptom("2026-03-01", valueDateTime="2025-02-01", status="corrected"),
         symptom("2026-03-01", valueDateTime="2020-02-01")], "true",
    ),
    "preliminary record of the first symptom": (
        [sclerosis(onset="2019"), symptom(valueDateTime="2025-06-01", status="preliminary")],
        "false",
    ),
    "record of the first symptom after the screening": (
        [sclerosis(onset="2019"), symptom("2026-11-24", valueDateTime="2025-06-01")],
        "false",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "expected"), ONSETS.values(), ids=ONSETS)
def test_the_onset_is_an_interval_compared_with_two_years(records: list[Resource], expected: str) -> None:
    """Both ends within two years are true, both before are false, else the date does not decide."""
    assert differences(verdict(active_disease(*records)), {"I5.a": expected}) == []


def test_an_age_at_onset_says_nothing_without_a_birth_date() -> None:
    """The onset is then as if it had no date."""
    got = verdict(active_disease(sclerosis(onsetAge=age(47)), birth=None))

    assert differences(got, {"I5.a": "unknown date-not-decisive"}) == []


def test_an_age_at_onset_takes_the_interval_of_a_partial_birth_date() -> None:
    """Born in 1978, aged 46: from 2024 to 2025, which straddles; aged 47: not before 2025."""
    straddles = verdict(active_disease(sclerosis(onsetAge=age(46)), birth="1978"))
    within = verdict(active_disease(sclerosis(onsetAge=age(47)), birth="1978"))

    assert differences(straddles, {"I5.a": "unknown date-not-decisive"}) == []
    assert differences(within, {"I5.a": "true"}) == []


def test_a_score_may_be_an_integer() -> None:
    """``valueInteger`` is how the project's own code defines it."""
    scores = observation("mrss-total", valueInteger=20), observation("acr-eular-2013-total", valueInteger=9)
    sample = active_disease(sclerosis(onset="2025-06-01")).drop("mrss", "acr_eular").add(*scores)

    assert differences(verdict(sample), {"I4": "true", "I5.a": "true"}) == []


@pytest.mark.parametrize(
    ("onset", "recorded", "expected"),
    [
        ("2025-06-01", None, "unknown date-not-decisive"),
        ("2024-11-22", None, "false"),
        ("2024-11-22", "2025-06-01", "false"),
        ("2025-06-01", "2024-11-22", "false"),
        ("2024", "2024-01-01", "false"),
    ],
)
def test_where_onsets_are_coding_dates_they_are_read_as_days_of_recording(
    onset: str, recorded: str | None, expected: str
) -> None:
    """The disease began on or before the earlier day, which decides only against a short duration."""
    study = replace(shipped_study(), onset_is_coding_date=True)
    diagnosis = sclerosis(onset=onset, recordedDate=recorded)
    chart = shipped_reader().read_bundle(decode(as_json(active_disease(diagnosis).bundle())))

    got = Verdict(screen(study, chart, (), date.fromisoformat(AS_OF)))

    assert differences(got, {"I5.a": expected}) == []
