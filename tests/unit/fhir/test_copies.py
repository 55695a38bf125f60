"""The same record seen twice is one, whatever the order in which its copies come."""

from itertools import permutations
from typing import Any

import pytest

from service.eligibility.chart import Chart
from tests.builders import Resource, condition, observation, panel
from tests.readings import chart_of, entry, reading

IDENTIFIER = [{"system": "urn:lab", "value": "S-1"}]
DAY = "2026-11-02T08:30:00+01:00"


def hb(value: str, **elements: Any) -> Resource:
    """Return a haemoglobin of that day."""
    return observation("718-7", value, DAY, **elements)


def every_order(*copies: Resource) -> list[Chart]:
    """Read the copies in every order."""
    return [chart_of(*order) for order in permutations(copies)]


def values(chart: Chart) -> list[tuple[str, bool]]:
    """Return (value, contested) of every haemoglobin."""
    return [(r.quantity.text if r.quantity else "", r.contested) for r in chart.readings.get("hemoglobin", [])]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ({"lastUpdated": "2026-11-02T12:00:00Z"}, {"lastUpdated": "2026-11-05T12:00:00Z"}),
        ({"versionId": "9"}, {"versionId": "10"}),
        (
            {"lastUpdated": "2026-11-02T12:00:00Z", "versionId": "7"},
            {"lastUpdated": "2026-11-05T12:00:00Z", "versionId": "2"},
        ),
        (
            {"lastUpdated": "2026-11-05T12:00:00Z", "versionId": "1"},
            {"lastUpdated": "2026-11-05T13:00:00+01:00", "versionId": "2"},
        ),
    ],
)
def test_the_later_copy_stands_for_the_record(early: dict[str, str], late: dict[str, str]) -> None:
    """By lastUpdated as an instant, then by versionId as a number."""
    for chart in every_order(hb("6 g/dL", id="hb", meta=early), hb("12 g/dL", id="hb", meta=late)):
        assert values(chart) == [("12 g/dL", False)]


def test_copies_that_say_the_same_are_one() -> None:
    """Identity, metadata and narrative make no difference."""
    narrative = {"status": "generated", "div": "<div/>"}

    for chart in every_order(hb("12 g/dL", id="hb"), hb("12 g/dL", id="hb", text=narrative, meta={"source": "#x"})):
        assert values(chart) == [("12 g/dL", False)]


def test_copies_that_differ_and_cannot_be_ordered_are_contested() -> None:
    """One of them is shown, always the same, and marked."""
    charts = every_order(hb("6 g/dL", id="hb"), hb("12 g/dL", id="hb"), hb("9 g/dL", id="hb"))

    assert {tuple(values(chart)) for chart in charts} == {(("12 g/dL", True),)}


def test_version_ids_that_are_no_numbers_give_no_order() -> None:
    """Hash-like version ids (Q40) cannot be compared."""
    for chart in every_order(
        hb("6 g/dL", id="hb", meta={"versionId": "a1"}), hb("12 g/dL", id="hb", meta={"versionId": "b2"})
    ):
        assert [contested for _, contested in values(chart)] == [True]


def test_a_later_withdrawal_removes_the_record() -> None:
    """Entered in error in the higher version: no fact is left."""
    for chart in every_order(
        hb("6 g/dL", id="hb", meta={"versionId": "1"}),
        hb("6 g/dL", id="hb", meta={"versionId": "2"}, status="entered-in-error"),
    ):
        assert values(chart) == []


def test_a_withdrawal_that_cannot_be_ordered_contests_the_record() -> None:
    """It may be the older or the newer one: a person has to look."""
    for chart in every_order(hb("6 g/dL", id="hb"), hb("6 g/dL", id="hb", status="entered-in-error")):
        assert values(chart) == [("6 g/dL", True)]


