"""E3 and I5.b.1, pulmonary pressures: what shows that an echocardiography was done, and which notes go along."""

from typing import Any

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, concept, observation, procedure, resource, verdict

ECHO, LVEF_ECHO, LVEF_NO_METHOD, SPAP, MPAP = "40701008", "18043-0", "10230-1", "82341-9", "8414-5"
DAY, OLD = "2026-07-08", "2025-08-23"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
UNKNOWN_MODIFIER = [{"url": "https://forms.example/not", "valueBoolean": True}]


def pressures(*records: Resource) -> Leaf:
    """Return the leaf of E3 about pressures, of a chart whose heart is known by these records alone."""
    chart = complete_chart().drop("spap", "mpap", "lvef").add(*records)
    (leaf,) = [leaf for leaf in verdict(chart).leaves("E3") if leaf.op == "by-method"]
    return leaf


def text(code: str, when: str | None = DAY, **elements: Any) -> Resource:
    """Return a result in words."""
    return observation(code, None, when, **({"valueString": "good"} | elements))


def report(**elements: Any) -> Resource:
    """Return the report of an echocardiography."""
    stated = {"status": "final", "code": concept("42148-7"), "effectiveDateTime": DAY}
    return resource("DiagnosticReport", **(stated | elements))


def absent(code: str, why: str, when: str = DAY, **elements: Any) -> Resource:
    """Return a result that says why it has no value."""
    return observation(code, None, when, dataAbsentReason={"coding": [{"system": ABSENT, "code": why}]}, **elements)


EXAMINATIONS: dict[str, tuple[list[Resource], str]] = {
    "an examination": ([procedure(ECHO, DAY, id="a")], "needs-judgement"),
    "an examination that may not be one": ([procedure(ECHO, DAY, modifierExtension=UNKNOWN_MODIFIER)], "no-record"),
    "copies of an examination that differ": (
        [procedure(ECHO, DAY, id="a"), procedure(ECHO, "2026-07-09", id="a")], "no-record",
    ),
    "a preliminary report": ([report(status="preliminary")], "no-record"),
    "a fraction by echo, in words": ([text(LVEF_ECHO, id="a")], "needs-judgement"),
    "a fraction by echo, without a unit": ([observation(LVEF_ECHO, "60", DAY, id="a")], "needs-judgement"),
    "a fraction by no method, in words": ([text(LVEF_NO_METHOD)], "no-record"),
    "a fraction by echo, too long ago": ([text(LVEF_ECHO, OLD)], "no-record"),
    "a fraction by echo, undated": ([text(LVEF_ECHO, None)], "no-record"),
    "a fraction by echo, preliminary": ([text(LVEF_ECHO, status="preliminary")], "no-record"),
    "a fraction by echo that was not performed": ([absent(LVEF_ECHO, "not-performed")], "no-record"),
}  # fmt: skip


@pytest.mark.parametrize(("records", "reason"), EXAMINATIONS.values(), ids=EXAMINATIONS)
def test_what_shows_that_there_was_an_echo(records: list[Resource], reason: str) -> None:
    """A record of one that was done inside the window; then a person judges, and sees the record."""
    leaf = pressures(*records)

    assert (leaf.truth.value, leaf.reason) == ("unknown", reason)
    if reason == "needs-judgement":
        assert [source.rpartition("/")[2] for source in leaf.sources] == ["a"]


def test_of_two_pressures_that_could_not_be_had_the_newer_gives_the_reason() -> None:
    """Marked as not measurable it is for a person; without such a mark it has to be repeated."""
    catheter, echo = absent(MPAP, "not-performed", "2026-07-07", id="m"), text(SPAP, id="s")
    later = absent(MPAP, "not-performed", "2026-07-09", id="m")

    assert (pressures(catheter, echo).reason, pressures(catheter, echo).sources) == (
        "no-usable-value", ("Observation/s",),
    )  # fmt: skip
    assert (pressures(later, echo).reason, pressures(later, echo).sources) == (
        "needs-judgement", ("Observation/m",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("catheter", "echo", "truth", "reason"),
    [("18", "50", "false", None), ("40", "30", "false", None), ("> 30", "50", "unknown", "value-not-decisive"),
     ("18", "> 45", "unknown", "value-not-decisive"), ("40", "55", "unknown", "needs-judgement")],
)  # fmt: skip
def test_a_value_in_the_gap_is_said_to_be_there(catheter: str, echo: str, truth: str, reason: str | None) -> None:
    """Exactly 40 by catheter or 50 by echo is over no limit; the note stands beside whatever the other decides."""
    leaf = pressures(observation(MPAP, f"{catheter} mm[Hg]", DAY), observation(SPAP, f"{echo} mm[Hg]", DAY))

    assert (leaf.truth.value, leaf.reason) == (truth, reason)
    assert ("protocol-gap" in leaf.notes) is (catheter == "40" or echo == "50")
    assert ("catheter-disagrees" in leaf.notes) is (reason == "needs-judgement")


def test_the_leaf_names_the_method_that_answers() -> None:
    """The catheter where it decides, the echo where it is alone; without either, what is asked first."""
    catheter, echo = observation(MPAP, "18 mm[Hg]", DAY), observation(SPAP, "30 mm[Hg]", DAY)

    assert [pressures(*records).notion for records in ([catheter, echo], [catheter], [echo], [])] == [
        "mpap_rhc", "mpap_rhc", "pasp_echo", "pasp_echo",
    ]  # fmt: skip
