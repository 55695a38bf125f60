"""A law: what is far behind the newest value need not be looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.eligibility import select as selecting
from service.eligibility.candidate import newest
from service.eligibility.context import Context
from service.eligibility.leaves import pair as pairing
from service.eligibility.notions import Notion
from service.eligibility.plan import plan
from service.eligibility.rules import Pair
from service.eligibility.timeline import newest_older, older, timeline
from tests.builders import Resource, observation, panel
from tests.readings import chart_of
from tests.verdicts import AS_OF, shipped_study

_CODES = {
    "platelets": ("777-3", "10*9/L"),
    "crp": ("1988-5", "mg/L"),
    "lvef": ("18043-0", "%"),
    "mrss": ("mrss-total", "{score}"),
}
_PANEL, _FIRST, _SECOND = "85354-9", "8480-6", "8462-4"
_OFFSETS = ("-12:00", "Z", "+01:00", "+14:00")


@st.composite
def _moments(draw: st.DrawFn) -> str | None:
    """Days close to each other and far away, months, years, and instants in every offset."""
    day = draw(st.sampled_from(["2026-11-20", "2026-11-21", "2026-11-22", "2026-10-31", "2026-06-01", "2024-01-15"]))
    form = draw(st.sampled_from(["day", "time", "month", "year", "none"]))
    if form == "time":
        return f"{day}T{draw(st.integers(0, 23)):02}:30:00{draw(st.sampled_from(_OFFSETS))}"
    return {"day": day, "month": day[:7], "year": day[:4], "none": None}[form]


@st.composite
def _results(draw: st.DrawFn) -> tuple[str, list[Resource]]:
    notion = draw(st.sampled_from(sorted(_CODES)))
    code, unit = _CODES[notion]
    results = st.builds(
        lambda value, when, status: observation(code, value, when, status=status),
        st.sampled_from([f"1 {unit}", f"49 {unit}", f"< 5 {unit}", f"100000 {unit}", "7 furlongs", None]),
        _moments(),
        st.sampled_from(["final", "final", "amended", "preliminary"]),
    )
    return notion, draw(st.lists(results, max_size=8))


@given(_results())
def test_the_newest_value_needs_no_look_at_far_older_ones(
    chart: tuple[str, list[Resource]],
) -> None:
    """Looking no further back than it must, a selection has the same value, reason, notes, evidence and warnings."""
    name, records = chart
    notion, as_of = shipped_study().notions[name], date.fromisoformat(AS_OF)
    one, other = (Context(shipped_study(), chart_of(*records), as_of) for _ in range(2))

    chosen = selecting.select(one, notion)
    with patch.object(selecting, "recent", timeline):
        whole = selecting.select(other, notion)

    assert chosen == whole
    assert set(one.warnings) == set(other.warnings)
    if not chosen.group:
        assert newest_older(one, notion) == newest(other, older(other, notion))


_DLCO = shipped_study().notions["dlco_percent_predicted"]
_BY_NAME = [observation("19911-7", "25 %", "2026-07-01")]
_BY_PARTS = [
    observation("19911-7", "5 mL/min/mm[Hg]", "2026-07-01"),
    observation("19910-9", "20 mL/min/mm[Hg]", "2026-07-01"),
]


@pytest.mark.parametrize(
    ("notion", "newest_of"),
    [(replace(_DLCO, ratios=()), _BY_NAME), (replace(_DLCO, aliases=()), _BY_PARTS)],
    ids=["by the measured value's name", "by its parts"],
)
def test_what_is_had_in_one_other_way_alone_may_be_the_newest(notion: Notion, newest_of: list[Resource]) -> None:
    """A study may name only one of the ways in which the shipped one reads a DLCO in percent."""
    percentages = [observation("98130-8", "65 %", day) for day in ("2026-05-01", "2026-06-01")]
    ctx = Context(shipped_study(), chart_of(*percentages, *newest_of), date.fromisoformat(AS_OF))

    (chosen,) = selecting.select(ctx, notion).group
    assert (chosen.intervals[0].low, chosen.when.text) == (Fraction(25), "2026-07-01")


@st.composite
def _pressures(draw: st.DrawFn) -> list[Resource]:
    """Both values in one record, one of them, or each in a record of its own at one time; some not to be used."""
    value = st.sampled_from(["139 mm[Hg]", "75 mm[Hg]", "161 mm[Hg]", "> 150 mm[Hg]", "9000 mm[Hg]", "7 furlongs"])
    both = st.builds(
        lambda first, second, when, status: panel(_PANEL, {_FIRST: first, _SECOND: second}, when, status=status),
        value, value, _moments(), st.sampled_from(["final", "final", "amended", "preliminary"]),
    )  # fmt: skip
    one = st.builds(observation, st.sampled_from([_FIRST, _SECOND]), value, _moments())
    return draw(st.lists(both | both | one, max_size=8))


@given(_pressures())
def test_the_newest_pair_needs_no_look_at_far_older_ones(records: list[Resource]) -> None:
    """Looking no further back than it must, a pair has the same verdict, evidence and warnings."""
    study, as_of = shipped_study(), date.fromisoformat(AS_OF)
    (rule,) = (leaf.rule for leaf in plan(study).leaves.values() if isinstance(leaf.rule, Pair))
    one, other = (Context(study, chart_of(*records), as_of) for _ in range(2))

    found = pairing.pair(one, rule)
    with patch.object(pairing, "since_newest", lambda _: 0):
        whole = pairing.pair(other, rule)

    assert found == whole
    assert set(one.warnings) == set(other.warnings)
