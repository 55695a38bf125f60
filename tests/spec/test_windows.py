"""How old a value may be: the list as it was agreed, the data, and both through the evaluator."""

from datetime import date

import pytest

from service.eligibility.findings import Leaf
from service.eligibility.moment import Span
from service.eligibility.truth import Truth
from tests.builders import Resource, SampleChart, complete_chart, observation, verdict
from tests.verdicts import shipped_study

WINDOWS = {
    "hemoglobin": "180 d", "platelets": "180 d", "neutrophils": "180 d", "lymphocytes": "180 d", "crp": "180 d",
    "ast": "180 d", "alt": "180 d", "creatinine_serum": "180 d", "egfr": "180 d", "blood_pressure": "180 d",
    "mrss": "365 d", "bmi": "365 d", "weight": "365 d",
    "dlco_percent_predicted": "456 d", "fvc_percent_predicted": "456 d", "lvef": "456 d", "pasp_echo": "456 d",
    "mpap_rhc": "456 d", "echo_procedure": "456 d",
    "height": "5 a",
}  # fmt: skip
EVER = [
    "acr_eular_2013_total", "systemic_sclerosis", "ild", "cardiac_mri", "anti_scl70", "anti_centromere",
    "anti_rna_pol3",
    "skin_thickening_proximal_mcp", "puffy_fingers", "sclerodactyly", "fingertip_lesions", "telangiectasia",
    "nailfold_capillaries", "raynaud", "disease_onset", "scleroderma_renal_crisis", "atrial_arrhythmia",
    "malignant_neoplasm", "hiv_condition",
]  # fmt: skip

# A part of the sample chart, a criterion that asks for it, the last day of its window and the day before.
LAST_DAYS = [
    ("neutrophils", "E11", "2026-05-27", "2026-05-26"),
    ("lymphocytes", "E11", "2026-05-27", "2026-05-26"),
    ("platelets", "E11", "2026-05-27", "2026-05-26"),
    ("hemoglobin", "E11", "2026-05-27", "2026-05-26"),
    ("crp", "I5.a", "2026-05-27", "2026-05-26"),
    ("ast", "E4", "2026-05-27", "2026-05-26"),
    ("alt", "E4", "2026-05-27", "2026-05-26"),
    ("egfr", "E3", "2026-05-27", "2026-05-26"),
    ("blood_pressure", "E6", "2026-05-27", "2026-05-26"),
    ("mrss", "I5.b", "2025-11-23", "2025-11-22"),
    ("bmi", "E9", "2025-11-23", "2025-11-22"),
    ("dlco", "E3", "2025-08-24", "2025-08-23"),
    ("fvc", "I5.b.1", "2025-08-24", "2025-08-23"),
    ("lvef", "E3", "2025-08-24", "2025-08-23"),
]
NOTION_OF = {"dlco": "dlco_percent_predicted", "fvc": "fvc_percent_predicted"}


def _asked(chart: SampleChart, criterion: str, part: str) -> Leaf:
    """Return the leaf about a part of the sample chart; asked twice, it has one answer."""
    notion = NOTION_OF.get(part, part)
    (leaf,) = {leaf for leaf in verdict(chart).leaves(criterion) if leaf.notion == notion}
    return leaf


def _pressure(chart: SampleChart) -> Leaf:
    """Return the leaf of E3 about pulmonary pressures, whichever of them answered."""
    (leaf,) = [leaf for leaf in verdict(chart).leaves("E3") if leaf.op == "by-method"]
    return leaf


def test_windows_are_the_agreed_ones() -> None:
    """Every notion that has a window has the agreed one, and no other has any."""
    given = {name: str(notion.window) for name, notion in shipped_study().notions.items() if notion.window is not None}

    assert given == WINDOWS


@pytest.mark.parametrize("notion", EVER)
def test_some_knowledge_does_not_age(notion: str) -> None:
    """Diagnoses, antibodies, items and imaging evidence count for ever."""
    assert shipped_study().notions[notion].window is None


@pytest.mark.parametrize(("part", "criterion", "last", "over"), LAST_DAYS)
def test_exactly_the_window_is_still_inside(part: str, criterion: str, last: str, over: str) -> None:
    """On its window's last day a value decides; one day older, it is shown as too old."""
    inside = _asked(complete_chart().dated(part, last), criterion, part)
    outside = _asked(complete_chart().dated(part, over), criterion, part)

    assert (inside.reason, inside.effective) == (None, last)
    assert (outside.reason, outside.effective) == ("too-old", over)


