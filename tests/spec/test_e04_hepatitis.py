"""E4: both transaminases over three times their own upper limit; without one, the limit is between 25 and 70 U/L."""

from typing import Any

import pytest

from tests.builders import complete_chart, observation, quantity, verdict
from tests.verdicts import Verdict

DAY = "2026-11-02"
_MEANING = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


def limit(high: str | None, kind: str | None = None, low: str | None = None) -> dict[str, Any]:
    """Return one reference range, of a type (`normal`, `therapeutic` …) or without."""
    range_ = {"high": quantity(high)} if high else {}
    range_ |= {"low": quantity(low)} if low else {}
    return range_ | ({"type": {"coding": [{"system": _MEANING, "code": kind}]}} if kind else {})


def enzymes(
    ast: str | None, alt: str | None, ast_ranges: list[Any] | None = None, alt_ranges: list[Any] | None = None
) -> Verdict:
    """Screen with these transaminases; by default the upper limits are 40 and 45 U/L, `[]` is no range."""
    chart = complete_chart().drop("ast", "alt")
    ranges = (
        [limit("40 U/L")] if ast_ranges is None else ast_ranges,
        [limit("45 U/L")] if alt_ranges is None else alt_ranges,
    )
    for code, value, given in (("1920-8", ast, ranges[0]), ("1742-6", alt, ranges[1])):
        if value is not None:
            chart = chart.add(observation(code, value, DAY, referenceRange=given or None))
    return verdict(chart)


FALSE, TRUE = ("false", None, set()), ("true", None, set())
JUDGED = ("unknown", "to-confirm", {"needs-judgement"})

BOTH = [
    ("25 U/L", "30 U/L", FALSE),
    ("120 U/L", "135 U/L", FALSE),  # exactly three times is not over
    ("120.1 U/L", "135.1 U/L", TRUE),
    ("121 U/L", "136 U/L", TRUE),
    ("> 120 U/L", "> 135 U/L", TRUE),
    ("< 121 U/L", "30 U/L", ("unknown", "missing-data", {"value-not-decisive"})),
    ("<= 120 U/L", "30 U/L", FALSE),
    ("121 U/L", "135 U/L", JUDGED),
    ("120 U/L", "136 U/L", JUDGED),
    (None, "30 U/L", ("unknown", "missing-data", {"no-record"})),
    ("25 U/L", None, ("unknown", "missing-data", {"no-record"})),
    (None, None, ("unknown", "missing-data", {"no-record"})),
    ("121", "30 U/L", ("unknown", "missing-data", {"unit-not-comparable"})),
    ("121 mg/L", "30 U/L", ("unknown", "missing-data", {"unit-not-comparable"})),
    ("50001 U/L", "30 U/L", ("unknown", "missing-data", {"no-usable-value"})),
]  # fmt: skip


@pytest.mark.parametrize(("ast", "alt", "wanted"), BOTH)
def test_both_over_exclude_one_is_judged_neither_passes(
    ast: str | None, alt: str | None, wanted: tuple[str, str | None, set[str]]
) -> None:
    """The text prints "ASAT, ALAT": one raised enzyme may be the muscles'."""
    got = enzymes(ast, alt)

    truth, sort, reasons = wanted
    assert (got.truth("E4"), got.open("E4")) == (truth, sort), got.show("E4")
    assert reasons <= set(got.reasons("E4"))


@pytest.mark.parametrize(
    ("ast", "alt", "flagged"),
    [
        ("121 U/L", "30 U/L", True),
        ("25 U/L", "136 U/L", True),
        ("121 U/L", None, True),
        (None, "136 U/L", True),
        ("121 U/L", "136", True),
        ("25 U/L", None, False),
        (None, "30 U/L", False),
        (None, None, False),
    ],
)
def test_what_is_open_with_one_over_is_flagged(ast: str | None, alt: str | None, flagged: bool) -> None:
    """One over and the other not, or not known, is shown first; nothing over is not."""
    got = enzymes(ast, alt)

    assert got.truth("E4") == "unknown"
    assert ("flagged" in got.notes("E4")) is flagged


def test_one_enzyme_not_known_misses_data_whatever_the_other_is() -> None:
    """Over or not, the other enzyme still has to be measured."""
    assert enzymes("121 U/L", None).missing_reasons("E4") == ["no-record"]
    assert enzymes("25 U/L", None).missing_reasons("E4") == ["no-record"]


def test_the_window_is_180_days() -> None:
    """Exactly the window is still inside."""
    both = complete_chart().value("ast", "121 U/L").value("alt", "136 U/L")

    assert verdict(both.dated("ast", "2026-05-27").dated("alt", "2026-05-27")).truth("E4") == "true"
    old = verdict(both.dated("ast", "2026-05-26"))
    assert (old.truth("E4"), old.open("E4"), old.reasons("E4")[0]) == ("unknown", "missing-data", "too-old")


