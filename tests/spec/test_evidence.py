"""What a leaf shows beside its truth: why, the value as used and as received, its day, all its records, notes."""

from typing import Any

import pytest

from tests.builders import (
    Resource,
    SampleChart,
    complete_chart,
    condition,
    observation,
    procedure,
    resource,
    verdict,
)
from tests.builders import prescription as order

Shown = tuple[str, str | None, tuple[str, str, str] | None, str | None, str, str]

NEWER, OLD = "2026-11-10", "2024-05-01"
CATHETER, ECHO = "8414-5", "82341-9"


def shown(chart: SampleChart, part: str, place: int) -> Shown:
    """Return truth, reason, value, day, sources and notes of one leaf below a part; lists are joined by blanks."""
    leaf = verdict(chart).leaves(part)[place]
    value = leaf.value and (leaf.value.text, leaf.value.unit, leaf.value.as_received)
    return leaf.truth.value, leaf.reason, value, leaf.effective, " ".join(leaf.sources), " ".join(leaf.notes)


def plus(*records: Resource, drop: tuple[str, ...] = (), **person: Any) -> SampleChart:
    """Return the sample chart with more and fewer records."""
    return complete_chart(**person).drop(*drop).add(*records)


def aged(**days: str) -> SampleChart:
    """Return the sample chart with parts moved to other days."""
    chart = complete_chart()
    for part, day in days.items():
        chart = chart.dated(part, day)
    return chart


