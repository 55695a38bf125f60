"""Q16-Q21: status, absence and panels."""

import pytest

from service.eligibility.chart import Standing
from tests.builders import concept, observation, panel, quantity
from tests.readings import chart_of, reading

ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


@pytest.mark.parametrize("status", ["entered-in-error ", " Entered-In-Error", "cancelled"])
def test_q16_taken_back_with_a_stray_space(status: str) -> None:
    """A record that takes itself back is gone, however its status is spelt."""
    assert chart_of(observation("718-7", "6 g/dL", status=status)).readings == {}


def test_q16_the_copy_taken_back_later_removes_the_other() -> None:
    """The same id once preliminary, once entered in error in a later version: nothing is left."""
    first = observation("718-7", "6 g/dL", status="preliminary", id="hb", meta={"versionId": "1"})
    second = observation("718-7", "6 g/dL", status="entered-in-error ", id="hb", meta={"versionId": "2"})

    assert chart_of(first, second).readings.get("hemoglobin") is None


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("final", Standing.FINAL),
        ("amended", Standing.AMENDED),
        ("corrected", Standing.CORRECTED),
        ("preliminary", Standing.PENDING),
        ("registered", Standing.PENDING),
        ("unknown", Standing.PENDING),
        (None, Standing.PENDING),
    ],
)
def test_q17_every_status_seen(status: str | None, standing: Standing) -> None:
    """Final, amended and corrected count; preliminary, unknown and missing ones are shown and never used."""
    assert reading(chart_of(observation("718-7", "12 g/dL", status=status)), "hemoglobin").standing is standing


def test_q18_unknown_modifier_makes_the_record_unusable() -> None:
    """A modifierExtension may turn the meaning round ("not done"): the value is not used."""
    not_done = [{"url": "http://example.org/qicore-notDone", "valueBoolean": True}]

    result = reading(chart_of(observation("39156-5", "15 kg/m2", modifierExtension=not_done)), "bmi")

    assert result.unusable


def test_q19_no_value_and_no_reason() -> None:
    """A result without value, reason or date is there, unusable and undated; ``issued`` stands in for a date."""
    result = reading(chart_of(observation("98979-8", None, None)), "egfr")
    issued = reading(chart_of(observation("98979-8", None, None, issued="2026-11-02T08:00:00Z")), "egfr")

    assert (result.unusable, result.when, result.absent) == (True, None, None)
    assert issued.when is not None
    assert issued.when.text == "2026-11-02T08:00:00Z"


def test_q20_components_are_results_of_their_own() -> None:
    """A blood pressure panel gives its two pressures, from one source, and no reading of the panel itself."""
    both = chart_of(panel("85354-9", {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"}, id="bp"))

    pressures = both.readings["blood_pressure"]
    assert [sorted(each.tags) for each in pressures] == [["systolic"], ["diastolic"]]
    assert {each.source for each in pressures} == {"Observation/bp"}


def test_q20_component_with_a_reason_of_absence() -> None:
    """A component that was not measured says why, and the other one still counts."""
    parts = [
        {"code": concept("8480-6"), "valueQuantity": quantity("120 mm[Hg]")},
        {"code": concept("8462-4"), "dataAbsentReason": concept(f"{ABSENT}|not-performed")},
    ]

    systolic, diastolic = chart_of(observation("85354-9", component=parts)).readings["blood_pressure"]

    assert (systolic.unusable, diastolic.unusable, diastolic.absent) == (False, True, "not-performed")


def test_q20_panel_of_members_is_not_a_result() -> None:
    """A panel that only points at its members is not an unusable record of its own code."""
    members = [{"reference": "Observation/one"}]

    assert chart_of(observation("85354-9", None, hasMember=members)).readings == {}


def test_q20_renal_panel_of_a_code_that_no_value_set_knows() -> None:
    """45066-8 means nothing itself; its creatinine and eGFR count."""
    chart = chart_of(panel("45066-8", {"14682-9": "72 umol/L", "62238-1": "88 mL/min/1.73m2"}))

    assert set(chart.readings) == {"creatinine_serum", "egfr"}


def test_q21_all_reference_ranges_are_kept_with_their_type() -> None:
    """Of several ranges only those of type normal, or without type, are a range of the healthy."""
    kind = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"
    ranges = [
        {"low": quantity("41 %"), "high": quantity("49 %"), "type": concept(f"{kind}|treatment")},
        {"low": quantity("50 %"), "type": concept(f"{kind}|normal")},
        {"high": {"value": 40}},
    ]

    limits = reading(chart_of(observation("18043-0", "60 %", referenceRange=ranges)), "lvef").limits

    assert [each.normal for each in limits] == [False, True, True]
    assert limits[2].high is not None
    assert (limits[2].high.value, limits[2].high.unit) == (40, None)