def test_the_verdict_names_both_results_and_can_recover() -> None:
    """Laboratory values are looked at again 14 days after the later failing one."""
    both = complete_chart().value("ast", "121 U/L").value("alt", "136 U/L")
    got = verdict(both.dated("ast", "2026-11-12").dated("alt", "2026-11-18"))

    assert {"Observation/ast", "Observation/alt"} <= got.sources("E4")
    assert (got.recoverable, got.rescreen_after) == (True, "2026-12-02")


RANGES = {
    "the range of type normal goes before another type":
        ([limit("20 U/L", "therapeutic"), limit("40 U/L", "normal")], "120 U/L", "false"),
    "the range without a type is the normal one":
        ([limit("20 U/L", "therapeutic"), limit("40 U/L")], "120 U/L", "false"),
    "over the range of type normal": ([limit("60 U/L", "therapeutic"), limit("40 U/L", "normal")], "121 U/L", "true"),
    "several that agree": ([limit("40 U/L"), limit("40.0 U/L", "normal")], "121 U/L", "true"),
    "a limit in katal": ([limit("0.7 ukat/L")], "126 U/L", "false"),
    "a limit in katal, passed": ([limit("0.7 ukat/L")], "126.1 U/L", "true"),
    "value and limit in katal": ([limit("0.7 ukat/L")], "2.1 ukat/L", "false"),
    "value and limit in katal, passed": ([limit("0.7 ukat/L")], "2.11 ukat/L", "true"),
    "a value in katal with a limit in units": ([limit("40 U/L")], "2 ukat/L", "false"),
    "a value in katal with a limit in units, passed": ([limit("40 U/L")], "2.01 ukat/L", "true"),
    "a limit without a unit has the value's": ([limit("0.7")], "2.11 ukat/L", "true"),
    "no limit: 75 is not over": ([], "75 U/L", "false"),
    "no limit: 210.1 is over": ([], "210.1 U/L", "true"),
    "only a lower limit: 75 is not over": ([limit(None, low="5 U/L")], "75 U/L", "false"),
    "only a lower limit: 210.1 is over": ([limit(None, low="5 U/L")], "210.1 U/L", "true"),
    "only a therapeutic range: 210.1 is over": ([limit("500 U/L", "therapeutic")], "210.1 U/L", "true"),
}  # fmt: skip


@pytest.mark.parametrize(("ranges", "value", "wanted"), RANGES.values(), ids=RANGES)
def test_the_upper_limit_is_that_of_the_result(ranges: list[Any], value: str, wanted: str) -> None:
    """Its range of type normal or without a type, in the range's own unit; else bounded by 25 and 70 U/L."""
    beside = {"true": "136 U/L", "false": "30 U/L"}[wanted]  # ALAT agrees, so that ASAT decides alone

    got = enzymes(value, beside, ranges)

    assert got.truth("E4") == wanted, got.show("E4")


NOT_COMPARABLE = {
    "no limit, just over three times 25": ([], "75.1 U/L"),
    "no limit, three times 70": ([], "210 U/L"),
    "only a lower limit": ([limit(None, low="5 U/L")], "100 U/L"),
    "a therapeutic range only": ([limit("40 U/L", "therapeutic")], "130 U/L"),
    "several that disagree": ([limit("40 U/L"), limit("50 U/L", "normal")], "130 U/L"),
    "several that disagree, far below both": ([limit("40 U/L"), limit("50 U/L")], "20 U/L"),
    "several that disagree, far above both": ([limit("40 U/L"), limit("50 U/L")], "300 U/L"),
}  # fmt: skip


@pytest.mark.parametrize(("ranges", "value"), NOT_COMPARABLE.values(), ids=NOT_COMPARABLE)
def test_without_a_decisive_upper_limit_the_range_is_missing(ranges: list[Any], value: str) -> None:
    """Between the bounds, or with ranges that disagree (no bounds then), the laboratory's range is asked for."""
    got = enzymes(value, "30 U/L", ranges)

    assert (got.truth("E4"), got.open("E4")) == ("unknown", "missing-data"), got.show("E4")
    assert got.missing_reasons("E4") == ["no-reference-range"]


def test_one_over_by_the_bounds_and_one_normal_is_judged() -> None:
    """A value over 210 U/L without a range is over, like any other."""
    got = enzymes("211 U/L", "30 U/L", [])

    assert (got.truth("E4"), got.open("E4")) == ("unknown", "to-confirm")
    assert "flagged" in got.notes("E4")
