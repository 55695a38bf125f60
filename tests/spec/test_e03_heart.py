"""E3: left ventricular ejection fraction by echo, and pulmonary pressure by echo and by catheter."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, concept, observation, procedure, resource, verdict
from tests.verdicts import Verdict

HEART_DAY, OLD = "2026-07-08", "2025-08-23"
LVEF_ECHO, LVEF_NO_METHOD, LVEF_MRI = "18043-0", "10230-1", "8811-2"
ECHO_METHOD, CATHETER_METHOD, MRI_METHOD = concept("40701008"), concept("40403005"), concept("241620005")
SPAP, MPAP = "82341-9", "8414-5"


def lvef(*records: Resource) -> Verdict:
    """Screen with these ejection fractions and no other; the pressures are there and normal."""
    return verdict(complete_chart().drop("lvef").add(*records))


def fraction(code: str, value: str | None, when: str = HEART_DAY, **elements: Any) -> Resource:
    """Return an ejection fraction."""
    return observation(code, value, when, **elements)


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        ("39.9 %", "true"),
        ("40 %", "false"),
        ("< 40 %", "true"),
        (">= 40 %", "false"),
        ("0.39 1", "true"),
        ("95 %", "false"),
    ],
)
@pytest.mark.parametrize("code", [LVEF_ECHO, LVEF_NO_METHOD, "250908004", "8806-2"])
def test_an_ejection_fraction_by_echo_or_without_a_method_counts(code: str, value: str, truth: str) -> None:
    """Under 40 %, strictly; an echo code, or a code without a method."""
    assert lvef(fraction(code, value)).truth("E3") == truth


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "no-record"),
        (fraction(LVEF_MRI, "35 %"), "no-record"),
        (fraction("8808-8", "35 %"), "no-record"),
        (fraction("8809-6", "35 %"), "no-record"),
        (fraction("8810-4", "35 %"), "no-record"),
        (fraction("8812-0", "35 %"), "no-record"),
        (fraction(LVEF_NO_METHOD, "35 %", method=MRI_METHOD), "no-record"),
        (fraction(LVEF_NO_METHOD, "35 %", method=CATHETER_METHOD), "no-record"),
        (fraction(LVEF_ECHO, "35 %", OLD), "too-old"),
        (fraction(LVEF_ECHO, "35"), "unit-not-comparable"),
        (fraction(LVEF_ECHO, "35 mm[Hg]"), "unit-not-comparable"),
        (fraction(LVEF_ECHO, "4 %"), "no-usable-value"),
        (fraction(LVEF_ECHO, "96 %"), "no-usable-value"),
        (fraction(LVEF_ECHO, "35 %", status="registered"), "no-usable-value"),
        (fraction(LVEF_ECHO, "<= 40 %"), "value-not-decisive"),
    ],
)  # fmt: skip
def test_without_an_echo_the_fraction_is_missing(record: Resource | None, reason: str) -> None:
    """MRI, CT, angiography and nuclear methods are shown and never decide."""
    got = lvef(*[record] if record else [])

    assert (got.truth("E3"), got.open("E3")) == ("unknown", "missing-data"), got.show("E3")
    assert got.leaf("E3", "lvef").reason == reason


def test_another_method_is_shown_as_evidence() -> None:
    """A person sees the MRI's value although it does not decide."""
    got = lvef(fraction(LVEF_MRI, "35 %", id="mri"))

    assert got.leaf("E3", "lvef").sources == ("Observation/mri",)


def test_another_method_never_decides_beside_an_echo() -> None:
    """However new it is."""
    assert lvef(fraction(LVEF_ECHO, "60 %"), fraction(LVEF_MRI, "35 %", "2026-11-01")).truth("E3") == "false"
    newer = fraction(LVEF_NO_METHOD, "35 %", "2026-11-01", method=MRI_METHOD)
    assert lvef(fraction(LVEF_ECHO, "60 %"), newer).truth("E3") == "false"


