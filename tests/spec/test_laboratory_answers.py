"""A result as positive or negative: its number beside its own upper limit, and which results a correction replaces."""

from typing import Any

import pytest

from tests.builders import Resource, complete_chart, observation, verdict

HCG, VIRAL_LOAD, WESTERN_BLOT = "21198-7", "20447-9", "hiv-differentiation-or-western-blot"
YES, NO = "10828004", "260385009"


def pregnant(record: Resource) -> str:
    """Return the truth of the leaf about pregnancy of a woman with this hCG of the last days."""
    return verdict(complete_chart().add(record)).leaves("E2")[0].truth.value


NUMBERS = {
    "exactly the limit": ("5 [IU]/L", "false"),
    "under the limit": ("< 5 [IU]/L", "false"),
    "at most the limit": ("<= 5 [IU]/L", "false"),
    "at most more than the limit": ("<= 6 [IU]/L", "unknown"),
    "over the limit": ("> 5 [IU]/L", "true"),
    "over less than the limit": ("> 3 [IU]/L", "unknown"),
    "at least the limit": (">= 5 [IU]/L", "unknown"),
    "at least less than the limit": (">= 4 [IU]/L", "unknown"),
    "at least more than the limit": (">= 6 [IU]/L", "true"),
}


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_positive_over_its_upper_limit(value: str, expected: str) -> None:
    """A comparator decides where every value that it leaves open is on one side of the limit of 5."""
    assert pregnant(observation(HCG, value, "2026-11-10", high="5 [IU]/L")) == expected


Given = dict[str, Any]
UNITS: dict[str, tuple[Given, Given, str]] = {
    "a limit with its unit as text": (
        {"value": 0.9, "unit": "[IU]/mL", "code": "[IU]/mL"}, {"value": 5, "unit": "m[IU]/mL"}, "true",
    ),
    "a limit with its unit as a code": (
        {"value": 0.9, "unit": "[IU]/mL", "code": "[IU]/mL"}, {"value": 5, "code": "m[IU]/mL"}, "true",
    ),
    "a value with its unit as text": ({"value": 0.9, "unit": "[IU]/mL"}, {"value": 5, "code": "m[IU]/mL"}, "true"),
    "a value with its unit as a code": ({"value": 0.9, "code": "[IU]/mL"}, {"value": 5, "unit": "m[IU]/mL"}, "true"),
    "a limit in the larger unit": (
        {"value": 20, "unit": "m[IU]/mL"}, {"value": 0.025, "unit": "[IU]/mL"}, "false",
    ),
    "a limit in no unit of hCG": ({"value": 20, "unit": "m[IU]/mL"}, {"value": 5, "unit": "mg/L"}, "unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "high", "expected"), UNITS.values(), ids=UNITS)
def test_a_limit_is_converted_to_the_unit_of_its_value(value: Given, high: Given, expected: str) -> None:
    """1 [IU]/mL is 1000 m[IU]/mL, however value and limit write their units."""
    record = observation(HCG, None, "2026-11-10", valueQuantity=value, referenceRange=[{"high": high}])

    assert pregnant(record) == expected


def test_a_limit_in_the_unit_of_its_value_needs_no_conversion() -> None:
    """10 copies of a viral load whose limit of detection is 20, in a unit that is only text, are not detectable."""
    value, high = ({"value": number, "unit": "copies per mL"} for number in (10, 20))
    record = observation(VIRAL_LOAD, None, "2026-10-10", valueQuantity=value, referenceRange=[{"high": high}])

    assert verdict(complete_chart().add(record)).reason("E8") == "needs-judgement"


FOUND = [("0", "unknown"), ("1", "true"), ("< 20", "unknown"), ("<= 20", "unknown"), ("> 20", "true")]


@pytest.mark.parametrize(("value", "truth"), [(f"{number} {{copies}}/mL", truth) for number, truth in FOUND])
def test_any_copy_is_detectable_where_no_limit_is_given(value: str, truth: str) -> None:
    """No copy is undetectable, which is for a person; one copy is detectable, which excludes."""
    assert verdict(complete_chart().add(observation(VIRAL_LOAD, value, "2026-10-10"))).truth("E8") == truth


TIMES = {
    "days": ("2025-05-01", "2026-05-01"),
    "hours of one day": ("2026-05-01T08:00:00+02:00", "2026-05-01T17:00:00+02:00"),
}


@pytest.mark.parametrize(("corrected", "other"), TIMES.values(), ids=TIMES)
def test_a_correction_replaces_only_the_result_of_its_moment(corrected: str, other: str) -> None:
    """A western blot corrected to negative says nothing of a positive one of another moment."""
    blots = [
        observation(WESTERN_BLOT, coded=NO, when=corrected, status="corrected"),
        observation(WESTERN_BLOT, coded=YES, when=other),
    ]

    assert verdict(complete_chart().add(*blots)).truth("E8") == "true"


@pytest.mark.parametrize("when", ["2026-05-01", "2026-05-01T08:00:00+02:00"])
def test_a_correction_replaces_the_result_of_its_moment(when: str) -> None:
    """The positive western blot that was corrected to negative does not exclude."""
    blots = [
        observation(WESTERN_BLOT, coded=NO, when=when, status="corrected"),
        observation(WESTERN_BLOT, coded=YES, when=when),
    ]

    assert verdict(complete_chart().add(*blots)).truth("E8") == "unknown"
