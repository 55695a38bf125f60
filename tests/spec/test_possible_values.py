"""What is physically possible: the list as it was agreed, the data, and both ends of it through the evaluator."""

from decimal import Decimal

import pytest

from service.eligibility.findings import Leaf
from service.eligibility.rules import Pair
from tests.builders import SampleChart, complete_chart, observation, panel, verdict
from tests.verdicts import shipped_study

RANGES = {
    "hemoglobin": (2, 25), "platelets": (1, 5000), "neutrophils": (0, 200), "lymphocytes": (0, 500), "crp": (0, 1000),
    "ast": (0, 50_000), "alt": (0, 50_000), "creatinine_serum": ("0.1", 30), "egfr": (0, 250), "mrss": (0, 51),
    "acr_eular_2013_total": (0, 34), "dlco_percent_predicted": (5, 200), "fvc_percent_predicted": (5, 200),
    "lvef": (5, 95), "pasp_echo": (5, 200), "mpap_rhc": (3, 120), "bmi": (7, 100), "weight": (20, 400),
    "height": (100, 250),
}  # fmt: skip
NOTION_OF = {"dlco": "dlco_percent_predicted", "fvc": "fvc_percent_predicted"}

# A value at each end of what is possible and one just beyond it, as the record of that notion would give it.
ENDS = [
    ("hemoglobin", "E11", "g/dL", ("2", "1.9"), ("25", "25.1")),
    ("platelets", "E11", "10*9/L", ("1", "0.9"), ("5000", "5001")),
    ("neutrophils", "E11", "10*9/L", ("0", "-0.1"), ("200", "200.1")),
    ("lymphocytes", "E11", "10*9/L", ("0", "-0.1"), ("500", "500.1")),
    ("crp", "I5.a", "mg/L", ("0", "-1"), ("1000", "1001")),
    ("ast", "E4", "U/L", ("0", "-1"), ("50000", "50001")),
    ("alt", "E4", "U/L", ("0", "-1"), ("50000", "50001")),
    ("egfr", "E3", "mL/min/{1.73_m2}", ("0", "-1"), ("250", "251")),
    ("mrss", "I5.b", "{score}", ("0", "-1"), ("51", "52")),
    ("dlco", "E3", "%", ("5", "4.9"), ("200", "200.1")),
    ("fvc", "I5.b.1", "%", ("5", "4.9"), ("200", "200.1")),
    ("lvef", "E3", "%", ("5", "4.9"), ("95", "95.1")),
    ("bmi", "E9", "kg/m2", ("7", "6.9"), ("100", "100.1")),
]


def _asked(chart: SampleChart, criterion: str, part: str) -> Leaf:
    """Return the leaf about a part of the sample chart; asked twice, it has one answer."""
    notion = NOTION_OF.get(part, part)
    (leaf,) = {leaf for leaf in verdict(chart).leaves(criterion) if leaf.notion == notion}
    return leaf


def _pressure(chart: SampleChart) -> Leaf:
    """Return the leaf of E3 about pulmonary pressures, whichever of them answered."""
    (leaf,) = [leaf for leaf in verdict(chart).leaves("E3") if leaf.op == "by-method"]
    return leaf


def test_possible_ranges_are_the_agreed_ones() -> None:
    """Every notion that has a possible range has the agreed one, and no other has any."""
    given = {
        name: (notion.plausible.low, notion.plausible.high)
        for name, notion in shipped_study().notions.items()
        if notion.plausible is not None
    }

    assert given == {name: (Decimal(low), Decimal(high)) for name, (low, high) in RANGES.items()}


def test_possible_blood_pressures_are_the_agreed_ones() -> None:
    """Systolic 40 to 300 and diastolic 20 to 200 mmHg."""
    (pair,) = [c.rule for c in shipped_study().criteria if isinstance(c.rule, Pair)]

    assert (pair.first_plausible.low, pair.first_plausible.high) == (40, 300)
    assert (pair.second_plausible.low, pair.second_plausible.high) == (20, 200)


@pytest.mark.parametrize(("part", "criterion", "unit", "low", "high"), ENDS)
def test_what_is_possible_counts_to_both_ends(
    part: str, criterion: str, unit: str, low: tuple[str, str], high: tuple[str, str]
) -> None:
    """The last possible value is used; one beyond it is shown and never used."""
    for possible, beyond in (low, high):
        at_end = _asked(complete_chart().value(part, f"{possible} {unit}"), criterion, part)
        past_end = _asked(complete_chart().value(part, f"{beyond} {unit}"), criterion, part)
        assert at_end.reason is None, possible
        assert past_end.reason == "no-usable-value", beyond
        assert past_end.value is not None
        assert past_end.value.as_received == f"{beyond} {unit}"


