"""I10, health insurance: an active Coverage whose period includes the day of the screening."""

from typing import Any

import pytest

from tests.builders import Resource, complete_chart, resource, verdict
from tests.expectations import differences


def coverage(status: str = "active", *, start: str | None = None, end: str | None = None, **elements: Any) -> Resource:
    """Return a Coverage of that status and period."""
    period = {name: day for name, day in (("start", start), ("end", end)) if day}
    return resource("Coverage", status=status, period=period or None, **elements)


COVERAGES = {
    "none": ([], "to-confirm no-record"),
    "active, no period": ([coverage()], "true"),
    "active, running": ([coverage(start="2020-01-01", end="2027-12-31")], "true"),
    "active, no end": ([coverage(start="2020-01-01")], "true"),
    "active, no start": ([coverage(end="2027-01-01")], "true"),
    "active, ends that day": ([coverage(start="2020-01-01", end="2026-11-23")], "true"),
    "active, ended the day before": ([coverage(start="2020-01-01", end="2026-11-22")], "to-confirm no-record"),
    "active, begins that day": ([coverage(start="2026-11-23")], "true"),
    "active, begins the day after": ([coverage(start="2026-11-24")], "to-confirm no-record"),
    "active, ended the month before": ([coverage(start="2020", end="2026-10")], "to-confirm no-record"),
    "active, begins the month after": ([coverage(start="2026-12")], "to-confirm no-record"),
    "active, years around": ([coverage(start="2025", end="2027")], "true"),
    "active, ends in the year of that day": ([coverage(end="2026")], "to-confirm date-not-decisive"),
    "copies without a period and ended": (
        [coverage(id="one"), coverage(id="one", end="2020-01-01")],
        "to-confirm records-disagree",
    ),
    "cancelled": ([coverage("cancelled")], "to-confirm no-record"),
    "draft": ([coverage("draft")], "to-confirm no-record"),
    "entered in error": ([coverage("entered-in-error")], "to-confirm no-record"),
    "one ended, one running": ([coverage(end="2020-01-01"), coverage(start="2020-01-02")], "true"),
    "one cancelled, one running": ([coverage("cancelled"), coverage()], "true"),
    "another person's": ([coverage(beneficiary={"reference": "Patient/another"})], "to-confirm no-record"),
}


@pytest.mark.parametrize(("coverages", "expected"), COVERAGES.values(), ids=COVERAGES)
def test_an_active_cover_of_that_day_counts(coverages: list[Resource], expected: str) -> None:
    """Its absence proves nothing: it is to confirm, and the patient stays a candidate."""
    got = verdict(complete_chart().add(*coverages))

    assert differences(got, {"I10": expected, "status": "candidate"}) == []


def shown(*coverages: Resource) -> tuple[object, ...]:
    """Return what the leaf about these covers shows: reason, sources, notes."""
    (leaf,) = verdict(complete_chart().add(*coverages)).leaves("I10")
    return leaf.reason, leaf.sources, leaf.notes


def test_the_covers_that_lead_to_the_answer_are_shown() -> None:
    """Those in force where there are any; else copies that cannot be ordered; else periods that leave it open."""
    running, other = coverage(id="running"), coverage(id="other", end="2027")
    may_have_ended, may_begin = coverage(id="open", end="2026-11"), coverage(id="begin", start="2026-11")
    copies = coverage(id="copy"), coverage("cancelled", id="copy")

    assert shown(running, other, may_begin, *copies) == (None, ("Coverage/other", "Coverage/running"), ())
    assert shown(may_begin, *copies) == ("records-disagree", ("Coverage/copy",), ())
    assert shown(may_begin, may_have_ended) == ("date-not-decisive", ("Coverage/begin", "Coverage/open"), ())


@pytest.mark.parametrize("kind", ["Coverage", "ResearchSubject"])
def test_a_declaration_that_cannot_be_read_may_be_the_one(kind: str) -> None:
    """No usable value, and the note says so: an insurance, a part in another trial."""
    unknown = [{"url": "https://forms.example/not", "valueBoolean": True}]
    broken = resource(kind, status="active", modifierExtension=unknown)
    (leaf,) = verdict(complete_chart().add(broken)).leaves({"Coverage": "I10", "ResearchSubject": "E13"}[kind])

    assert (leaf.truth.value, leaf.reason, leaf.notes) == ("unknown", "no-usable-value", ("record-unreadable",))
