"""Why leaves are unknown, the two sorts of open criteria, and the list of what could still change them."""

import pytest

from service.eligibility.findings import Reason
from tests.builders import (
    Resource,
    SampleChart,
    complete_chart,
    condition,
    diagnosed_chart,
    empty_chart,
    observation,
    quantity,
    verdict,
)

REASONS = {
    "no-record", "too-old", "no-usable-value", "unit-not-comparable", "no-reference-range", "value-not-decisive",
    "date-not-decisive", "records-disagree", "needs-judgement", "not-confirmed", "records-incomplete",
}  # fmt: skip


def test_the_list_of_reasons_is_closed() -> None:
    """Callers may rely on these words and no others."""
    assert {reason.value for reason in Reason} == REASONS


def platelets(value: str | None = None, when: str | None = "2026-11-02", **elements: object) -> SampleChart:
    """Return the sample chart with another platelet count, the one leaf of E11 that is not decided."""
    return complete_chart().replace("platelets", observation("777-3", value, when, **elements))  # type: ignore[arg-type]


def absent(code: str) -> Resource:
    """Return a dataAbsentReason."""
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code}]}


ON_A_MEASUREMENT: list[tuple[str, SampleChart]] = [
    ("no-record", complete_chart().drop("platelets")),
    ("too-old", platelets("250 10*9/L", "2026-05-26")),
    ("no-usable-value", platelets(valueString="250")),
    ("no-usable-value", platelets(valueString="<50")),
    ("no-usable-value", platelets(dataAbsentReason=absent("unknown"))),
    ("no-usable-value", platelets("250 10*9/L", status="preliminary")),
    ("no-usable-value", platelets("250 10*9/L", status="registered")),
    ("no-usable-value", platelets("250 10*9/L", status="unknown")),
    ("no-usable-value", platelets("0.25 10*9/L")),
    ("no-usable-value", platelets("250 10*9/L", modifierExtension=[{"url": "https://x.example/no", "valueCode": "x"}])),
    ("unit-not-comparable", platelets("250")),
    ("unit-not-comparable", platelets("250 g/L")),
    ("unit-not-comparable", platelets("250 smoots")),
    ("unit-not-comparable", platelets(valueQuantity=quantity("250 10*9/L") | {"code": "10*6/L"})),
    ("value-not-decisive", platelets("< 100 10*9/L")),
    ("value-not-decisive", platelets("> 20 10*9/L")),
    ("date-not-decisive", platelets("250 10*9/L", None)),
    ("date-not-decisive", platelets("250 10*9/L", "2026-05")),
    ("date-not-decisive", platelets("250 10*9/L", "2026")),
    ("records-disagree", complete_chart().add(observation("777-3", "20 10*9/L", "2026-11-02T08:30:00+01:00"))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "chart"), ON_A_MEASUREMENT)
def test_a_measurement_that_does_not_decide_is_missing_data(reason: str, chart: SampleChart) -> None:
    """Each of these reasons is closed by data, and `missing` says by which."""
    given = verdict(chart)

    assert given.reasons("E11") == [reason]
    assert given.open("E11") == "missing-data"
    assert [(entry.notion, entry.reason.value, entry.unlocks) for entry in given.missing] == [
        ("platelets", reason, ("E11",))
    ]


def test_a_result_without_its_upper_limit_is_missing_data() -> None:
    """ASAT of 100 U/L may be over three times normal or not."""
    bare = observation("1920-8", "100 U/L", "2026-11-02")
    given = verdict(complete_chart().replace("ast", bare).value("alt", "400 U/L"))

    assert "no-reference-range" in given.reasons("E4")
    assert given.open("E4") == "missing-data"
    assert given.missing_reasons("E4") == ["no-reference-range"]


BEDSIDE: list[tuple[str, str, SampleChart]] = [
    ("E9", "no-record", complete_chart().drop("bmi")),
    ("E9", "too-old", complete_chart().dated("bmi", "2025-11-22")),
    ("E9", "no-usable-value", complete_chart().value("bmi", "3 kg/m2")),
    ("E9", "unit-not-comparable", complete_chart().value("bmi", "23")),
    ("E9", "value-not-decisive", complete_chart().value("bmi", "< 20 kg/m2")),
    ("E9", "date-not-decisive", complete_chart().dated("bmi", None)),
    ("E9", "records-disagree", complete_chart().add(observation("39156-5", "16 kg/m2", "2026-10-15"))),
    ("E6", "no-record", complete_chart().drop("blood_pressure")),
    ("E6", "too-old", complete_chart().dated("blood_pressure", "2026-05-26")),
]


