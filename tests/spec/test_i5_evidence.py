"""I5, the evidence: each leaf shows its value in the criterion's unit, as it was received, its day and its records."""

from typing import NamedTuple

import pytest

from tests.builders import SampleChart, complete_chart, observation, verdict


class Evidence(NamedTuple):
    """What a leaf shows."""

    text: str
    unit: str
    as_received: str
    effective: str | None
    sources: set[str]


def lungs(*results: tuple[str, str, str]) -> SampleChart:
    """Return the complete chart with these (id, code, value) in place of its DLCO."""
    measured = [observation(code, value, "2026-06-10", id=name) for name, code, value in results]
    return complete_chart().drop("dlco").add(*measured)


BLOOD = "2026-11-02T08:30:00+01:00"
LEAVES = {
    "as written": (
        complete_chart(), "I5.b", "mrss",
        Evidence("18", "{score}", "18 {score}", "2026-10-15", {"Observation/mrss"}),
    ),
    "with its version": (
        complete_chart().elements("mrss", meta={"versionId": "2"}), "I5.b", "mrss",
        Evidence("18", "{score}", "18 {score}", "2026-10-15", {"Observation/mrss/_history/2"}),
    ),
    "converted": (
        complete_chart().value("crp", "0.60 mg/dL"), "I5.a", "crp",
        Evidence("6", "mg/L", "0.60 mg/dL", BLOOD, {"Observation/crp"}),
    ),
    "too old": (
        complete_chart().dated("mrss", "2025-01-01"), "I5.b", "mrss",
        Evidence("18", "{score}", "18 {score}", "2025-01-01", {"Observation/mrss"}),
    ),
    "without a date": (
        complete_chart().dated("mrss", None), "I5.b", "mrss",
        Evidence("18", "{score}", "18 {score}", None, {"Observation/mrss"}),
    ),
    "derived, with two decimals": (
        lungs(("m", "19911-7", "5.3 mmol/min/kPa"), ("p", "19910-9", "20 mL/min/mm[Hg]")),
        "I5.b.1", "dlco_percent_predicted",
        Evidence(
            "79.16", "%", "5.3 mmol/min/kPa / 20 mL/min/mm[Hg]", "2026-06-10", {"Observation/m", "Observation/p"}
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chart", "part", "notion", "expected"), LEAVES.values(), ids=LEAVES)
def test_a_leaf_shows_what_it_rests_on(chart: SampleChart, part: str, notion: str, expected: Evidence) -> None:
    """A value that is shown but not used is shown the same way."""
    leaf = verdict(chart).leaf(part, notion)
    assert leaf.value is not None

    assert expected == Evidence(
        leaf.value.text, leaf.value.unit, leaf.value.as_received, leaf.effective, set(leaf.sources)
    )


def test_what_is_just_below_a_limit_is_compared_unrounded() -> None:
    """15.9992 of 20 is 79.996 %: below 80, although two decimals print 80."""
    chart = lungs(("m", "19911-7", "15.9992 mL/min/mm[Hg]"), ("p", "19910-9", "20 mL/min/mm[Hg]"))

    assert verdict(chart).truth("I5.b.1") == "true"
