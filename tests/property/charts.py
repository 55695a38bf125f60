"""Charts at random: any of these records, with values on both sides of every threshold."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.builders import Resource, SampleChart, condition, observation, panel, patient

DAYS = ("2026-11-20", "2026-11-02T08:30:00+01:00", "2026-06-10", "2026-05", "2025-11-22", "2024-01-15")


class Kind(NamedTuple):
    """Records that speak of one notion: how they are coded and what they may say."""

    notion: str
    code: str
    values: tuple[str, ...]
    high: str | None = None


MEASURED = (
    Kind("mrss", "mrss-total", ("0 {score}", "14 {score}", "15 {score}", "19 {score}", "20 {score}", "60 {score}")),
    Kind("crp", "1988-5", ("< 5 mg/L", "5 mg/L", "5.1 mg/L", "<= 6 mg/L")),
    Kind("hemoglobin", "718-7", ("7.9 g/dL", "8 g/dL", "10.9 g/dL", "11 g/dL", "120 g/L", "12")),
    Kind("neutrophils", "751-8", ("0.9 10*9/L", "1 10*9/L", "> 0.5 10*9/L")),
    Kind("lymphocytes", "731-0", ("0.4 10*9/L", "0.5 10*9/L")),
    Kind("platelets", "777-3", ("49 10*9/L", "50 10*9/L", "<= 50 10*9/L", "0.25 10*9/L")),
    Kind("ast", "1920-8", ("20 U/L", "120 U/L", "121 U/L"), "40 U/L"),
    Kind("alt", "1742-6", ("20 U/L", "120 U/L", "211 U/L")),
    Kind("egfr", "98979-8", tuple(f"{value} mL/min/{{1.73_m2}}" for value in ("29", "30", "60", "> 90"))),
    Kind("creatinine_serum", "2160-0", ("0.8 mg/dL", "400 umol/L")),
    Kind("dlco_percent_predicted", "dlco-hb-corrected-percent-predicted", ("29 %", "30 %", "79 %", "80 %")),
    Kind("fvc_percent_predicted", "19872-1", ("79 %", "80 %")),
    Kind("lvef", "18043-0", ("39 %", "40 %")),
    Kind("pasp_echo", "82341-9", ("35 mm[Hg]", "36 mm[Hg]", "50 mm[Hg]", "51 mm[Hg]")),
    Kind("mpap_rhc", "8414-5", ("20 mm[Hg]", "25 mm[Hg]", "40 mm[Hg]", "41 mm[Hg]")),
    Kind("bmi", "39156-5", ("16.4 kg/m2", "16.5 kg/m2")),
    Kind("weight", "29463-7", ("45 kg", "60 kg")),
    Kind("height", "8302-2", ("170 cm", "1.7 m")),
    Kind("acr_eular_2013_total", "acr-eular-2013-total", ("8 {score}", "9 {score}")),
)
DIAGNOSED = (
    ("systemic_sclerosis", "89155008"), ("ild", "233703007"), ("atrial_arrhythmia", "I48.9"),
    ("heart_failure", "I50.0"),
    ("scleroderma_renal_crisis", "236501007"), ("malignant_neoplasm", "C50.9"), ("hiv_condition", "B24"),
    ("infection", "A41.9"), ("psychiatric_severe", "F20.0"), ("pregnancy_status", "Z33"),
)  # fmt: skip


def measurement(kind: Kind) -> st.SearchStrategy[Resource]:
    """Return results of one notion."""
    return st.builds(
        lambda value, when, status: observation(kind.code, value, when, status=status, high=kind.high),
        st.sampled_from(kind.values),
        st.sampled_from([*DAYS, None]),
        st.sampled_from(["final", "final", "final", "corrected", "preliminary"]),
    )


def diagnosis(code: str) -> st.SearchStrategy[Resource]:
    """Return records of one diagnosis."""
    return st.builds(
        lambda onset, clinical, verification: condition(code, onset, clinical=clinical, verification=verification),
        st.sampled_from(["2026-11-01", "2025-03", "2024-11-23", "2021", "2015-06-01", None]),
        st.sampled_from(["active", "resolved", None]),
        st.sampled_from(["confirmed", "confirmed", "provisional", None]),
    )


def pressures() -> st.SearchStrategy[Resource]:
    """Return blood pressures."""
    pair = st.sampled_from([("139", "89"), ("140", "80"), ("160", "70")])
    return st.builds(
        lambda both, when: panel("85354-9", {"8480-6": f"{both[0]} mm[Hg]", "8462-4": f"{both[1]} mm[Hg]"}, when),
        pair,
        st.sampled_from(DAYS),
    )


def records(but: frozenset[str] = frozenset()) -> st.SearchStrategy[Resource]:
    """Return records of any notion that is not one of those given."""
    measured = [measurement(kind) for kind in MEASURED if kind.notion not in but]
    diagnosed = [diagnosis(code) for notion, code in DIAGNOSED if notion not in but]
    return st.one_of(*measured, *diagnosed, pressures())


@st.composite
def charts(draw: st.DrawFn, but: frozenset[str] = frozenset()) -> SampleChart:
    """Return a chart of a person and up to 25 records, each with its own id."""
    person = patient(
        gender=draw(st.sampled_from(["female", "male", "other"])),
        birth=draw(st.sampled_from(["1978-03-14", "1955-11-24", "1955-11-23", "1955", None])),
    )
    found = draw(st.lists(records(but), max_size=25))
    parts = {f"record-{number}": {"id": f"record-{number}"} | one for number, one in enumerate(found)}
    return SampleChart({"patient": person} | parts)