PRESSURES = ("spap", "mpap")
NUMBERS: dict[str, tuple[SampleChart, str, int, Shown]] = {
    "a value that decides": (
        complete_chart(), "E3", 1, ("false", None, ("60", "%", "60 %"), "2026-07-08", "Observation/lvef", ""),
    ),
    "equals that agree": (
        plus(observation("18043-0", "61 %", "2026-07-08", id="again")), "E3", 1,
        ("false", None, ("61", "%", "61 %"), "2026-07-08", "Observation/again Observation/lvef", ""),
    ),
    "a value with many decimals": (
        complete_chart().value("lvef", "60.125 %"), "E3", 1,
        ("false", None, ("60.125", "%", "60.125 %"), "2026-07-08", "Observation/lvef", ""),
    ),
    "a value that is not there": (
        complete_chart().replace("lvef", observation("18043-0", None, "2026-07-08")), "E3", 1,
        ("unknown", "no-usable-value", None, "2026-07-08", "Observation/lvef", ""),
    ),
    "a value that is too old": (
        aged(lvef=OLD), "E3", 1, ("unknown", "too-old", ("60", "%", "60 %"), OLD, "Observation/lvef", ""),
    ),
    "a value by another method": (
        plus(observation("8811-2", "60 %", id="mri"), drop=("lvef",)), "E3", 1,
        ("unknown", "no-record", ("60", "%", "60 %"), "2026-11-02", "Observation/mri", ""),
    ),
    "the newest value by another method": (
        plus(*(observation("8811-2", f"{v} %", day, id=name) for v, day, name in
               ((60, "2026-10-01", "a"), (55, "2026-05-01", "z"))), drop=("lvef",)), "E3", 1,
        ("unknown", "no-record", ("60", "%", "60 %"), "2026-10-01", "Observation/a", ""),
    ),
    "no value": (plus(drop=("lvef",)), "E3", 1, ("unknown", "no-record", None, None, "", "")),
    "a finding that states it": (
        plus(condition("427090001", "2026-11-02", id="thin"), drop=("bmi",)), "E9", 0,
        ("true", None, ("427090001", "", "427090001"), "2026-11-02", "Condition/thin", ""),
    ),
    "an unconfirmed finding that states it": (
        plus(condition("427090001", "2026-11-02", id="thin", verification="unconfirmed"), drop=("bmi",)), "E9", 0,
        ("unknown", "not-confirmed", ("427090001", "", "427090001"), "2026-11-02", "Condition/thin", ""),
    ),
    "catheter and echo that agree": (
        complete_chart(), "E3", 2,
        ("false", None, ("18", "mm[Hg]", "18 mm[Hg]"), "2026-07-08", "Observation/mpap Observation/spap", ""),
    ),
    "a catheter that decides": (
        complete_chart(), "I5.b.1", 3,
        ("false", None, ("18", "mm[Hg]", "18 mm[Hg]"), "2026-07-08", "Observation/mpap", ""),
    ),
    "catheter and echo that disagree": (
        complete_chart().value("spap", "55 mm[Hg]"), "E3", 2,
        ("unknown", "needs-judgement", ("18", "mm[Hg]", "18 mm[Hg]"), "2026-07-08",
         "Observation/mpap Observation/spap", "catheter-disagrees"),
    ),
    "catheter not decided, echo not over": (
        complete_chart().value("mpap", "> 30 mm[Hg]"), "E3", 2,
        ("unknown", "value-not-decisive", (">30", "mm[Hg]", "> 30 mm[Hg]"), "2026-07-08",
         "Observation/mpap Observation/spap", ""),
    ),
    "echo not decided, catheter not over": (
        complete_chart().value("spap", "> 45 mm[Hg]"), "E3", 2,
        ("unknown", "value-not-decisive", (">45", "mm[Hg]", "> 45 mm[Hg]"), "2026-07-08",
         "Observation/mpap Observation/spap", ""),
    ),
    "echo alone": (
        plus(drop=("mpap",)), "E3", 2,
        ("false", None, ("30", "mm[Hg]", "30 mm[Hg]"), "2026-07-08", "Observation/spap", "no-catheter"),
    ),
    "an old catheter over": (
        aged(mpap=OLD).drop("spap").value("mpap", "45 mm[Hg]"), "E3", 2,
        ("unknown", "needs-judgement", ("45", "mm[Hg]", "45 mm[Hg]"), OLD, "Observation/mpap", ""),
    ),
    "an examination without a pressure": (
        plus(procedure("433236007", "2026-07-01", id="echo"), drop=(*PRESSURES, "lvef")), "E3", 2,
        ("unknown", "needs-judgement", None, None, "Procedure/echo", ""),
    ),
    "old pressures and an examination": (
        aged(spap=OLD, mpap="2024-03-01"), "E3", 2,
        ("unknown", "needs-judgement", ("30", "mm[Hg]", "30 mm[Hg]"), OLD, "Observation/lvef Observation/spap", ""),
    ),
    "old pressures": (
        aged(spap=OLD, mpap="2024-03-01").drop("lvef"), "E3", 2,
        ("unknown", "too-old", ("30", "mm[Hg]", "30 mm[Hg]"), OLD, "Observation/spap", ""),
    ),
    "an old catheter without any echo": (
        aged(mpap=OLD).drop("spap", "lvef"), "E3", 2,
        ("unknown", "too-old", ("18", "mm[Hg]", "18 mm[Hg]"), OLD, "Observation/mpap", ""),
    ),
    "no pressure at all": (
        plus(drop=(*PRESSURES, "lvef")), "E3", 2, ("unknown", "no-record", None, None, "", ""),
    ),
    "of two tests without a number the newer, by catheter": (
        plus(observation(CATHETER, None, NEWER, valueString="x", id="m"),
             observation(ECHO, None, "2026-11-09", valueString="y", id="s"), drop=(*PRESSURES, "lvef")), "E3", 2,
        ("unknown", "no-usable-value", ("", "", "x"), NEWER, "Observation/m", ""),
    ),
    "of two tests without a number the newer, by echo": (
        plus(observation(CATHETER, None, "2026-11-09", valueString="x", id="m"),
             observation(ECHO, None, NEWER, valueString="y", id="s"), drop=(*PRESSURES, "lvef")), "E3", 2,
        ("unknown", "no-usable-value", ("", "", "y"), NEWER, "Observation/s", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chart", "part", "place", "wanted"), NUMBERS.values(), ids=NUMBERS)
def test_what_a_leaf_about_numbers_shows(chart: SampleChart, part: str, place: int, wanted: Shown) -> None:
    """The value that decides or could, in the unit compared in, with every record that it rests on."""
    assert shown(chart, part, place) == wanted


CANCER, SERUM, PREGNANT = "C50.9", "2106-3", "77386006"
RECORDS: dict[str, tuple[SampleChart, str, int, Shown]] = {
    "several diagnoses, shown by the newest": (
        plus(condition("I48.9", "2024", id="a"), condition("I48.0", "2025", id="b")), "I5.b.3", 1,
        ("true", None, ("I48.0", "", "I48.0"), "2025", "Condition/a Condition/b", "confirm-attribution"),
    ),
    "the newest diagnosis, whatever its name": (
        plus(condition("I48.9", "2025", id="a"), condition("I48.0", "2024", id="b")), "I5.b.3", 1,
        ("true", None, ("I48.9", "", "I48.9"), "2025", "Condition/a Condition/b", "confirm-attribution"),
    ),
    "a diagnosis with a day before one without": (
        plus(condition("I48.9", "2025", id="a"), condition("I48.0", id="b")), "I5.b.3", 1,
        ("true", None, ("I48.9", "", "I48.9"), "2025", "Condition/a Condition/b", "confirm-attribution"),
    ),
    "one diagnosis": (
        plus(condition("I48.9", "2024", id="a")), "I5.b.3", 1,
        ("true", None, ("I48.9", "", "I48.9"), "2024", "Condition/a", "confirm-attribution confirm-recurrence"),
    ),
    "a diagnosis for a person": (
        plus(condition("F20.0", "2020", id="a")), "E10", 0,
        ("unknown", "needs-judgement", ("F20.0", "", "F20.0"), "2020", "Condition/a", "flagged"),
    ),
    "an unconfirmed diagnosis": (
        plus(condition("F20.0", "2020", id="a", verification="provisional")), "E10", 0,
        ("unknown", "not-confirmed", ("F20.0", "", "F20.0"), "2020", "Condition/a", ""),
    ),
    "no diagnosis": (complete_chart(), "E10", 0, ("unknown", "no-record", None, None, "", "")),
    "a recent neoplasm": (
        plus(condition(CANCER, OLD, id="a")), "E5", 0,
        ("true", None, (CANCER, "", CANCER), OLD, "Condition/a", ""),
    ),
    "a neoplasm known by its day of recording": (
        plus(condition(CANCER, recordedDate=OLD, id="a")), "E5", 0,
        ("unknown", "date-not-decisive", (CANCER, "", CANCER), OLD, "Condition/a", ""),
    ),
    "an old neoplasm": (
        plus(condition(CANCER, "2014-05-01", id="a", clinical="resolved")), "E5", 0,
        ("unknown", "no-record", None, None, "Condition/a", ""),
    ),
    "a treatment in effect": (
        plus(order("G03AA07", "2026-06-01", id="pill")), "I8", 3,
        ("true", None, ("G03AA07", "", "G03AA07"), "2026-06-01", "MedicationRequest/pill", ""),
    ),
    "a treatment no longer in effect": (
        plus(order("G03AA07", OLD, id="pill")), "I8", 3,
        ("unknown", "too-old", ("G03AA07", "", "G03AA07"), OLD, "MedicationRequest/pill", ""),
    ),
    "a pregnancy": (
        plus(condition(PREGNANT, "2026-10-01", id="a")), "E2", 0,
        ("true", None, (PREGNANT, "", PREGNANT), "2026-10-01", "Condition/a", ""),
    ),
    "a pregnancy of a man": (
        plus(condition(PREGNANT, "2026-10-01", id="a"), gender="male"), "E2", 0,
        ("unknown", "needs-judgement", (PREGNANT, "", PREGNANT), "2026-10-01", "Condition/a", "flagged"),
    ),
    "no pregnancy of a man": (plus(gender="male"), "E2", 0, ("false", None, None, None, "Patient/p", "")),
    "a negative test": (
        plus(observation(SERUM, None, NEWER, flag="NEG", id="hcg")), "E2", 0,
        ("false", None, None, NEWER, "Observation/hcg", ""),
    ),
    "an old negative test": (
        plus(observation(SERUM, None, OLD, flag="NEG", id="hcg")), "E2", 0,
        ("unknown", "too-old", None, OLD, "Observation/hcg", ""),
    ),
    "a total": (
        complete_chart(), "I4", 0,
        ("true", None, ("14", "{score}", "14 {score}"), "2020-05-05", "Observation/acr-eular", ""),
    ),
    "a diagnosis with the score so far": (
        plus(drop=("acr_eular",)), "I4", 0,
        ("unknown", "needs-judgement", ("2", "{score}", "score 2"), "2019-03-01", "Condition/ild Condition/ssc", ""),
    ),
    "a score without a diagnosis": (
        plus(drop=("acr_eular", "ssc", "ild")), "I4", 0,
        ("unknown", "needs-judgement", ("0", "{score}", "score 0"), None, "Observation/mrss", "ssc-not-coded"),
    ),
    "an onset": (
        complete_chart(), "I5.a", 0,
        ("false", None, ("2019-03-01", "", "2019-03-01"), "2019-03-01", "Condition/ssc", ""),
    ),
    "an onset on or before": (
        plus(condition("M34.0", recordedDate="2025-06-01", id="a"), drop=("ssc",)), "I5.a", 0,
        ("unknown", "date-not-decisive", ("on or before 2025-06-01", "", "2025-06-01"), "2025-06-01",
         "Condition/a", ""),
    ),
    "a first symptom": (
        plus(observation("first-non-raynaud-symptom-date", None, valueDateTime="2025-06", id="d")), "I5.a", 0,
        ("true", None, ("2025-06", "", "2025-06"), "2025-06", "Observation/d", ""),
    ),
    "an insurance": (
        plus(resource("Coverage", status="active", id="c")), "I10", 0, ("true", None, None, None, "Coverage/c", ""),
    ),
    "what a person weighs": (
        plus(order("L04AA06", "2026-01-01", id="mmf")), "I7", 0,
        ("unknown", "needs-judgement", None, None, "MedicationRequest/mmf", ""),
    ),
    "what a person weighs, the newest number only": (
        plus(observation(CATHETER, "17 mm[Hg]", "2025-12-01", id="older"), drop=("dlco", "egfr", "spap", "lvef")), "I6",
        0, ("unknown", "needs-judgement", None, None, "Observation/mpap", ""),
    ),
    "what a person weighs, results included": (
        plus(observation("5196-1", flag="POS", id="antigen"), condition("B18.1", id="virus")), "E4", 4,
        ("unknown", "needs-judgement", None, None, "Condition/virus Observation/antigen", ""),
    ),
    "what a person weighs, numbers included": (
        plus(drop=("dlco", "egfr")), "I6", 0,
        ("unknown", "needs-judgement", None, None, "Observation/lvef Observation/mpap Observation/spap", ""),
    ),
    "what a person weighs, all that E3 rests on included": (
        complete_chart(), "I6", 0,
        ("unknown", "needs-judgement", None, None,
         "Observation/dlco Observation/egfr Observation/lvef Observation/mpap Observation/spap", ""),
    ),
    "an age": (plus(birth="1978"), "I3", 1, ("true", None, ("47–48", "a", "1978"), "1978", "Patient/p", "")),
    "a sex": (
        plus(gender="other"), "I3", 0,
        ("unknown", "needs-judgement", ("other", "", "other"), None, "Patient/p", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chart", "part", "place", "wanted"), RECORDS.values(), ids=RECORDS)
def test_what_a_leaf_about_records_shows(chart: SampleChart, part: str, place: int, wanted: Shown) -> None:
    """The newest record's own words and day, with every record that it rests on."""
    assert shown(chart, part, place) == wanted


@pytest.mark.parametrize(
    ("records", "part", "notion"),
    [
        ([], "E8", "hiv_condition"),
        ([condition("B24", "2020")], "E8", "hiv_condition"),
        ([observation("56888-1", flag="NEG")], "E8", "hiv_serology"),
        ([observation("20447-9", flag="DET")], "E8", "hiv_viral_load"),
        ([condition("B24", "2020"), observation("20447-9", flag="DET")], "E8", "hiv_viral_load"),
        ([observation(SERUM, flag="NEG")], "E2", "pregnancy_tests"),
    ],
)
def test_a_state_names_the_notion_whose_record_speaks(records: list[Resource], part: str, notion: str) -> None:
    """Of several the newest; without any, the state itself."""
    assert verdict(plus(*records)).leaves(part)[0].notion == notion


@pytest.mark.parametrize(("part", "place"), [("E5", 0), ("E5", 1), ("E7", 0), ("E8", 0), ("E10", 0), ("I5.b.3", 3)])
def test_a_diagnosis_that_cannot_be_read_may_be_any(part: str, place: int) -> None:
    """Nothing was found, but a Condition could not be read: no usable value, and the note says so."""
    chart = plus(resource("Condition", code="B24"))

    assert shown(chart, part, place) == ("unknown", "no-usable-value", None, None, "", "record-unreadable")
