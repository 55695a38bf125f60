"""Records that say nothing: which of several is shown, for which reason, and when a note tells of it."""

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, observation, verdict

TEXT: Resource = {"valueQuantity": None, "valueString": "few"}


def count(id_: str, value: str | None = None, when: str | None = "2026-11-10", **elements: object) -> Resource:
    """Return a platelet count; without a value it is text."""
    return observation("777-3", value, when, id=id_, **({} if value else TEXT), **elements)


def shown(*records: Resource) -> Leaf:
    """Return the leaf about platelets, of a chart with these records and no other count."""
    return verdict(complete_chart().drop("platelets").add(*records)).leaf("E11", "platelets")


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (count("a", "20"), count("b", None, "2026-11-09")),
        (count("a", "20", "2026-11-10T09:00:00+01:00"), count("b", None, "2026-11-10T08:30:00+01:00")),
        (count("a", "20", "2026-11-10T08:30:00Z"), count("b", None, "2026-11-10T09:00:00+01:00")),
        (count("a", "20"), count("b", None, None)),
        (count("a", "20"), count("b", "30 10*9/L", "2026-11-12", status="preliminary")),
    ],
    ids=["days", "hours", "offsets", "undated", "preliminary"],
)
def test_of_several_the_newest_that_counts_gives_the_reason(newer: Resource, older: Resource) -> None:
    """Its reason, its value as received, its day and its record, whatever stands first."""
    day = newer["effectiveDateTime"]

    for records in ((newer, older), (older, newer)):
        leaf = shown(*records)
        assert (leaf.reason, leaf.value) == ("unit-not-comparable", ("", "", "20"))
        assert (leaf.effective, leaf.sources) == (day, ("Observation/a",))


def test_only_preliminary_results_are_no_usable_value() -> None:
    """The newest of them is shown: the result may come."""
    leaf = shown(
        count("first", "20 10*9/L", "2026-11-10", status="preliminary"),
        count("second", "30 10*9/L", "2026-11-12", status="registered"),
    )

    assert (leaf.reason, leaf.sources) == ("no-usable-value", ("Observation/second",))


def test_a_record_without_a_date_is_not_newer() -> None:
    """Nobody knows when it was: it is worth no note beside a value that is used."""
    leaf = shown(count("text", None, None), count("used", "250 10*9/L"))

    assert (leaf.truth.value, leaf.sources, leaf.notes) == ("false", ("Observation/used",), ())


def test_a_broken_record_is_said_to_be_unreadable() -> None:
    """A number that is none: no usable value, and the note says why."""
    broken = count("broken", "20 10*9/L")
    broken["valueQuantity"]["value"] = "twenty"
    leaf = shown(broken)

    assert (leaf.reason, leaf.notes, leaf.sources) == (
        "no-usable-value", ("record-unreadable",), ("Observation/broken",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({}, "needs-judgement"),
        ({"status": "preliminary"}, "no-usable-value"),
        ({"effectiveDateTime": None}, "no-usable-value"),
    ],
    ids=["dated and final", "preliminary", "undated"],
)
def test_what_could_not_be_had_is_for_a_person_where_the_record_counts(elements: Resource, reason: str) -> None:
    """A DLCO that was not performed; of a preliminary record, or one of no day, nobody can say that yet."""
    system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    why = {"coding": [{"system": system, "code": "not-performed"}]}
    marked = observation("98130-8", None, "2026-11-10", dataAbsentReason=why) | elements
    words = observation("98130-8", None, "2026-11-01", valueString="see report")
    chart = complete_chart().drop("dlco")

    for records in ([marked], [marked, words]):
        leaf = verdict(chart.add(*records)).leaf("E3", "dlco_percent_predicted")
        assert (leaf.truth.value, leaf.reason) == ("unknown", reason)