def test_who_judges_the_autograft_sees_another_method_beside_the_echo() -> None:
    """I6 shows the fraction that counts and the one by MRI."""
    got = lvef(fraction(LVEF_ECHO, "60 %", id="echo"), fraction(LVEF_MRI, "35 %", id="mri"))

    assert got.sources("I6") >= {"Observation/echo", "Observation/mri"}


def test_a_stated_method_makes_an_echo_of_a_code_without_one() -> None:
    """An echo code or method."""
    assert lvef(fraction(LVEF_NO_METHOD, "35 %", method=ECHO_METHOD)).truth("E3") == "true"
    stated = fraction(LVEF_NO_METHOD, "60 %", "2026-07-08T09:00:00+02:00", method=ECHO_METHOD)
    assert lvef(stated, fraction(LVEF_NO_METHOD, "35 %", "2026-07-08T18:00:00+02:00")).truth("E3") == "false"


def test_a_code_of_an_echo_is_an_echo_in_whatever_words_its_method_is_told() -> None:
    """Simpson's biplane method is a way to measure, not another examination."""
    assert lvef(fraction("18045-5", "35 %", method={"text": "biplane Simpson"})).truth("E3") == "true"


def test_of_one_day_a_stated_echo_goes_before_no_method() -> None:
    """Of different days the newest counts."""
    assert lvef(fraction(LVEF_ECHO, "60 %"), fraction(LVEF_NO_METHOD, "35 %")).truth("E3") == "false"
    assert lvef(fraction(LVEF_ECHO, "35 %"), fraction(LVEF_NO_METHOD, "60 %")).truth("E3") == "true"
    assert lvef(fraction(LVEF_ECHO, "60 %"), fraction(LVEF_NO_METHOD, "35 %", "2026-08-08")).truth("E3") == "true"


def test_a_fraction_of_an_unstated_side_is_shown_to_confirm() -> None:
    """A code under review shows its value, only where no other is in the window."""
    got = lvef(fraction("70822001", "35 %"))

    assert (got.truth("E3"), got.open("E3"), got.leaf("E3", "lvef").reason) == (
        "unknown",
        "to-confirm",
        "needs-judgement",
    )
    assert got.leaf("E3", "lvef").value.text == "35"
    assert lvef(fraction(LVEF_ECHO, "60 %"), fraction("70822001", "35 %", "2026-11-01")).truth("E3") == "false"


def test_the_window_of_the_fraction_is_456_days() -> None:
    """Exactly the window is still inside."""
    assert lvef(fraction(LVEF_ECHO, "35 %", "2025-08-24")).truth("E3") == "true"


def pressures(*records: Resource, method_stated: bool = False) -> Leaf:
    """Return the leaf about pulmonary pressure; the ejection fraction has a stated method only if asked for."""
    chart = complete_chart().drop("spap", "mpap", "lvef")
    lvef_ = fraction(LVEF_ECHO if method_stated else LVEF_NO_METHOD, "60 %")
    got = verdict(chart.add(lvef_, *records))
    return got.leaves("E3")[2]


def spap(value: str | None, when: str = HEART_DAY, code: str = SPAP, **elements: Any) -> Resource:
    """Return a systolic pressure by echo."""
    return observation(code, f"{value} mm[Hg]" if value else None, when, **elements)


def mpap(value: str | None, when: str = HEART_DAY, **elements: Any) -> Resource:
    """Return a mean pressure by catheter."""
    return observation(MPAP, f"{value} mm[Hg]" if value else None, when, **elements)


