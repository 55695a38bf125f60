"""E13: another interventional trial, by status of the subject, kind and status of the study, and end of the period."""

from typing import Any

import pytest

from tests.builders import Resource, complete_chart, concept, condition, resource, verdict
from tests.verdicts import Verdict

PHASE = "http://terminology.hl7.org/CodeSystem/research-study-phase"
OTHER = {"reference": "ResearchStudy/other"}


def study(**elements: Any) -> Resource:
    """Return another study; by default active, and nothing says what it is."""
    return resource("ResearchStudy", **({"id": "other", "status": "active", "title": "Another"} | elements))


def subject(status: str = "on-study", **elements: Any) -> Resource:
    """Return the patient's part in that study."""
    return resource("ResearchSubject", **({"id": "part", "status": status, "study": OTHER} | elements))


def asked(*records: Resource) -> Verdict:
    """Screen the sample chart with these records."""
    return verdict(complete_chart().add(*records))


def category(text: str | None = None, code: str | None = None, display: str | None = None) -> list[Any]:
    """Return a study's category by text or by a coding."""
    coding = {"system": "http://example.org/category", "code": code, "display": display}
    return [{"text": text} if text else {"coding": [{key: value for key, value in coding.items() if value}]}]


INTERVENTIONAL = {
    "interventional, by text": {"category": category("Interventional")},
    "interventionnelle, by text": {"category": category("Recherche interventionnelle")},
    "interventional, by code": {"category": category(code="interventional")},
    "interventional, by display": {"category": category(code="I", display="Interventional study")},
    "RIPH 1": {"category": category("RIPH 1")},
    "RIPH 2": {"category": category("RIPH2")},
    "RIPH 1, in French": {"category": category("RIPH catégorie 1")},
    "a phase": {"phase": concept(f"{PHASE}|phase-2")},
    "an arm": {"arm": [{"name": "Experimental"}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", INTERVENTIONAL.values(), ids=INTERVENTIONAL)
@pytest.mark.parametrize("status", ["on-study", "on-study-intervention"])
def test_taking_part_in_an_interventional_study_excludes(status: str, kind: dict[str, Any]) -> None:
    """On study now, whatever says that the study is interventional; recoverable."""
    got = asked(study(**kind), subject(status))

    assert (got.truth("E13"), got.recoverable) == ("true", True), got.show("E13")
    assert "ResearchSubject/part" in got.sources("E13")


OBSERVATIONAL = {
    "observational": {"category": category("Observational")},
    "non-interventional": {"category": category("Non-interventional")},
    "RIPH 3": {"category": category("RIPH 3")},
}
UNKNOWN_KIND = {
    "nothing said": {},
    "no phase": {"phase": concept(f"{PHASE}|n-a")},
}


@pytest.mark.parametrize("kind", OBSERVATIONAL.values(), ids=OBSERVATIONAL)
@pytest.mark.parametrize("status", ["on-study", "on-study-intervention", "screening"])
def test_only_observational_studies_leave_it_to_confirm(status: str, kind: dict[str, Any]) -> None:
    """Others may not be on record."""
    got = asked(study(**kind), subject(status))

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "no-record")


@pytest.mark.parametrize("kind", UNKNOWN_KIND.values(), ids=UNKNOWN_KIND)
def test_a_study_of_unknown_kind_is_judged(kind: dict[str, Any]) -> None:
    """It may be interventional."""
    got = asked(study(**kind), subject())

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "needs-judgement")


def test_a_study_that_is_not_in_the_chart_is_judged() -> None:
    """Its kind is not known."""
    got = asked(subject())

    assert (got.open("E13"), got.reason("E13")) == ("to-confirm", "needs-judgement")


STATUSES = {
    "on-study-observation": ("needs-judgement", False),
    "follow-up": ("needs-judgement", False),
    "screening": ("needs-judgement", True),
    "eligible": ("needs-judgement", True),
    "pending-on-study": ("needs-judgement", True),
    "candidate": ("no-record", False),
    "potential-candidate": ("no-record", False),
    "ineligible": ("no-record", False),
    "not-registered": ("no-record", False),
    "off-study": ("no-record", False),
    "withdrawn": ("no-record", False),
}


@pytest.mark.parametrize(
    ("status", "reason", "flagged"), [(s, *wanted) for s, wanted in STATUSES.items()], ids=STATUSES
)
@pytest.mark.parametrize("kind", [{"category": category("Interventional")}, {}], ids=["interventional", "unknown"])
def test_other_statuses_never_exclude(status: str, reason: str, flagged: bool, kind: dict[str, Any]) -> None:
    """Under observation or followed up is judged, on the way in is judged and flagged, the rest is nothing."""
    got = asked(study(**kind), subject(status))

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", reason)
    assert ("flagged" in got.notes("E13")) is flagged


@pytest.mark.parametrize("status", ["completed", "withdrawn", "administratively-completed", "terminated"])
def test_a_study_that_is_over_is_judged(status: str) -> None:
    """The subject's status may have been forgotten."""
    got = asked(study(status=status, category=category("Interventional")), subject())

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "needs-judgement")


