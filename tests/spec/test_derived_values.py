"""What is derived from other values: computed unrounded, shown with all that it rests on, open where they are open."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, observation, verdict

DAY, NEWER = "2026-06-10", "2026-11-10"
WEIGHT, HEIGHT, CREATININE = "29463-7", "8302-2", "2160-0"


def bmi(*records: Resource) -> Leaf:
    """Return the leaf about the BMI, of a chart with these records and no BMI."""
    (leaf,) = verdict(complete_chart().drop("bmi").add(*records)).leaves("E9")
    return leaf


def rate(*records: Resource, birth: str | None = "1978-03-14") -> Leaf:
    """Return the leaf about the filtration rate, of a chart with these records and no rate."""
    return verdict(complete_chart(birth=birth).drop("egfr").add(*records)).leaves("E3")[3]


def dlco(value: str, *records: Resource) -> Leaf:
    """Return the leaf about a DLCO to be corrected, of a chart with these records."""
    test = observation("98130-8", value, DAY, id="dlco")
    return verdict(complete_chart().drop("dlco").add(test, *records)).leaf("E3", "dlco_percent_predicted")


def hb(value: str, **elements: Any) -> Resource:
    """Return a haemoglobin of the day of the DLCO."""
    return observation("718-7", value, DAY, **elements)


def text(leaf: Leaf) -> str:
    """Return a leaf's value as it is shown."""
    assert leaf.value is not None
    return leaf.value.text


def test_a_derived_value_rests_on_all_its_records() -> None:
    """All are sources, all are shown as received; what was computed has two decimals and the unit compared in."""
    derived = bmi(
        observation(WEIGHT, "40 kg", NEWER, id="weight"), observation(HEIGHT, "1.63 m", "2025-01-10", id="height")
    )
    corrected = dlco("22 %", hb("7 g/dL", id="hb"))

    assert derived.value == ("15.06", "kg/m2", "40 kg, 1.63 m")
    assert (derived.sources, derived.effective) == (("Observation/height", "Observation/weight"), NEWER)
    assert corrected.value == ("30.28", "%", "22 %, 7 g/dL")
    assert (corrected.sources, corrected.effective) == (("Observation/dlco", "Observation/hb"), DAY)
    assert {*derived.notes, *corrected.notes} == {"derived"}


@pytest.mark.parametrize("twice", ["weight", "height"])
def test_one_contested_part_makes_a_bmi_contested(twice: str) -> None:
    """Copies of a part that differ and cannot be ordered leave it to a person."""
    codes = {"weight": (WEIGHT, ["60 kg", "61 kg"]), "height": (HEIGHT, ["160 cm", "161 cm"])}
    records = [
        observation(code, value, NEWER, id=part)
        for part, (code, values) in codes.items()
        for value in (values if part == twice else values[:1])
    ]

    assert bmi(*records).reason == "records-disagree"


@pytest.mark.parametrize("twice", ["dlco", "hb"])
def test_one_contested_part_makes_a_correction_contested(twice: str) -> None:
    """Copies of the test or of the haemoglobin that differ and cannot be ordered leave it to a person."""
    copies = {"dlco": observation("98130-8", "70 %", DAY, id="dlco"), "hb": hb("13 g/dL", id="hb")}

    assert dlco("65 %", hb("12 g/dL", id="hb"), copies[twice]).reason == "records-disagree"


@pytest.mark.parametrize(
    ("weight", "text_of_bmi", "truth"),
    [("< 40 kg", "<15.62", "true"), ("<= 40 kg", "≤15.62", "true"), ("> 60 kg", ">23.44", "false"),
     (">= 60 kg", "≥23.44", "false"), ("< 60 kg", "<23.44", "unknown")],
)  # fmt: skip
def test_a_comparator_of_the_weight_is_one_of_the_bmi(weight: str, text_of_bmi: str, truth: str) -> None:
    """With 160 cm: what is known of the weight is known of the BMI, no more."""
    leaf = bmi(observation(WEIGHT, weight, NEWER), observation(HEIGHT, "160 cm", NEWER))

    assert (text(leaf), leaf.truth.value) == (text_of_bmi, truth)


@pytest.mark.parametrize("height", ["> 150 cm", "< 170 cm"])
def test_a_height_with_one_end_gives_no_bmi(height: str) -> None:
    """It could be anything from there on."""
    leaf = bmi(observation(WEIGHT, "40 kg", NEWER), observation(HEIGHT, height, NEWER))

    assert (leaf.truth.value, leaf.notes) == ("unknown", ())


@pytest.mark.parametrize(
    ("creatinine", "truth", "shown"),
    [("> 8 mg/dL", "true", "0–5.73"), ("< 0.9 mg/dL", "false", ">78.86"), ("> 0 mg/dL", "unknown", ">0")],
)
def test_a_comparator_of_the_creatinine_is_one_of_the_rate(creatinine: str, truth: str, shown: str) -> None:
    """The more creatinine the lower the rate: of all above 8 mg/dL it is between none and 5.73."""
    leaf = rate(observation(CREATININE, creatinine, NEWER))

    assert (leaf.truth.value, text(leaf)) == (truth, shown)
    assert leaf.reason == ("value-not-decisive" if truth == "unknown" else None)


def test_a_creatinine_without_an_age_allows_any_rate() -> None:
    """Derived, above zero, and no more is known."""
    leaf = rate(observation(CREATININE, "1 mg/dL", NEWER), birth=None)

    assert (text(leaf), leaf.reason, leaf.notes) == (">0", "no-usable-value", ("derived",))


