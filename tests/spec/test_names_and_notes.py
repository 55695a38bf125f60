"""What a finding is called by, and in which order its notes stand."""

import pytest

from tests.builders import complete_chart, observation, verdict


@pytest.mark.parametrize(("part", "notion"), [("E4.asat", "ast"), ("E4.alat", "alt"), ("E9", "bmi")])
def test_a_leaf_bears_the_id_of_its_rule(part: str, notion: str) -> None:
    """By it a caller finds the leaf again."""
    finding = verdict(complete_chart()).finding(part)

    assert (finding.id, getattr(finding, "notion", None)) == (part, notion)


def test_flagged_stands_first() -> None:
    """Before the note on a newer record that says nothing, which is found earlier."""
    newer = observation("1920-8", None, "2026-11-10", valueString="haemolysed")
    leaf = verdict(complete_chart().value("ast", "121 U/L").add(newer)).leaf("E4.asat", "ast")

    assert (leaf.truth.value, leaf.notes) == ("true", ("flagged", "newer-unusable"))


def test_other_notes_stand_in_one_order() -> None:
    """That of the contract: a value in the gap of the protocol, then that no catheter confirms it."""
    chart = complete_chart().drop("mpap").value("spap", "50 mm[Hg]")

    assert verdict(chart).leaves("E3")[2].notes == ("protocol-gap", "no-catheter")
