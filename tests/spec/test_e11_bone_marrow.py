"""E11: neutrophils, platelets, lymphocytes and haemoglobin, each alone, in the units and windows of real charts."""

from typing import Any

import pytest

from tests.builders import Resource, complete_chart, observation, panel, verdict
from tests.verdicts import Verdict

DAY = "2026-11-02"
COUNTS = {  # part: LOINC code, threshold, just under it, unit, low and high of what is possible
    "neutrophils": ("751-8", "1", "0.99", "10*9/L", None, "200"),
    "platelets": ("777-3", "50", "49.9", "10*9/L", "1", "5000"),
    "lymphocytes": ("731-0", "0.5", "0.49", "10*9/L", None, "500"),
    "hemoglobin": ("718-7", "8", "7.99", "g/dL", "2", "25"),
}


def asked(part: str, *records: Resource) -> Verdict:
    """Screen with these records in place of one part; the other three are well."""
    return verdict(complete_chart().drop(part).add(*records))


def count(part: str, value: str, when: str | None = DAY, **elements: Any) -> Resource:
    """Return a result of that part in its unit."""
    code, _, _, unit, *_ = COUNTS[part]
    return observation(code, f"{value} {unit}", when, **elements)


@pytest.mark.parametrize("part", COUNTS)
def test_each_count_decides_alone(part: str) -> None:
    """Under its threshold it excludes, on it or above it does not."""
    _, threshold, under, *_ = COUNTS[part]

    assert asked(part, count(part, under)).truth("E11") == "true"
    assert asked(part, count(part, f"< {threshold}")).truth("E11") == "true"
    assert asked(part, count(part, threshold)).truth("E11") == "false"
    assert asked(part, count(part, f">= {threshold}")).truth("E11") == "false"
    assert asked(part, count(part, f"> {under}")).reasons("E11") == ["value-not-decisive"]


@pytest.mark.parametrize("part", COUNTS)
def test_each_count_is_missing_data_where_it_cannot_be_used(part: str) -> None:
    """Missing, old, without a unit, with a wrong one, withdrawn, not final, undated, impossible."""
    code, _, under, _, low, high = COUNTS[part]
    cases = {
        "no-record": [[], [count(part, under, status="entered-in-error")], [count(part, under, "2026-11-24")]],
        "too-old": [[count(part, under, "2026-05-26")]],
        "unit-not-comparable": [[observation(code, under, DAY)], [observation(code, f"{under} mmol", DAY)],
                                [observation(code, f"{under} NOT-A-UNIT", DAY)]],
        "no-usable-value": [[count(part, under, status="preliminary")], [count(part, under, status="unknown")],
                            [observation(code, None, DAY, valueString=under)], [observation(code, None, DAY)],
                            [count(part, f"{high}.1")], *([[count(part, f"{low}e-1")]] if low else [])],
        "date-not-decisive": [[count(part, under, None)], [count(part, under, "2026-05")]],
    }  # fmt: skip
    for reason, charts in cases.items():
        for records in charts:
            got = asked(part, *records)

            assert (got.truth("E11"), got.open("E11"), got.reasons("E11")) == ("unknown", "missing-data", [reason])
            assert got.missing_reasons("E11") == [reason]


@pytest.mark.parametrize("part", COUNTS)
def test_a_count_of_exactly_180_days_decides(part: str) -> None:
    """A day over, it is too old."""
    under = COUNTS[part][2]

    assert asked(part, count(part, under, "2026-05-27")).truth("E11") == "true"
    assert asked(part, count(part, under, "2026-06")).truth("E11") == "true"


UNITS = [
    ("platelets", "49.9 G/L", "true"), ("platelets", "50 G/L", "false"),
    ("platelets", "49900 /mm3", "true"), ("platelets", "50000 /mm3", "false"),
    ("platelets", "49.9 10*3/uL", "true"), ("platelets", "49.9 K/uL", "true"), ("platelets", "50 K/uL", "false"),
    ("neutrophils", "0.99 10e9/L", "true"), ("neutrophils", "999 /mm3", "true"),
    ("neutrophils", "1000 10*6/L", "false"),
    ("lymphocytes", "490 /mm3", "true"), ("lymphocytes", "500 /uL", "false"),
    ("hemoglobin", "79 g/L", "true"), ("hemoglobin", "80 g/L", "false"),
    ("hemoglobin", "4.96 mmol/L", "true"), ("hemoglobin", "4.97 mmol/L", "false"),  # 7.993 and 8.009 g/dL
]  # fmt: skip