@pytest.mark.parametrize("part", ["spap", "mpap"])
def test_pulmonary_pressures_count_456_days(part: str) -> None:
    """With one pressure alone, its last day decides and the day before leaves nothing usable."""
    alone = complete_chart().drop("mpap" if part == "spap" else "spap", "lvef")

    assert _pressure(alone.dated(part, "2025-08-24")).truth is Truth.FALSE
    assert _pressure(alone.dated(part, "2025-08-23")).reason == "too-old"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2026-05-27T00:00:00+02:00", None),  # 26 May in Greenwich: the day counts as written
        ("2026-05-27T23:59:00-05:00", None),
        ("2026-05-26T23:59:00-05:00", "too-old"),  # 27 May in Greenwich
    ],
)
def test_windows_count_days_as_written(written: str, reason: str | None) -> None:
    """The offset of a record does not move its day."""
    assert verdict(complete_chart().dated("platelets", written)).reason("E11") == reason


def test_any_hour_of_the_screening_date_counts() -> None:
    """A value of tonight counts today."""
    tonight = complete_chart().add(observation("777-3", "20 10*9/L", "2026-11-23T23:59:59+01:00"))

    assert verdict(tonight).truth("E11") == "true"


def _weighed(height: str) -> SampleChart:
    """Return a chart with a weight since the last BMI and a height of that day."""
    return complete_chart().add(
        observation("29463-7", "40 kg", "2026-11-20"), observation("8302-2", "170 cm", height)
    )  # fmt: skip


def test_height_counts_five_calendar_years() -> None:
    """A weight newer than every BMI decides with a height of up to five years ago, to the day."""
    assert verdict(_weighed("2021-11-23")).truth("E9") == "true"
    assert verdict(_weighed("2021-11-22")).truth("E9") == "false"


def test_weight_counts_365_days() -> None:
    """Without any BMI, weight and height make one as long as the weight is in its window."""

    def weighed(when: str) -> SampleChart:
        weight, height = observation("29463-7", "60 kg", when), observation("8302-2", "170 cm", "2025-01-10")
        return complete_chart().drop("bmi").add(weight, height)

    assert verdict(weighed("2025-11-23")).truth("E9") == "false"
    assert verdict(weighed("2025-11-22")).reason("E9") == "too-old"


def test_creatinine_counts_180_days() -> None:
    """Without any filtration rate, creatinine makes one as long as it is in its window."""

    def tested(when: str) -> SampleChart:
        return complete_chart().drop("egfr").add(observation("2160-0", "0.8 mg/dL", when))

    assert verdict(tested("2026-05-27")).truth("E3") == "false"
    assert verdict(tested("2026-05-26")).reason("E3") == "too-old"


@pytest.mark.parametrize(("when", "truth"), [("2026-10-24", "true"), ("2026-10-23", "unknown")])
def test_pregnancy_tests_count_30_days(when: str, truth: str) -> None:
    """A positive hCG of more than 30 days ago says nothing of today."""
    positive = observation("2118-8", None, when, flag="POS")

    assert verdict(complete_chart().add(positive)).truth("E2") == truth


@pytest.mark.parametrize(("when", "truth"), [("2025-11-23", "false"), ("2025-11-22", "unknown")])
def test_negative_hiv_tests_count_365_days(when: str, truth: str) -> None:
    """A negative test excludes an infection for a year."""
    negative = observation("56888-1", None, when, coded="260385009")

    assert verdict(complete_chart().add(negative)).truth("E8") == truth


def test_positive_hiv_tests_do_not_age() -> None:
    """A detectable viral load of any time excludes."""
    assert verdict(complete_chart().add(observation("20447-9", "1200 {copies}/mL", "2009-01-05"))).truth("E8") == "true"


def _of(resource: Resource) -> Span:
    days = (date(2026, 11, 23) - date.fromisoformat(resource["effectiveDateTime"])).days
    return Span(days, "d")


def test_the_last_days_written_here_are_the_windows() -> None:
    """The dates of these tests are the agreed windows, counted from the screening date."""
    for part, _, last, _ in LAST_DAYS:
        moved = complete_chart().dated(part, last).parts[part]
        assert str(_of(moved)) == WINDOWS[NOTION_OF.get(part, part)], part


def test_a_month_that_ends_with_the_first_day_of_the_window_may_lie_inside() -> None:
    """On 27 November the 180 days begin on 31 May: exactly the window is still inside."""
    of_may = complete_chart().dated("platelets", "2026-05")

    assert verdict(of_may, "2026-11-27").leaf("E11", "platelets").reason == "date-not-decisive"
    assert verdict(of_may, "2026-11-28").leaf("E11", "platelets").reason == "too-old"


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-10-01", "records-disagree"),
        ("2026-10-31", "records-disagree"),
        ("2026-11-01", None),
        ("2026-09-30", None),
    ],
)
def test_a_month_is_the_equal_of_each_of_its_days(day: str, reason: str | None) -> None:
    """From its first to its last; the newer one of two that cannot coincide decides."""
    low = observation("777-3", "20 10*9/L", "2026-10")
    leaf = verdict(complete_chart().dated("platelets", day).add(low)).leaf("E11", "platelets")

    assert leaf.reason == reason
    assert leaf.truth.value == ("unknown" if reason else "false" if day == "2026-11-01" else "true")
