"""Values behind the newest one, beside others: which is inside its window, which is shown, what is warned of."""

from itertools import permutations
from typing import Any

import pytest

from tests.builders import Resource, complete_chart, observation, verdict
from tests.verdicts import Verdict


def counts(*platelets: Resource) -> Verdict:
    """Screen the sample chart with these platelet counts instead of its own."""
    return verdict(complete_chart().drop("platelets").add(*platelets))


def count(when: str | None, id_: str, value: str = "250 10*9/L", **elements: Any) -> Resource:
    """Return a platelet count."""
    return observation("777-3", value, when, id=id_, **elements)


def test_exactly_the_window_is_inside_beside_older_values() -> None:
    """A low count of 180 days decides, whatever is older."""
    got = counts(count("2026-05-27", "a", "49 10*9/L"), count("2026-05-26", "b"), count("2025-05-27", "c"))

    assert got.truth("E11") == "true"


@pytest.mark.parametrize("names", list(permutations("abc")), ids="".join)
def test_the_newest_of_old_values_is_shown(names: tuple[str, ...]) -> None:
    """Whatever the records are called."""
    newest, middle, oldest = names
    got = counts(count("2025-06-01", newest), count("2024-06-01", middle), count("2023-06-01", oldest))
    leaf = got.leaf("E11", "platelets")

    assert (leaf.reason, leaf.effective, leaf.sources) == ("too-old", "2025-06-01", (f"Observation/{newest}",))


def test_a_value_without_a_date_is_not_old() -> None:
    """Its day is what is missing."""
    assert counts(count("2024-06-01", "a"), count(None, "b")).leaf("E11", "platelets").reason == "date-not-decisive"


def test_an_old_value_by_another_method_hides_no_older_one() -> None:
    """The ejection fraction by echo is too old, which is more than that there is none."""
    echo, mri = observation("18043-0", "60 %", "2024-05-01"), observation("8811-2", "60 %", "2025-01-01")

    assert verdict(complete_chart().drop("lvef").add(echo, mri)).leaf("E3", "lvef").reason == "too-old"


def test_an_unknown_unit_of_an_old_value_is_warned_of() -> None:
    """Also behind an old value whose unit is known, where neither has a code."""
    known, unknown = ({"value": 250, "unit": unit} for unit in ("10*9/L", "furlongs"))
    got = counts(
        count("2026-11-02", "a"),
        count("2024-06-01", "b", valueQuantity=known),
        count("2023-06-01", "c", valueQuantity=unknown),
    )

    assert [(one.code, one.source) for one in got.screening.warnings] == [("unit-unknown", "Observation/c")]