@pytest.mark.parametrize(("part", "value", "truth"), UNITS)
def test_units_are_converted_exactly(part: str, value: str, truth: str) -> None:
    """Giga a litre as French laboratories write it, thousands a microlitre, haemoglobin as its monomer."""
    assert asked(part, observation(COUNTS[part][0], value, DAY)).truth("E11") == truth


def test_the_newest_count_decides() -> None:
    """By instant, by day, and a date alone goes before a time of the same or an earlier day."""
    low, high = "40", "250"
    morning, evening = f"{DAY}T08:00:00+01:00", f"{DAY}T18:00:00+01:00"

    def of(first: str, first_when: str, second: str, second_when: str) -> str:
        return asked("platelets", count("platelets", first, first_when), count("platelets", second, second_when)).truth(
            "E11"
        )

    assert of(low, "2026-10-01", high, DAY) == "false"
    assert of(high, "2026-10-01", low, DAY) == "true"
    assert of(low, morning, high, evening) == "false"
    assert of(high, morning, low, evening) == "true"
    assert of(high, "2026-11-02T08:00:00+01:00", low, "2026-11-02T07:30:00Z") == "true"
    assert of(low, "2026-11-03", high, evening) == "true"
    assert of(low, DAY, high, "2026-11-03T00:10:00+01:00") == "false"
    assert of(low, DAY, high, evening) == "unknown"


def test_a_period_counts_by_its_end_and_an_instant_by_itself() -> None:
    """`effectivePeriod` by its end, or its start when open; without any effective time, `issued`."""

    def effective(**elements: Any) -> Resource:
        return count("platelets", "40", None, **elements)

    newer = count("platelets", "250", "2026-11-01")
    ended = effective(effectivePeriod={"start": "2026-10-01", "end": "2026-11-02"})
    assert asked("platelets", newer, ended).truth("E11") == "true"
    begun = effective(effectivePeriod={"start": "2026-10-01"})
    assert asked("platelets", newer, begun).truth("E11") == "false"
    assert asked("platelets", newer, effective(effectiveInstant="2026-11-02T08:00:00Z")).truth("E11") == "true"
    assert asked("platelets", newer, effective(issued="2026-11-02T08:00:00Z")).truth("E11") == "true"
    assert asked("platelets", newer, effective(issued="2026-10-02T08:00:00Z")).truth("E11") == "false"


def test_unit_and_code_that_disagree_are_not_comparable() -> None:
    """The older result is used, and said so."""
    value = {"value": 8, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    got = asked("hemoglobin", observation("718-7", None, DAY, valueQuantity=value))

    assert got.reasons("E11") == ["unit-not-comparable"]


def test_a_component_counts_like_an_observation() -> None:
    """A blood count is often one Observation with parts."""
    assert asked("platelets", panel("58410-2", {"777-3": "40 10*9/L"}, DAY)).truth("E11") == "true"


def test_counts_that_need_judgement_show_their_value() -> None:
    """Segmented neutrophils alone are under review: to confirm, where no neutrophils are in the window."""
    got = asked("neutrophils", observation("768-2", "0.8 10*9/L", DAY))

    assert (got.truth("E11"), got.open("E11"), got.reasons("E11")) == ("unknown", "to-confirm", ["needs-judgement"])
    assert got.leaf("E11", "neutrophils").value.text == "0.8"
    assert (
        asked("neutrophils", count("neutrophils", "4"), observation("768-2", "0.8 10*9/L", "2026-11-20")).truth("E11")
        == "false"
    )


def test_of_several_failing_counts_the_latest_day_counts() -> None:
    """Laboratory values are looked at again 14 days after their day."""
    chart = complete_chart().value("platelets", "40 10*9/L").value("neutrophils", "0.5 10*9/L")
    got = verdict(chart.dated("platelets", "2026-11-15").dated("neutrophils", "2026-11-20"))

    assert (got.recoverable, got.rescreen_after) == (True, "2026-12-04")