@pytest.mark.parametrize(("part", "unit", "ends"), [
    ("spap", "mm[Hg]", [("5", "4.9"), ("200", "200.1")]), ("mpap", "mm[Hg]", [("3", "2.9"), ("120", "120.1")]),
])  # fmt: skip
def test_possible_pulmonary_pressures(part: str, unit: str, ends: list[tuple[str, str]]) -> None:
    """With one pressure alone, a possible value decides and an impossible one is no value."""
    alone = complete_chart().drop("mpap" if part == "spap" else "spap", "lvef")
    for possible, beyond in ends:
        assert _pressure(alone.value(part, f"{possible} {unit}")).reason is None, possible
        assert _pressure(alone.value(part, f"{beyond} {unit}")).reason == "no-usable-value", beyond


@pytest.mark.parametrize(
    ("systolic", "diastolic", "truth"),
    [("40", "20", "false"), ("39", "20", "unknown"), ("40", "19", "unknown"), ("139", "89", "false")],
)
def test_possible_blood_pressures(systolic: str, diastolic: str, truth: str) -> None:
    """A pair with an impossible half is no pair."""
    pressures = panel("85354-9", {"8480-6": f"{systolic} mm[Hg]", "8462-4": f"{diastolic} mm[Hg]"})

    assert verdict(complete_chart().replace("blood_pressure", pressures)).truth("E6") == truth


@pytest.mark.parametrize(
    ("creatinine", "reason"), [("0.1", None), ("0.09", "no-usable-value"), ("30", None), ("30.1", "no-usable-value")]
)
def test_possible_creatinine(creatinine: str, reason: str | None) -> None:
    """Creatinine from 0.1 to 30 mg/dL makes a filtration rate."""
    chart = complete_chart().drop("egfr").add(observation("2160-0", f"{creatinine} mg/dL", "2026-11-02"))

    assert verdict(chart).reason("E3") == reason


@pytest.mark.parametrize(
    ("weight", "height", "reason"),
    [
        ("20 kg", "150 cm", None), ("19.9 kg", "150 cm", "no-usable-value"),
        ("120 kg", "250 cm", None), ("400 kg", "250 cm", None), ("401 kg", "250 cm", "no-usable-value"),
        ("60 kg", "100 cm", None),
    ],
)  # fmt: skip
def test_possible_weight_and_height(weight: str, height: str, reason: str | None) -> None:
    """A body mass index is made of a possible weight and a possible height."""
    chart = complete_chart().drop("bmi").add(
        observation("29463-7", weight, "2026-11-02"), observation("8302-2", height, "2026-11-02")
    )  # fmt: skip

    assert verdict(chart).reason("E9") == reason


@pytest.mark.parametrize("height", ["99.9 cm", "250.1 cm"])
def test_an_impossible_height_makes_no_index(height: str) -> None:
    """Nothing is computed with a height that nobody has."""
    chart = complete_chart().drop("bmi").add(
        observation("29463-7", "60 kg", "2026-11-02"), observation("8302-2", height, "2026-11-02")
    )  # fmt: skip

    assert (verdict(chart).truth("E9"), verdict(chart).open("E9")) == ("unknown", "to-confirm")


@pytest.mark.parametrize(
    ("total", "truth"),
    [("0 {score}", "false"), ("-1 {score}", "unknown"), ("34 {score}", "true"), ("35 {score}", "unknown")],
)
def test_possible_classification_totals(total: str, truth: str) -> None:
    """A total outside 0 to 34 is set aside: the diagnosis then leaves it to a person."""
    chart = complete_chart().value("acr_eular", total).dated("acr_eular", "2026-10-01")

    assert verdict(chart).truth("I4") == truth


@pytest.mark.parametrize(
    ("value", "truth"),
    [("< 2 g/dL", "unknown"), ("< 3 g/dL", "true"), ("> 25 g/dL", "unknown"), ("> 24 g/dL", "false")],
)
def test_an_interval_is_impossible_only_as_a_whole(value: str, truth: str) -> None:
    """An interval that holds one possible value counts."""
    assert verdict(complete_chart().value("hemoglobin", value)).truth("E11") == truth