@pytest.mark.parametrize(("criterion", "reason", "chart"), BEDSIDE)
def test_what_is_measured_at_the_bedside_is_to_confirm(criterion: str, reason: str, chart: SampleChart) -> None:
    """Blood pressure, weight, height and body mass index take two minutes, whatever the reason."""
    given = verdict(chart)

    assert given.reasons(criterion) == [reason]
    assert (given.open(criterion), given.missing) == ("to-confirm", ())


@pytest.mark.parametrize(
    "criterion", ["I1", "I2", "I6", "I7", "I8", "I10", "E2", "E5", "E7", "E8", "E10", "E12", "E13", "E14"]
)
def test_absence_of_a_record_is_no_record_of_absence(criterion: str) -> None:
    """A diagnosis, a status, a declaration and a judgement are to confirm and never missing data."""
    given = verdict(complete_chart())

    assert given.open(criterion) == "to-confirm"
    assert set(given.reasons(criterion)) <= {"no-record", "needs-judgement"}
    assert given.missing_reasons(criterion) == []


def test_an_old_pregnancy_test_is_to_confirm() -> None:
    """A pregnancy test is a status, not missing data."""
    given = verdict(complete_chart().add(observation("2118-8", None, "2026-10-01", flag="NEG")))

    assert given.open("E2") == "to-confirm"


@pytest.mark.parametrize("verification", ["unconfirmed", "provisional", "differential"])
def test_what_is_not_confirmed_is_missing_data(verification: str) -> None:
    """An unconfirmed diagnosis is worth looking for, of any notion."""
    given = verdict(complete_chart().add(condition("B24", "2020-01-01", verification=verification)))

    assert (given.reasons("E8"), given.open("E8")) == (["not-confirmed"], "missing-data")
    assert given.missing_reasons("E8") == ["not-confirmed"]


@pytest.mark.parametrize(("gender", "sort"), [("other", "to-confirm"), ("unknown", "to-confirm"), (None, "to-confirm")])
def test_another_gender_needs_a_person(gender: str | None, sort: str) -> None:
    """Neither male nor female is no missing record."""
    given = verdict(complete_chart(gender=gender))

    assert (given.reasons("I3"), given.open("I3")) == (["needs-judgement"], sort)


@pytest.mark.parametrize(
    ("birth", "reason"), [(None, "no-record"), ("1955", "date-not-decisive"), ("2027-01-01", "no-usable-value")]
)
def test_an_unknown_age_is_missing_data(birth: str | None, reason: str) -> None:
    """Without a birth date, with one that straddles 71 years, or with one to come."""
    given = verdict(complete_chart(birth=birth))

    for criterion in ("I3", "E1"):
        assert (given.reasons(criterion), given.open(criterion)) == ([reason], "missing-data")


@pytest.mark.parametrize("birth", ["1956", "1978", "1978-03"])
def test_a_partial_birth_date_decides_where_all_its_days_agree(birth: str) -> None:
    """A person born in 1956 is at most 70."""
    assert verdict(complete_chart(birth=birth)).truth("I3") == "true"


# --- what can still change a criterion ------------------------------------------------------------


def test_a_leaf_that_changes_nothing_is_not_missing() -> None:
    """Long disease decides I5.a: nothing is asked of CRP, whatever its reason."""
    given = verdict(complete_chart().drop("crp", "ild"))

    assert given.leaf("I5.a", "crp").reason == "no-record"
    assert "crp" not in {entry.notion for entry in given.missing}
    assert given.open("I5") == "to-confirm"


def test_nothing_is_missing_of_a_decided_criterion() -> None:
    """With low platelets E11 is true: the absent neutrophils do not matter."""
    given = verdict(complete_chart().drop("neutrophils").value("platelets", "20 10*9/L"))

    assert (given.leaf("E11", "neutrophils").reason, given.missing_reasons("E11")) == ("no-record", [])