@pytest.mark.parametrize(("birth", "reason"), [("2026-11-23", None), ("2026-11-24", "no-usable-value")])
def test_a_birth_date_may_be_the_day_itself_and_no_later(birth: str, reason: str | None) -> None:
    """Born today is an age, born tomorrow is none."""
    assert rate(observation(CREATININE, "10 mg/dL", "2026-11-23"), birth=birth).reason == reason


def test_before_the_first_birthday_the_age_is_zero() -> None:
    """CKD-EPI 2021 at 0 years, in a girl with 2 mg/dL: 142 × (2 / 0.7)^-1.200 × 1.012."""
    assert text(rate(observation(CREATININE, "2 mg/dL", NEWER), birth="2026-05-01")) == "40.77"


@pytest.mark.parametrize(
    ("percent", "haemoglobin", "truth", "shown"),
    [
        ("21 %", "> 7 g/dL", "true", "0–28.91"), ("31 %", "> 7 g/dL", "unknown", "0–42.67"),
        ("31 %", "> 0 g/dL", "unknown", "≥0"), ("9 %", "> 1 g/dL", "unknown", "0–54.95"),
        ("31 %", "< 13 g/dL", "false", ">31.39"), ("31 %", "< 14 g/dL", "false", ">30.45"),
    ],
)  # fmt: skip
def test_a_comparator_of_the_haemoglobin_is_one_of_the_correction(
    percent: str, haemoglobin: str, truth: str, shown: str
) -> None:
    """The more haemoglobin the smaller the factor: above 7 g/dL it is below 1.3765."""
    leaf = dlco(percent, hb(haemoglobin))

    assert (leaf.truth.value, text(leaf)) == (truth, shown)
    assert leaf.reason == ("value-not-decisive" if truth == "unknown" else None)


@pytest.mark.parametrize(
    ("percent", "truth", "shown"),
    [("< 20 %", "true", "<27.53"), ("> 25 %", "false", ">34.41"), ("< 25 %", "unknown", "<34.41")],
)
def test_a_comparator_of_the_dlco_stays_one(percent: str, truth: str, shown: str) -> None:
    """With Hb 7 g/dL, times 1.3765."""
    leaf = dlco(percent, hb("7 g/dL"))

    assert (leaf.truth.value, text(leaf)) == (truth, shown)


def test_what_is_open_by_itself_stays_open_whatever_the_sex() -> None:
    """Where one sex's formula decides and the other's is open, the value is what is missing, not the sex."""
    chart = complete_chart(gender="other").drop("dlco", "egfr")
    got = verdict(
        chart.add(observation("98130-8", "17.2 %", DAY), observation(CREATININE, "< 2.3 mg/dL", NEWER))
    ).leaves("E3")

    assert [got[0].reason, got[3].reason] == ["no-usable-value", "value-not-decisive"]
    assert [text(got[0]), text(got[3])] == ["14.86–29.1 or 15.29–30.8", ">25.58 or >34.17"]


def ratio(*records: Resource) -> Leaf:
    """Return the leaf about DLCO of I5.b.1, of a chart with these records and no DLCO in %."""
    return verdict(complete_chart().drop("dlco").add(*records)).leaf("I5.b.1", "dlco_percent_predicted")


def part(code: str, value: str, id_: str) -> Resource:
    """Return the measured (19911-7) or the predicted (19910-9) DLCO of one day, in mL/min/mm[Hg]."""
    return observation(code, f"{value} mL/min/mm[Hg]", DAY, id=id_)


MEASURED, PREDICTED = part("19911-7", "13", "m"), part("19910-9", "20", "p")


@pytest.mark.parametrize("predicted", ["> 20", "< 20", "0"])
def test_a_predicted_value_that_is_open_or_nothing_gives_no_percentage(predicted: str) -> None:
    """Of more than 20, of less than 20 or of nothing, 13 is no percentage; another of that day gives one."""
    useless = part("19910-9", predicted, "a")
    alone, beside = ratio(MEASURED, useless), ratio(MEASURED, useless, PREDICTED)

    assert (alone.truth.value, alone.value) == ("unknown", None)
    assert (text(beside), beside.sources) == ("65", ("Observation/m", "Observation/p"))


def test_a_predicted_value_may_be_one() -> None:
    """A forced vital capacity of 0.79 L of 1 L, in a very small person."""
    parts = observation("19868-9", "0.79 L", DAY), observation("19869-7", "1 L", DAY)
    leaf = verdict(complete_chart().drop("fvc").add(*parts)).leaf("I5.b.1", "fvc_percent_predicted")

    assert (leaf.truth.value, text(leaf)) == ("true", "79")


def test_a_percentage_of_old_parts_is_too_old() -> None:
    """It is shown with the reason that any old value has."""
    old = [part | {"effectiveDateTime": "2024-05-01"} for part in (MEASURED, PREDICTED)]
    leaf = ratio(*old)

    assert (leaf.truth.value, leaf.reason, text(leaf)) == ("unknown", "too-old", "65")


def test_a_reported_percentage_of_the_month_is_an_equal_of_one_that_is_computed() -> None:
    """Only what is reported of the very day goes before it: a month may be the day, or not."""
    reported = observation("19911-7", "85 %", DAY[:7], id="r")
    computed = [part | {"effectiveDateTime": f"{DAY[:7]}-01"} for part in (MEASURED, PREDICTED)]
    leaf = ratio(reported, *computed)

    assert (leaf.reason, leaf.sources) == ("records-disagree", ("Observation/m", "Observation/p", "Observation/r"))


@pytest.mark.parametrize(
    "copy", [part("19911-7", "14", "m"), part("19910-9", "21", "p")], ids=["measured", "predicted"]
)
def test_one_contested_part_makes_a_percentage_contested(copy: Resource) -> None:
    """Copies of a part that differ and cannot be ordered leave it to a person."""
    assert ratio(MEASURED, PREDICTED, copy).reason == "records-disagree"
