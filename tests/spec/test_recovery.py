"""Which fails time or treatment can undo, and the first day on which it is worth looking again."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from service.eligibility.results import Screening
from service.eligibility.rules import Criterion, Exists, Kind, Measure, Not, Rule
from service.eligibility.screen import screen
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
from tests.verdicts import as_json, shipped_chart, shipped_study

LABORATORY = [
    ("platelets", "49 10*9/L", "E11"), ("neutrophils", "0.9 10*9/L", "E11"), ("lymphocytes", "0.4 10*9/L", "E11"),
    ("hemoglobin", "7.9 g/dL", "E11"), ("egfr", "29 mL/min/{1.73_m2}", "E3"),
]  # fmt: skip
OTHERS = [
    ("dlco", "29 %", "E3", "2026-06-10", "2026-11-24"),  # 8 September is past: not before the day after
    ("dlco", "29 %", "E3", "2026-11-10", "2027-02-08"),
    ("lvef", "39 %", "E3", "2026-11-10", "2027-02-08"),
    ("bmi", "16.4 kg/m2", "E9", "2026-11-10", "2027-02-08"),
    ("mrss", "14 {score}", "I5", "2026-11-10", "2027-02-08"),
    ("acr_eular", "8 {score}", "I4", "2026-11-10", "2027-02-08"),
]


def guardian() -> Resource:
    """Return a guardian by tutelle, as the French profile codes it."""
    tutor = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-contact-relationship|GRD"
    return resource("RelatedPerson", active=True, relationship=[concept(tutor)])


def recovery(chart: SampleChart, as_of: str = "2026-11-23") -> tuple[bool | None, str | None]:
    """Return whether the patient can recover and the day to look again; fails where nothing fails."""
    given = verdict(chart, as_of)
    assert given.status == "ineligible"
    return given.recoverable, given.rescreen_after


@pytest.mark.parametrize("chart", [complete_chart(), complete_chart().drop("dlco")])
def test_only_the_ineligible_recover(chart: SampleChart) -> None:
    """A candidate and a potential candidate have nothing to recover from."""
    given = verdict(chart)

    assert (given.recoverable, given.rescreen_after) == (None, None)


@pytest.mark.parametrize(("part", "value", "criterion"), LABORATORY)
def test_laboratory_values_are_repeated_after_14_days(part: str, value: str, criterion: str) -> None:
    """Counted from the day of the failing value, in its own offset."""
    chart = complete_chart().value(part, value).dated(part, "2026-11-20T23:30:00-05:00")

    assert verdict(chart).outcome(criterion) == "fail"
    assert recovery(chart) == (True, "2026-12-04")


@pytest.mark.parametrize(("part", "value", "criterion", "when", "again"), OTHERS)
def test_the_rest_is_looked_at_after_90_days(part: str, value: str, criterion: str, when: str, again: str) -> None:
    """Scores, lungs, heart and body mass index need a quarter."""
    chart = complete_chart().value(part, value).dated(part, when)

    assert verdict(chart).outcome(criterion) == "fail"
    assert recovery(chart) == (True, again)


def test_pulmonary_pressures_are_looked_at_after_90_days() -> None:
    """An echo alone above 50 mmHg fails until the next echo."""
    chart = complete_chart().drop("mpap").value("spap", "55 mm[Hg]").dated("spap", "2026-11-10")

    assert recovery(chart) == (True, "2027-02-08")


def test_of_echo_and_catheter_the_later_day_counts() -> None:
    """Both are over: the catheter of 1 November and the echo of 10 November."""
    over = complete_chart().value("mpap", "45 mm[Hg]").value("spap", "55 mm[Hg]")

    assert recovery(over.dated("mpap", "2026-11-01").dated("spap", "2026-11-10")) == (True, "2027-02-08")
    assert recovery(over.dated("mpap", "2026-11-10").dated("spap", "2026-11-01")) == (True, "2027-02-08")


@pytest.mark.parametrize("when", ["2026-11-09", "2026-10-01"])
def test_never_before_the_day_after(when: str) -> None:
    """A waiting time that is over means: from tomorrow on."""
    chart = complete_chart().value("platelets", "20 10*9/L").dated("platelets", when)

    assert recovery(chart) == (True, "2026-11-24")


def test_the_first_day_that_lies_ahead_counts_as_it_is() -> None:
    """Fourteen days after 10 November is the day after the screening date."""
    assert recovery(complete_chart().value("platelets", "20 10*9/L").dated("platelets", "2026-11-10")) == (
        True,
        "2026-11-24",
    )
    assert recovery(complete_chart().value("platelets", "20 10*9/L").dated("platelets", "2026-11-11")) == (
        True,
        "2026-11-25",
    )


def test_of_several_failing_leaves_the_latest_day_counts() -> None:
    """Both counts have to change before E11 can pass."""
    chart = complete_chart().value("platelets", "20 10*9/L").value("neutrophils", "0.5 10*9/L")

    assert recovery(chart.dated("platelets", "2026-11-20").dated("neutrophils", "2026-11-12")) == (True, "2026-12-04")
    assert recovery(chart.dated("platelets", "2026-11-12").dated("neutrophils", "2026-11-20")) == (True, "2026-12-04")


def test_of_several_fails_the_latest_day_counts() -> None:
    """Platelets after 14 days, the body mass index after 90."""
    chart = complete_chart().value("platelets", "20 10*9/L").value("bmi", "16 kg/m2")

    assert recovery(chart.dated("platelets", "2026-11-20").dated("bmi", "2026-11-10")) == (True, "2027-02-08")


def test_two_enzymes_wait_for_the_later_one() -> None:
    """ASAT and ALAT both over three times normal: the later day of the two."""
    chart = complete_chart().value("ast", "200 U/L").value("alt", "200 U/L")

    assert recovery(chart.dated("ast", "2026-11-20").dated("alt", "2026-11-12")) == (True, "2026-12-04")


@pytest.mark.parametrize(
    ("birth", "again"),
    [("2010-01-15", "2028-01-15"), ("2008-11-24", "2026-11-24"), ("2010-02", "2028-02-01"), ("2012", "2030-01-01")],
)
def test_the_young_wait_for_their_birthday(birth: str, again: str) -> None:
    """Age under 18 fails I3 and E1; from a partial date, the earliest day it can be."""
    given = verdict(complete_chart(birth=birth))

    assert (given.outcome("I3"), given.outcome("E1")) == ("fail", "fail")
    assert recovery(complete_chart(birth=birth)) == (True, again)


def test_the_old_do_not_get_younger() -> None:
    """Age over 70 is for good, also beside a fail that would recover."""
    assert recovery(complete_chart(birth="1950-01-01")) == (False, None)
    assert recovery(complete_chart(birth="1950-01-01").value("platelets", "20 10*9/L")) == (False, None)


@pytest.mark.parametrize(
    ("onset", "again"),
    [("2024-05-10", "2029-05-10"), ("2024-05", "2029-05-01"), ("2024", "2029-01-01"), ("2021-11-24", "2026-11-24")],
)
def test_a_neoplasm_is_over_five_years_after_its_onset(onset: str, again: str) -> None:
    """From a partial date, the earliest day it can be."""
    chart = complete_chart().add(condition("C50.9", onset, clinical="resolved"))

    assert verdict(chart).outcome("E5") == "fail"
    assert recovery(chart) == (True, again)


def test_of_two_neoplasms_the_later_one_counts() -> None:
    """The five years begin with the last of them."""
    first, last = (condition("C50.9", onset, clinical="resolved") for onset in ("2022-03-01", "2024-05-10"))

    assert recovery(complete_chart().add(first, last)) == (True, "2029-05-10")


def test_myelodysplasia_does_not_wait() -> None:
    """No date undoes a myelodysplasia, also beside a neoplasm that has one."""
    assert recovery(complete_chart().add(condition("D46.9", "2024-05-10"))) == (False, None)
    both = complete_chart().add(condition("D46.9", "2024-05-10"), condition("C50.9", "2024-05-10", clinical="resolved"))
    assert recovery(both) == (False, None)


FOR_GOOD: list[tuple[str, SampleChart]] = [
    ("HIV", complete_chart().add(condition("B24", "2015-01-01"))),
    ("death", complete_chart(deceasedDateTime="2026-10-01")),
    ("no disease on record", empty_chart()),
    ("tutelle", complete_chart().add(guardian())),
]


@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in FOR_GOOD])
def test_some_fails_are_for_good(chart: SampleChart) -> None:
    """Waiting does not help."""
    assert recovery(chart) == (False, None)


def test_one_fail_for_good_outweighs_those_that_recover() -> None:
    """A patient is recoverable when every fail is."""
    chart = complete_chart().add(condition("B24", "2015-01-01")).value("platelets", "20 10*9/L")

    assert recovery(chart) == (False, None)


def test_long_disease_fails_for_good_only_where_nothing_else_can_change() -> None:
    """I5 fails by duration and by an mRSS of 10: the score can still rise."""
    chart = complete_chart().value("mrss", "10 {score}").dated("mrss", "2026-11-10")

    assert (verdict(chart).truth("I5.a"), verdict(chart).truth("I5.b")) == ("false", "false")
    assert recovery(chart) == (True, "2027-02-08")


def test_a_leaf_that_cannot_save_its_criterion_does_not_delay_it() -> None:
    """Long disease fails I5.a for good: its blood values say nothing about when to look again."""
    chart = complete_chart().value("mrss", "10 {score}").dated("mrss", "2026-07-01")
    late = chart.dated("crp", "2026-11-22").dated("hemoglobin", "2026-11-22")

    assert recovery(late) == (True, "2026-11-24")


@pytest.mark.parametrize(
    ("added", "again"),
    [
        ([observation("2118-8", None, "2026-11-20", flag="POS")], "2026-12-04"),
        ([condition("Z33", "2026-11-10")], "2027-02-08"),
        ([condition("Z33", None, recordedDate="2026-11-10")], "2027-02-08"),
        ([observation("82810-3", None, "2026-11-10", coded="77386006")], "2027-02-08"),
    ],
)
def test_a_pregnancy_ends(added: list[Resource], again: str) -> None:
    """HCG is a laboratory value; a diagnosis counts from its onset, else from the day it was recorded."""
    chart = complete_chart().add(*added)

    assert verdict(chart).outcome("E2") == "fail"
    assert recovery(chart) == (True, again)


def test_of_a_positive_test_and_a_diagnosis_the_later_day_counts() -> None:
    """HCG waits 14 days from 20 November, the diagnosis 90 from 10 November."""
    chart = complete_chart().add(observation("2118-8", None, "2026-11-20", flag="POS"), condition("Z33", "2026-11-10"))

    assert recovery(chart) == (True, "2027-02-08")


def test_another_trial_ends() -> None:
    """Taking part in another trial has no day of its own: 90 days from the screening date."""
    trial = resource("ResearchStudy", id="other", status="active", phase={"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/research-study-phase", "code": "phase-3"}]})  # fmt: skip
    taking_part = resource("ResearchSubject", status="on-study", study={"reference": "ResearchStudy/other"})
    chart = complete_chart().add(taking_part)
    chart = SampleChart(chart.parts | {"trial": trial})

    assert verdict(chart).outcome("E13") == "fail"
    assert recovery(chart) == (True, "2027-02-21")


def test_a_low_fraction_is_looked_at_again_where_no_pressure_is_known() -> None:
    """What is not on record does not fail, and has no day of its own."""
    chart = complete_chart().drop("spap", "mpap").value("lvef", "39 %").dated("lvef", "2026-11-10")

    assert verdict(chart).outcome("E3") == "fail"
    assert recovery(chart) == (True, "2027-02-08")


@pytest.mark.parametrize(
    ("negated", "recovers"),
    [
        (Measure(measure="platelets", unit="10*9/L", lt=Decimal(50)), (True, date(2026, 12, 4))),
        (Exists(exists="hiv_condition"), (False, None)),
    ],
)
def test_what_is_negated_recovers_as_it_does_itself(negated: Rule, recovers: tuple[bool, date | None]) -> None:
    """An inclusion that says "not so" waits for what makes it fail: platelets do change, HIV does not."""
    criterion = Criterion(id="I1", kind=Kind.INCLUSION, title={}, text="", rule=Not(child=negated))
    study = replace(shipped_study(), criteria=(criterion,))
    facts = complete_chart().value("platelets", "20 10*9/L").dated("platelets", "2026-11-20").add(condition("B24"))

    screening = screen(study, shipped_chart(as_json(facts.bundle())), (), date(2026, 11, 23))

    assert isinstance(screening, Screening)
    assert screening.status == "ineligible"
    assert (screening.recoverable, screening.rescreen_after) == recovers