def test_a_leaf_asked_twice_is_tried_as_one() -> None:
    """ASAT is normal and ALAT unknown: if ALAT is normal too, E4 is false; so ALAT is worth knowing."""
    given = verdict(complete_chart().drop("alt"))

    assert (given.truth("E4"), given.open("E4")) == ("unknown", "missing-data")
    assert [(entry.notion, entry.unlocks) for entry in given.missing] == [("alt", ("E4",))]


def test_one_enzyme_over_waits_for_a_person_only() -> None:
    """Both enzymes are known and disagree: no data can change that."""
    given = verdict(complete_chart().value("ast", "200 U/L"))

    assert (given.truth("E4"), given.open("E4"), given.missing) == ("unknown", "to-confirm", ())
    assert given.reasons("E4") == ["needs-judgement"]
    assert "flagged" in given.notes("E4")


def test_missing_is_ranked_by_the_criteria_that_it_unlocks() -> None:
    """Most criteria first, then the protocol's order; one entry a notion and reason."""
    given = verdict(complete_chart().drop("mrss", "dlco", "platelets", "lvef"))

    assert [(entry.notion, entry.reason.value, entry.unlocks) for entry in given.missing] == [
        ("dlco_percent_predicted", "no-record", ("I5", "E3")),
        ("mrss", "no-record", ("I5",)),
        ("lvef", "no-record", ("E3",)),
        ("platelets", "no-record", ("E11",)),
        ("scleroderma_renal_crisis", "no-record", ("I5",)),
        ("maha_condition", "no-record", ("I5",)),
        ("heart_failure", "no-record", ("I5",)),
        ("atrial_arrhythmia", "no-record", ("I5",)),
        ("ventricular_arrhythmia", "no-record", ("I5",)),
        ("av_block_2_3", "no-record", ("I5",)),
        ("pericardial_effusion", "no-record", ("I5",)),
        ("cardiac_mri", "no-record", ("I5",)),
    ]


def test_what_to_look_for_where_severity_is_not_shown() -> None:
    """MRSS of 15 or more and no organ on record: the words to ask for come after the data, of I5 alone."""
    given = verdict(complete_chart().drop("ild", "platelets"))
    notions = [entry.notion for entry in given.missing]

    assert notions[0] == "platelets"
    assert set(notions[1:]) == {
        "ild", "scleroderma_renal_crisis", "maha_condition", "heart_failure", "atrial_arrhythmia",
        "ventricular_arrhythmia", "av_block_2_3", "pericardial_effusion", "cardiac_mri",
    }  # fmt: skip
    assert {entry.unlocks for entry in given.missing[1:]} == {("I5",)}


def test_an_ineligible_patient_still_says_what_is_missing() -> None:
    """Nothing stops early: open criteria keep their list beside a fail."""
    given = verdict(complete_chart().drop("lvef").value("platelets", "20 10*9/L"))

    assert (given.status, [entry.notion for entry in given.missing]) == ("ineligible", ["lvef"])


@pytest.mark.parametrize("chart", [empty_chart(), diagnosed_chart(), complete_chart().drop("mrss", "alt", "egfr")])
def test_missing_agrees_with_the_sorts(chart: SampleChart) -> None:
    """A criterion has missing data exactly when a missing-data leaf is listed for it."""
    given = verdict(chart)
    for result in given.screening.criteria:
        id_ = result.criterion.id
        if id_ != "I5":
            assert bool(given.missing_reasons(id_)) == (given.open(id_) == "missing-data"), id_
    listed = [(entry.notion, entry.reason) for entry in given.missing]
    assert len(listed) == len(set(listed))
    assert all(given.truth(criterion) == "unknown" for entry in given.missing for criterion in entry.unlocks)


def test_what_unlocks_most_criteria_is_missing_first() -> None:
    """Equals stand in the protocol's order, and after all data the questions of the criterion that must pass."""
    given = verdict(complete_chart().drop("mrss", "dlco", "platelets"))
    ranked = [(entry.notion, entry.unlocks) for entry in given.missing]

    assert ranked[:3] == [("dlco_percent_predicted", ("I5", "E3")), ("mrss", ("I5",)), ("platelets", ("E11",))]
    assert {unlocks for _, unlocks in ranked[3:]} == {("I5",)}
    assert all(given.leaf("I5", notion).reason == "no-record" for notion, _ in ranked[3:])