JUDGED = ("unknown", "needs-judgement")
COMBINATIONS = {
    "both under": ([spap("30"), mpap("18")], ("false", None), set()),
    "both over": ([spap("55"), mpap("45")], ("true", None), set()),
    "echo over, catheter under": ([spap("55"), mpap("18")], JUDGED, {"catheter-disagrees"}),
    "echo under, catheter over": ([spap("30"), mpap("45")], JUDGED, {"catheter-disagrees"}),
    "echo over, no catheter": ([spap("55")], ("true", None), {"no-catheter"}),
    "echo under, no catheter": ([spap("30")], ("false", None), {"no-catheter"}),
    "catheter over, no echo": ([mpap("45")], ("true", None), set()),
    "catheter under, no echo": ([mpap("18")], ("false", None), set()),
    "echo too old, catheter over": ([spap("30", OLD), mpap("45")], ("true", None), set()),
    "older catheter over, echo under": ([spap("30"), mpap("45", OLD)], JUDGED, set()),
    "older catheter over, echo over": ([spap("55"), mpap("45", OLD)], ("true", None), {"no-catheter"}),
    "older catheter over, no echo": ([mpap("45", OLD)], JUDGED, set()),
    "older catheter over, echo too old": ([mpap("45", OLD), spap("55", OLD)], JUDGED, set()),
    "older catheter over, a newer older one under, echo under":
        ([mpap("45", "2024-01-10"), mpap("18", OLD), spap("30")], ("false", None), {"no-catheter"}),
    "older catheter over, a newer one in the window under, no echo":
        ([mpap("45", OLD), mpap("18")], ("false", None), set()),
    "older catheter under, echo under": ([mpap("18", OLD), spap("30")], ("false", None), {"no-catheter"}),
    "older catheter of exactly 40, echo under": ([mpap("40", OLD), spap("30")], ("false", None), {"no-catheter"}),
    "50 by echo alone": ([spap("50")], ("false", None), {"no-catheter", "protocol-gap"}),
    "50.1 by echo alone": ([spap("50.1")], ("true", None), {"no-catheter"}),
    "40 by catheter alone": ([mpap("40")], ("false", None), {"protocol-gap"}),
    "40.1 by catheter alone": ([mpap("40.1")], ("true", None), set()),
    "50 and 40": ([spap("50"), mpap("40")], ("false", None), {"protocol-gap"}),
    "7 kilopascal by echo": ([observation(SPAP, "7 kPa", HEART_DAY)], ("true", None), {"no-catheter"}),
    "over 50 by comparator": ([observation(SPAP, "> 50 mm[Hg]", HEART_DAY)], ("true", None), {"no-catheter"}),
    "50 or more by comparator":
        ([observation(SPAP, ">= 50 mm[Hg]", HEART_DAY)], ("unknown", "value-not-decisive"), {"no-catheter"}),
    "echo of exactly 456 days": ([spap("55", "2025-08-24")], ("true", None), {"no-catheter"}),
    "unspecified method, echo stated":
        ([spap("55", code="8440-0", method=ECHO_METHOD)], ("true", None), {"no-catheter"}),
    "unspecified method": ([spap("55", code="8440-0")], JUDGED, None),
    "unspecified method beside an echo":
        ([spap("30"), spap("55", "2026-11-01", "8440-0")], ("false", None), {"no-catheter"}),
    "acceleration time formula": ([spap("55", code="59101-6")], JUDGED, None),
}  # fmt: skip


@pytest.mark.parametrize(("records", "wanted", "notes"), COMBINATIONS.values(), ids=COMBINATIONS)
def test_echo_and_catheter_together(
    records: list[Resource], wanted: tuple[str, str | None], notes: set[str] | None
) -> None:
    """One of them decides, both must agree, an older catheter over is not forgotten."""
    got = pressures(*records)

    assert (got.truth.value, got.reason) == wanted
    if notes is not None:
        assert set(got.notes) == notes


def no_value(code: str, absent: str, when: str = HEART_DAY) -> Resource:
    """Return a pressure that says why it has no value."""
    system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    return observation(code, None, when, dataAbsentReason={"coding": [{"system": system, "code": absent}]})


def report(when: str, **elements: Any) -> Resource:
    """Return the report of an echocardiography."""
    return resource(
        "DiagnosticReport", **({"status": "final", "code": concept("42148-7"), "effectiveDateTime": when} | elements)
    )