@pytest.mark.parametrize("status", ["active", "closed-to-accrual", "temporarily-closed-to-accrual", "approved"])
def test_a_study_that_is_not_over_excludes(status: str) -> None:
    """Closed to accrual is not over."""
    assert asked(study(status=status, category=category("Interventional")), subject()).truth("E13") == "true"


@pytest.mark.parametrize(
    ("period", "truth"),
    [
        ({"start": "2026-01-01"}, "true"),
        ({"start": "2026-01-01", "end": "2026-11-23"}, "true"),
        ({"start": "2026-11-23"}, "true"),
        ({"start": "2026-01-01", "end": "2027-01-01"}, "true"),
        ({"start": "2026-01-01", "end": "2026-11-22"}, "unknown"),
        ({"end": "2025"}, "unknown"),
    ],
)
def test_a_period_that_ended_before_the_day_does_not_count(period: dict[str, str], truth: str) -> None:
    """Ended on the day itself is not before it."""
    got = asked(study(category=category("Interventional")), subject(period=period))

    assert got.truth("E13") == truth
    if truth == "unknown":
        assert (got.open("E13"), got.reason("E13")) == ("to-confirm", "no-record")


def test_a_period_that_may_have_ended_is_judged() -> None:
    """It ended in the month of the screening: before that day or after it."""
    got = asked(study(category=category("Interventional")), subject(period={"start": "2026-01-01", "end": "2026-11"}))

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "needs-judgement")


def test_a_period_that_begins_after_the_day_does_not_count_yet() -> None:
    """Dated after the screening, it is as if it were not there."""
    got = asked(study(category=category("Interventional")), subject(period={"start": "2026-12-01"}))

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "no-record")


def test_one_trial_excludes_whatever_else_is_there() -> None:
    """An observational study or one that is over does not hide it."""
    over = study(id="over", status="completed", category=category("Interventional"))
    got = asked(
        study(category=category("Interventional")),
        subject(),
        over,
        resource("ResearchSubject", status="on-study", study={"reference": "ResearchStudy/over"}),
    )

    assert got.truth("E13") == "true"


def test_this_study_is_not_another() -> None:
    """By its NCT number or the sponsor's, in any system."""
    for system, value in (("https://clinicaltrials.gov", "NCT06722105"), ("urn:x", "APHP211026")):
        this = study(identifier=[{"system": system, "value": value}], category=category("Interventional"))

        assert asked(this, subject()).reason("E13") == "no-record"


def test_a_subject_entered_in_error_is_no_subject() -> None:
    """Nothing is known about other trials."""
    assert asked(study(category=category("Interventional")), subject("entered-in-error")).reason("E13") == "no-record"


def test_a_code_of_a_trial_participant_is_judged_and_an_examination_is_nothing() -> None:
    """Under review in SNOMED CT; Z00.6 is a hint."""
    got = asked(condition("428024001", "2026-01-01"))

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "needs-judgement")
    assert asked(condition("Z00.6", "2026-01-01")).reason("E13") == "no-record"


def test_nothing_on_record_is_to_confirm() -> None:
    """Absence of a record is not a record of absence."""
    got = asked()

    assert (got.truth("E13"), got.open("E13"), got.reason("E13")) == ("unknown", "to-confirm", "no-record")


def test_every_part_that_leads_to_the_answer_is_shown() -> None:
    """Its status as it stands in the record, once each; parts that lead to another answer are not among them."""
    trial = study(category=category("Interventional"))
    got = asked(trial, subject("on-study", id="b"), subject("on-study", id="a"), subject("follow-up", id="c"))
    (leaf,) = got.leaves("E13")

    assert leaf.value == ("on-study", "", "on-study")
    assert (leaf.reason, leaf.sources, leaf.notes) == (None, ("ResearchSubject/a", "ResearchSubject/b"), ())


def test_parts_for_a_person_are_shown_together() -> None:
    """Followed up in one, on the way into another: both statuses, flagged once."""
    got = asked(study(), subject("screening", id="b"), subject("follow-up", id="a"))
    (leaf,) = got.leaves("E13")

    assert leaf.value == ("follow-up, screening", "", "follow-up, screening")
    assert (leaf.reason, leaf.sources) == ("needs-judgement", ("ResearchSubject/a", "ResearchSubject/b"))
    assert leaf.notes == ("flagged",)


def test_a_code_of_a_trial_participant_is_shown() -> None:
    """With its day and its record; one that is over is none."""
    (leaf,) = asked(condition("428024001", "2026-01-01", id="code")).leaves("E13")

    assert leaf.value == ("428024001", "", "428024001")
    assert (leaf.effective, leaf.sources, leaf.notes) == ("2026-01-01", ("Condition/code",), ())
    assert asked(condition("428024001", "2026-01-01", clinical="resolved")).reason("E13") == "no-record"


def test_copies_of_a_part_that_cannot_be_ordered_disagree() -> None:
    """On study or off it: nobody can tell."""
    trial = study(category=category("Interventional"))

    for copies in (("on-study", "off-study"), ("off-study", "on-study")):
        got = asked(trial, *(subject(status) for status in copies))
        assert (got.truth("E13"), got.reason("E13"), got.notes("E13")) == ("unknown", "records-disagree", set())
