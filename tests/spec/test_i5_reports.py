"""I5.b, what a report shows: a coded imaging conclusion is evidence of ILD, an echo report is an echocardiography."""

from typing import Any

import pytest

from tests.builders import Resource, SampleChart, complete_chart, concept, condition, observation, resource, verdict
from tests.expectations import differences


def report(code: str, conclusion: str | None = None, when: str = "2024-02-01", **elements: Any) -> Resource:
    """Return a DiagnosticReport with a coded conclusion."""
    concluded = [concept(conclusion)] if conclusion else None
    defaults = {"code": concept(code), "conclusionCode": concluded, "effectiveDateTime": when, "status": "final"}
    return resource("DiagnosticReport", **(defaults | elements))


CONCLUSIONS = {
    "interstitial lung disease": (report("24627-2", "233703007"), "true +confirm-attribution"),
    "pulmonary fibrosis in ICD-10": (report("24627-2", "J84.1"), "true"),
    "of long ago": (report("24627-2", "233703007", "2009-02-01"), "true"),
    "amended": (report("24627-2", "233703007", status="amended"), "true"),
    "corrected": (report("24627-2", "233703007", status="corrected"), "true"),
    "a review code": (report("24627-2", "64667001"), "unknown needs-judgement"),
    "another finding": (report("24627-2", "I31.3"), "unknown no-record"),
    "text only": (report("24627-2", conclusion=None) | {"conclusion": "NSIP pattern"}, "unknown no-record"),
    "preliminary": (report("24627-2", "233703007", status="preliminary"), "unknown"),
    "registered": (report("24627-2", "233703007", status="registered"), "unknown"),
    "cancelled": (report("24627-2", "233703007", status="cancelled"), "unknown no-record"),
    "entered in error": (report("24627-2", "233703007", status="entered-in-error"), "unknown no-record"),
    "after the screening": (report("24627-2", "233703007", "2026-11-24"), "unknown no-record"),
    "another patient's": (
        report("24627-2", "233703007", subject={"reference": "Patient/another"}),
        "unknown no-record",
    ),
}


@pytest.mark.parametrize(("imaging", "expected"), CONCLUSIONS.values(), ids=CONCLUSIONS)
def test_a_coded_imaging_conclusion_is_evidence_of_ild(imaging: Resource, expected: str) -> None:
    """Beside a DLCO of 65 % it shows respiratory involvement; text is not read."""
    assert differences(verdict(complete_chart().drop("ild").add(imaging)), {"I5.b.1": expected}) == []


def test_a_coded_imaging_conclusion_gives_the_points_of_ild() -> None:
    """4 + 3 + 2 points classify."""
    items = condition("L94.3"), condition("I73.0"), report("24627-2", "233703007")
    sample = complete_chart().drop("ild", "acr_eular").add(*items)

    assert differences(verdict(sample), {"I4": "true"}) == []


def test_a_coded_conclusion_of_a_heart_mri_is_a_cardiac_sign() -> None:
    """Late enhancement in the conclusion shows cardiac involvement."""
    sample = complete_chart().drop("ild").add(report("24748-6", "cmr-lge", "2026-01-01"))

    assert differences(verdict(sample), {"I5.b.3": "true +confirm-attribution"}) == []


def no_pressure(*records: Resource) -> SampleChart:
    """Return a chart with normal lungs, without pressures, whose ejection fraction names no method."""
    lungs = complete_chart().value("dlco", "90 %").drop("spap", "mpap", "lvef")
    return lungs.add(observation("10230-1", "60 %", "2026-07-08"), *records)


ECHOS = {
    "final": (report("42148-7", when="2026-02-01"), "to-confirm needs-judgement"),
    "of exactly 456 days": (report("42148-7", when="2025-08-24"), "to-confirm needs-judgement"),
    "of 457 days": (report("42148-7", when="2025-08-23"), "missing-data no-record"),
    "entered in error": (report("42148-7", when="2026-02-01", status="entered-in-error"), "missing-data no-record"),
    "of another organ": (report("24627-2", when="2026-02-01"), "missing-data no-record"),
}


@pytest.mark.parametrize(("echo", "expected"), ECHOS.values(), ids=ECHOS)
def test_an_echo_report_in_the_window_leaves_the_missing_pressure_to_judge(echo: Resource, expected: str) -> None:
    """Many echos yield no pressure; without an echo the pressure is missing data."""
    assert differences(verdict(no_pressure(echo)), {"I5": expected, "E3": expected}) == []