NO_PRESSURE = {
    "nothing": ([], "no-record"),
    "an echo Procedure in the window": ([procedure("40701008", HEART_DAY)], "needs-judgement"),
    "an echo Procedure in CCAM": ([procedure("DZQM006", HEART_DAY)], "needs-judgement"),
    "an echo Procedure of exactly 456 days": ([procedure("40701008", "2025-08-24")], "needs-judgement"),
    "an echo Procedure of 457 days": ([procedure("40701008", OLD)], "no-record"),
    "an echo that was not done": ([procedure("40701008", HEART_DAY, status="not-done")], "no-record"),
    "an echo entered in error": ([procedure("40701008", HEART_DAY, status="entered-in-error")], "no-record"),
    "an echo report": ([report(HEART_DAY)], "needs-judgement"),
    "an echo report of 457 days": ([report(OLD)], "no-record"),
    "echo pressure not performed": ([no_value(SPAP, "not-performed")], "needs-judgement"),
    "echo pressure unsupported": ([no_value(SPAP, "unsupported")], "needs-judgement"),
    "catheter pressure not applicable": ([no_value(MPAP, "not-applicable")], "needs-judgement"),
    "echo pressure absent for another reason": ([no_value(SPAP, "unknown")], "no-usable-value"),
    "echo pressure not performed, too long ago": ([no_value(SPAP, "not-performed", OLD)], "no-record"),
    "echo too old": ([spap("30", OLD)], "too-old"),
    "catheter under, too old": ([mpap("18", OLD)], "too-old"),
    "echo pressure without a unit": ([observation(SPAP, "30", HEART_DAY)], "unit-not-comparable"),
    "echo pressure impossible": ([spap("201")], "no-usable-value"),
    "catheter pressure impossible": ([mpap("121")], "no-usable-value"),
    "systolic pressure by catheter": ([spap("55", code="8440-0", method=CATHETER_METHOD)], "no-record"),
}  # fmt: skip


@pytest.mark.parametrize(("records", "reason"), NO_PRESSURE.values(), ids=NO_PRESSURE)
def test_without_a_pressure_an_echo_makes_it_a_question_to_a_person(records: list[Resource], reason: str) -> None:
    """Many echos yield no pressure; without an echo it is missing data."""
    got = pressures(*records)

    assert (got.truth.value, got.reason) == ("unknown", reason)


def test_an_ejection_fraction_stated_to_be_by_echo_shows_that_there_was_one() -> None:
    """Without a method it shows nothing."""
    assert pressures(method_stated=True).reason == "needs-judgement"
    assert pressures(method_stated=False).reason == "no-record"


def test_an_open_pressure_is_of_the_right_sort() -> None:
    """A person's question is to confirm, a missing one is missing data."""
    chart = complete_chart().drop("spap", "mpap")

    assert verdict(chart).open("E3") == "to-confirm"
    assert verdict(chart.replace("lvef", fraction(LVEF_NO_METHOD, "60 %"))).open("E3") == "missing-data"


def test_a_method_stated_beside_the_code_shows_that_there_was_an_echo() -> None:
    """A code without a method, done by echocardiography: a pressure could have been had, a person judges."""
    chart = complete_chart().drop("spap", "mpap", "lvef")
    got = verdict(chart.add(fraction(LVEF_NO_METHOD, "60 %", method=ECHO_METHOD)))

    assert (got.open("E3"), got.reason("E3")) == ("to-confirm", "needs-judgement")


def test_a_newer_pressure_that_could_not_be_had_leaves_the_older_one() -> None:
    """And the finding says that it is there."""
    got = pressures(spap("30"), no_value(SPAP, "not-performed", "2026-10-01"))

    assert (got.truth.value, set(got.notes)) == ("false", {"newer-unusable", "no-catheter"})


def test_a_disagreement_names_both_records() -> None:
    """A person sees what disagrees."""
    got = pressures(spap("55", id="echo"), mpap("18", id="catheter"))

    assert set(got.sources) == {"Observation/echo", "Observation/catheter"}