def test_same_identifier_notion_and_time_are_one() -> None:
    """Two ids of one result: the later update counts."""
    early = hb("6 g/dL", id="a", identifier=IDENTIFIER, meta={"lastUpdated": "2026-11-02T12:00:00Z"})
    late = hb("12 g/dL", id="b", identifier=IDENTIFIER, meta={"lastUpdated": "2026-11-05T12:00:00Z"})

    for chart in every_order(early, late):
        assert [r.source for r in chart.readings["hemoglobin"]] == ["Observation/b"]


def test_same_identifier_without_an_order_is_contested() -> None:
    """As for one id."""
    for chart in every_order(hb("6 g/dL", id="a", identifier=IDENTIFIER), hb("12 g/dL", id="b", identifier=IDENTIFIER)):
        assert [contested for _, contested in values(chart)] == [True]


def test_a_later_withdrawal_under_the_same_identifier_removes_the_other() -> None:
    """The copy that was taken back has another id."""
    early = hb("6 g/dL", id="a", identifier=IDENTIFIER, meta={"lastUpdated": "2026-11-02T12:00:00Z"})
    void = hb(
        "6 g/dL", id="b", identifier=IDENTIFIER, meta={"lastUpdated": "2026-11-05T12:00:00Z"}, status="entered-in-error"
    )

    for chart in every_order(early, void):
        assert values(chart) == []


def test_one_specimen_number_on_several_results_is_no_copy() -> None:
    """Another notion, another time or the other pressure under one identifier is another record."""
    other_day = observation("718-7", "11 g/dL", "2026-11-03", id="b", identifier=IDENTIFIER)
    platelets = observation("777-3", "250 10*9/L", DAY, id="c", identifier=IDENTIFIER)
    systolic = observation("8480-6", "120 mm[Hg]", DAY, id="d", identifier=IDENTIFIER)
    diastolic = observation("8462-4", "75 mm[Hg]", DAY, id="e", identifier=IDENTIFIER)

    chart = chart_of(hb("12 g/dL", id="a", identifier=IDENTIFIER), other_day, platelets, systolic, diastolic)

    assert {concept: len(found) for concept, found in chart.readings.items()} == {
        "hemoglobin": 2,
        "platelets": 1,
        "blood_pressure": 2,
    }


def test_conditions_are_copied_too() -> None:
    """The later copy of a diagnosis counts."""
    early = condition("233703007", "2020-01-20", id="a", meta={"versionId": "1"})
    late = condition("233703007", "2020-01-20", id="a", meta={"versionId": "2"}, clinical="resolved")

    for chart in every_order(early, late):
        assert (entry(chart, "ild").source, entry(chart, "ild").activity.value) == ("Condition/a/_history/2", "past")


def test_a_copy_moved_to_another_patient_is_no_longer_ours() -> None:
    """A misfiled result whose later version belongs to somebody else does not come back."""
    misfiled = hb("6 g/dL", id="hb", meta={"versionId": "1"})
    corrected = misfiled | {"meta": {"versionId": "2"}, "subject": {"reference": "Patient/other"}}

    assert chart_of(misfiled, corrected).readings == {}


def test_sources_name_the_version() -> None:
    """With ``/_history/…`` where the record has a version."""
    assert reading(chart_of(hb("12 g/dL", id="hb", meta={"versionId": "3"})), "hemoglobin").source == (
        "Observation/hb/_history/3"
    )


def test_a_record_without_identity_is_named_by_its_content() -> None:
    """Two such records that say the same are one; the name does not depend on their order."""
    charts = every_order(*[hb(value, id="") for value in ("12 g/dL", "12 g/dL", "11 g/dL")])
    for chart in charts:
        for found in chart.readings["hemoglobin"]:
            assert found.source.startswith("Observation/")
    assert len({repr(chart.readings) for chart in charts}) == 1


def test_the_order_of_the_input_does_not_matter() -> None:
    """A chart is the same from any order of its records."""
    records = (
        hb("12 g/dL", id="a"), hb("11 g/dL", id="b"), panel("85354-9", {"8480-6": "120 mm[Hg]"}, id="c"),
        condition("233703007", id="d", onsetDateTime="soon"),
    )  # fmt: skip

    assert len({repr(chart) for chart in every_order(*records)}) == 1
