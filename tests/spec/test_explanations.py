"""The sentence of a criterion for a clinician: what decided it, or what keeps it open."""

from typing import Any

import pytest

from tests.builders import (
    Resource,
    SampleChart,
    complete_chart,
    concept,
    condition,
    empty_chart,
    observation,
    resource,
    verdict,
)

RESEARCH = "http://terminology.hl7.org/CodeSystem/consentscope|research"
NO_MARROW = ("neutrophils", "platelets", "hemoglobin", "lymphocytes")


def plus(*records: Resource, drop: tuple[str, ...] = (), **person: Any) -> SampleChart:
    """Return the sample chart with more and fewer records."""
    return complete_chart(**person).drop(*drop).add(*records)


def early(ssc: Resource, mrss: str = "25 {score}") -> SampleChart:
    """Return the sample chart with high inflammation, another diagnosis and another skin score."""
    return plus(drop=("ild",)).value("crp", "20 mg/L").value("mrss", mrss).replace("ssc", ssc)


SENTENCES: dict[str, tuple[SampleChart, str, str]] = {
    # what decides
    "a person": (complete_chart(), "I3", "Passes: gender female; aged 48."),
    "a person who is too young": (complete_chart(birth="2020-01-01"), "I3", "Fails: aged 6."),
    "a value and its day": (
        complete_chart(), "I4", "Passes: ACR/EULAR 2013 total 14 {score} on 2020-05-05.",
    ),
    "a value that looks like a year": (
        complete_chart().value("platelets", "20 10*9/L"), "E11", "Fails: platelets 20 10*9/L on 2026-11-02.",
    ),
    "two facts": (complete_chart(), "E4", "Passes: ASAT 25 U/L on 2026-11-02; ALAT 30 U/L on 2026-11-02."),
    "three facts": (
        complete_chart(), "I5",
        ("Passes: modified Rodnan skin score 18 {score} on 2026-10-15; DLCO in % of predicted 65 % on 2026-06-10; "
         "interstitial lung disease 233703007 on 2020-01-20."),
    ),
    "four facts": (
        complete_chart(), "E3",
        ("Passes: DLCO in % of predicted 65 % on 2026-06-10; left ventricular ejection fraction by echo 60 % on "
         "2026-07-08; mean pulmonary pressure by catheter 18 mm[Hg] on 2026-07-08; and 1 more."),
    ),
    "a date": (
        early(condition("89155008", "2026-03-01")), "I5",
        ("Passes: first non-Raynaud symptom 2026-03-01; modified Rodnan skin score 25 {score} on 2026-10-15; "
         "C-reactive protein 20 mg/L on 2026-11-02."),
    ),
    "a date that is only a bound": (
        early(condition("89155008", recordedDate="2015-05-01"), "12 {score}"), "I5",
        ("Fails: first non-Raynaud symptom on or before 2015-05-01; modified Rodnan skin score 12 {score} on "
         "2026-10-15."),
    ),
    "a record without value and day": (
        plus(resource("Coverage", status="active")), "I10", "Passes: health insurance on record.",
    ),
    "a result that is only a flag": (
        plus(observation("2118-8", None, "2026-11-20", flag="POS")), "E2", "Fails: pregnancy test on 2026-11-20.",
    ),
    "absence, though other signs are there": (
        empty_chart().add(observation("raynaud", value=True, when="2021-03-01")), "I4",
        "Fails: no systemic sclerosis on record.",
    ),
    # what keeps it open
    "two that are missing": (
        plus(drop=("ast", "alt")), "E4", "Open, data missing: no ASAT on record; no ALAT on record.",
    ),
    "the other of two": (
        plus(drop=("alt",)).value("ast", "200 U/L"), "E4", "Open, data missing: no ALAT on record.",
    ),
    "more than three that are missing": (
        plus(drop=NO_MARROW), "E11",
        "Open, data missing: no neutrophils on record; no platelets on record; no haemoglobin on record; and 1 more.",
    ),
    "a value that is too old": (
        complete_chart().dated("platelets", "2024-05-01T08:30:00+01:00"), "E11",
        "Open, data missing: the platelets 250 10*9/L on 2024-05-01 is too old.",
    ),
    "a value as received": (
        complete_chart().value("platelets", "20 pints"), "E11",
        "Open, data missing: the unit of the platelets 20 pints on 2026-11-02 cannot be compared.",
    ),
    "a record that a person judges": (
        plus(condition("363346000", "2020-03-01")), "E5",
        ("Open, to confirm: malignant neoplasm 363346000 on 2020-03-01: a person has to judge; "
         "no myelodysplasia on record."),
    ),
    "a person's word": (complete_chart(), "I2", "Open, to confirm: research consent: a person has to judge."),
    "a gender that a person judges": (
        complete_chart(gender="other"), "I3", "Open, to confirm: age and sex other: a person has to judge.",
    ),
    "a record that says nothing": (
        plus(resource("Consent", scope=concept(RESEARCH), sourceReference={"identifier": {"value": "NCT06722105"}})),
        "I1", "Open, to confirm: research consent: a person has to judge.",
    ),
    "an interval of birth dates": (
        complete_chart(birth="2008"), "E1", "Open, data missing: the date of the age and sex does not decide.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chart", "criterion", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence_says_what_decides_or_is_open(chart: SampleChart, criterion: str, sentence: str) -> None:
    """It names up to three facts with value and day, each once, a date that is the value without saying it again."""
    assert verdict(chart).explanation(criterion) == sentence


@pytest.mark.parametrize(
    ("part", "place", "rule"),
    [
        ("I3", 0, "male or female"),
        ("I3", 1, ">= 18 and <= 70 a"),
        ("I4", 0, "total or score >= 9"),
        ("I5.a", 0, "<= 2 a since"),
        ("E3", 0, "< 30 %, corrected for hemoglobin"),
        ("E3", 2, "mpap_rhc > 40 mm[Hg] or pasp_echo > 50 mm[Hg]"),
        ("E4", 0, "> 3 x upper limit of normal"),
        ("E5", 0, "onset less than 5 a ago"),
        ("E6", 0, "false if < 140 and < 90, flagged if >= 160 or >= 100 mm[Hg]"),
        ("E11", 3, "< 0.5 10*9/L"),
    ],
)
def test_a_leaf_says_its_rule_in_a_short_fixed_form(part: str, place: int, rule: str) -> None:
    """Bounds are written with their signs and the unit in which they are compared."""
    assert verdict(complete_chart()).leaves(part)[place].rule == rule
