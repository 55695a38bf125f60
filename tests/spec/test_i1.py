"""I1, informed consent: whose word it is, which study it names, and what the newest one says."""

from typing import Any

import pytest

from tests.builders import Resource, SampleChart, complete_chart, concept, resource, verdict
from tests.expectations import differences

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
NCT = {"system": "https://clinicaltrials.gov", "value": "NCT06722105"}
SPONSOR = {"system": "https://trial-screening.example/fhir/sponsor-study", "value": "APHP211026"}
THIS = resource("ResearchStudy", id="this", status="approved", identifier=[NCT])
OTHER = resource("ResearchStudy", id="other", status="approved", identifier=[NCT | {"value": "NCT00000001"}])
BY_REFERENCE = [{"meaning": "instance", "reference": {"reference": "ResearchStudy/this"}}]
OTHER_STUDY = [{"meaning": "instance", "reference": {"reference": "ResearchStudy/other"}}]


def consent(
    kind: str | None = "permit", when: str | None = "2026-09-01", *, status: str = "active",
    scope: str = "research", data: list[Resource] | None = BY_REFERENCE, **elements: Any,
) -> Resource:  # fmt: skip
    """Return a Consent that permits or denies, and names this study unless ``data`` says otherwise."""
    provided = {"type": kind, "data": data}
    provided = {name: element for name, element in provided.items() if element is not None}
    defaults = {"scope": concept(f"{SCOPE}|{scope}"), "dateTime": when, "provision": provided}
    return resource("Consent", status=status, **(defaults | elements))


def unnamed(kind: str = "permit", when: str | None = "2026-09-01", **elements: Any) -> Resource:
    """Return a Consent that names no study in its provision."""
    return consent(kind, when, data=None, **elements)


OPT_IN = {"type": "deny", "provision": [{"type": "permit", "data": BY_REFERENCE}]}

CONSENTS = {
    "no consent": ([], "to-confirm no-record"),
    "active and permitting, named by reference": ([consent()], "true"),
    "named by the identifier in a reference": (
        [consent(data=[{"meaning": "instance", "reference": {"identifier": NCT}}])],
        "true",
    ),
    "named by the sponsor's identifier in a reference": (
        [consent(data=[{"meaning": "instance", "reference": {"identifier": SPONSOR}}])],
        "true",
    ),
    "named by its source": ([unnamed(sourceReference={"identifier": NCT})], "true"),
    "named by its own identifier": ([unnamed(identifier=[NCT])], "true"),
    "named by a policy with the registry's identifier": (
        [unnamed(policy=[{"uri": "https://clinicaltrials.gov/study/NCT06722105"}])],
        "true",
    ),
    "named by a policy with the sponsor's identifier": (
        [unnamed(policy=[{"uri": "https://sponsor.example/APHP211026/consent.pdf"}])],
        "true",
    ),
    "a policy of another study": (
        [unnamed(policy=[{"uri": "https://clinicaltrials.gov/study/NCT00000001"}])],
        "to-confirm no-record",
    ),
    "another study": ([consent(data=OTHER_STUDY)], "to-confirm no-record"),
    "another study, rejected": ([consent(data=OTHER_STUDY, status="rejected")], "to-confirm no-record"),
    "another study, denied": ([consent("deny", data=OTHER_STUDY)], "to-confirm no-record"),
    "no study named": ([unnamed()], "to-confirm no-record"),
    "another scope": ([consent(scope="treatment")], "to-confirm no-record"),
    "rejected": ([consent(status="rejected")], "false"),
    "active and denying": ([consent("deny")], "false"),
    "inactive": ([consent(status="inactive")], "to-confirm needs-judgement"),
    "draft": ([consent(status="draft")], "to-confirm needs-judgement"),
    "proposed": ([consent(status="proposed")], "to-confirm needs-judgement"),
    "entered in error": ([consent(status="entered-in-error")], "to-confirm no-record"),
    "rejected in error": ([consent(status="entered-in-error"), consent(when="2025-01-01")], "true"),
    "another patient's": ([consent(patient={"reference": "Patient/another"})], "to-confirm no-record"),
    "given after the screening": ([consent(when="2026-11-24")], "to-confirm no-record"),
    "rejected after the screening": ([consent(), consent(when="2026-11-24", status="rejected")], "true"),
    "given on the day": ([consent(when="2026-11-23T17:00:00+01:00")], "true"),
    "newest inactive brings no older one back": (
        [consent(when="2026-01-01"), consent(when="2026-05-01", status="inactive")],
        "to-confirm needs-judgement",
    ),
    "newest proposed brings no older one back": (
        [consent(when="2026-01-01"), consent(when="2026-05-01", status="proposed")],
        "to-confirm needs-judgement",
    ),
    "newest rejected": ([consent(when="2026-01-01"), consent(when="2026-05-01", status="rejected")], "false"),
    "newest permitting": ([consent(when="2026-01-01", status="rejected"), consent(when="2026-05-01")], "true"),
    "newest permitting after an inactive one": (
        [consent(when="2026-01-01", status="inactive"), consent(when="2026-05-01")],
        "true",
    ),
    "two of one time that differ": ([consent(), consent("deny")], "unknown records-disagree"),
    "a later hour of the same day": (
        [consent(when="2026-09-01T08:00:00Z", status="rejected"), consent(when="2026-09-01T09:00:00Z")],
        "true",
    ),
    "a later instant of an earlier day as written": (
        [consent(when="2026-03-01T00:30:00+02:00"), consent("deny", "2026-02-28T23:30:00Z")],
        "false",
    ),
    "one instant of two days as written": (
        [consent(when="2026-03-01T01:30:00+02:00"), consent("deny", "2026-02-28T23:30:00Z")],
        "to-confirm records-disagree",
    ),
    "copies of one consent that differ": (
        [consent(id="one"), consent("deny", id="one")],
        "to-confirm records-disagree",
    ),
    "denied for this study, named by a policy only": (
        [unnamed("deny", policy=[{"uri": "https://clinicaltrials.gov/study/NCT06722105"}])],
        "false",
    ),
    "a year that may hold the day of another": (
        [consent(when="2026"), consent(when="2026-05-01", status="rejected")],
        "to-confirm records-disagree",
    ),
    "entered in error, however it is written": ([consent(status="Entered-in-error ")], "to-confirm no-record"),
    "two of one time that agree": ([consent(), consent()], "true"),
    "a newer one for another study changes nothing": (
        [consent(when="2026-01-01"), consent("deny", when="2026-05-01", data=OTHER_STUDY)],
        "true",
    ),
    "opt-in that names no study is neither opposition nor consent": (
        [unnamed(provision={"type": "deny", "provision": [{"type": "permit"}]})],
        "to-confirm no-record",
    ),
    "opt-in beside a consent to the study": (
        [unnamed(provision={"type": "deny", "provision": [{"type": "permit"}]}), consent(when="2025-01-01")],
        "true",
    ),
}


def chart_with(consents: list[Resource]) -> SampleChart:
    """Return the complete chart with two studies and these consents."""
    return complete_chart().add(THIS, OTHER, *consents)


@pytest.mark.parametrize(("consents", "expected"), CONSENTS.values(), ids=CONSENTS)
def test_the_newest_consent_that_names_the_study_decides(consents: list[Resource], expected: str) -> None:
    """Permitting is true, refusing false, anything else a person's; other studies and scopes say nothing."""
    assert differences(verdict(chart_with(consents)), {"I1": expected}) == []


@pytest.mark.parametrize("refusal", [consent("deny"), consent(status="rejected")], ids=["denied", "rejected"])
def test_a_refused_consent_is_not_waited_for(refusal: Resource) -> None:
    """A refusal makes the patient ineligible, and no day is named to look again."""
    expected = {"I1": "false", "status": "ineligible", "recoverable": False, "rescreen_after": None}

    assert differences(verdict(chart_with([refusal])), expected) == []


OPPOSITIONS = {
    "denied": ([unnamed("deny")], "not-permitted"),
    "denied after a permit": ([unnamed(when="2025-01-01"), unnamed("deny")], "not-permitted"),
    "permitted after a denial": ([unnamed("deny", "2025-01-01"), unnamed()], None),
    "denied outside, permitted inside": (
        [unnamed(provision={"type": "deny", "provision": [{"type": "permit"}]})],
        None,
    ),
    "denied, no longer active": ([unnamed("deny", status="inactive")], None),
    "denied in error": ([unnamed("deny", status="entered-in-error")], None),
    "denied for treatment": ([unnamed("deny", scope="treatment")], None),
    "denied on the day": ([unnamed("deny", "2026-11-23")], "not-permitted"),
    "denied after the screening": ([unnamed("deny", "2026-11-24")], None),
    "denied for this study only": ([consent("deny")], None),
    "denied for another study only": ([consent("deny", data=OTHER_STUDY)], None),
    "denied at a later instant of an earlier day as written": (
        [unnamed(when="2026-03-01T00:30:00+02:00"), unnamed("deny", "2026-02-28T23:30:00Z")],
        "not-permitted",
    ),
    "permitted at a later instant of an earlier day as written": (
        [unnamed("deny", "2026-03-01T00:30:00+02:00"), unnamed(when="2026-02-28T23:30:00Z")],
        None,
    ),
    "denied for another study only, named by a policy": (
        [unnamed("deny", policy=[{"uri": "https://clinicaltrials.gov/study/NCT00000001"}])],
        None,
    ),
    "denied, then permitted for this study by a policy": (
        [unnamed("deny"), unnamed(when="2026-10-01", policy=[{"uri": "https://clinicaltrials.gov/study/NCT06722105"}])],
        "not-permitted",
    ),
    "denied under a policy of the hospital": (
        [unnamed("deny", policy=[{"uri": "https://hospital.example/research-policy"}])],
        "not-permitted",
    ),
    "denied for another study, by the address of its registry": (
        [unnamed("deny", policy=[{"uri": "https://clinicaltrials.gov/study/NCT00000001"}])],
        None,
    ),
    "denied, beside a permit for this study": ([unnamed("deny"), consent(when="2026-10-01")], "not-permitted"),
}


@pytest.mark.parametrize(("consents", "error"), OPPOSITIONS.values(), ids=OPPOSITIONS)
def test_who_opposes_research_is_not_screened(consents: list[Resource], error: str | None) -> None:
    """The newest research consent that names no study, active and denying without a permit inside, forbids it."""
    assert verdict(chart_with(consents)).error == error


def shown(*consents: Resource) -> tuple[object, ...]:
    """Return what the leaf about these consents shows: reason, value, day, sources."""
    (leaf,) = verdict(chart_with(list(consents))).leaves("I1")
    return leaf.reason, leaf.value, leaf.effective, leaf.sources


def test_a_consent_is_shown_by_its_status() -> None:
    """With its day and every record of that day; where two differ, neither status is shown."""
    first, second = consent(id="first"), consent(id="second")

    both = ("Consent/first", "Consent/second")

    assert shown(first, second) == (None, ("active", "", "active"), "2026-09-01", both)
    assert shown(consent(id="one", when=None)) == (None, ("active", "", "active"), None, ("Consent/one",))
    assert shown(first, consent("deny", id="second")) == ("records-disagree", None, "2026-09-01", both)
    assert shown() == ("no-record", None, None, ())


def test_a_consent_without_a_date_does_not_stand_beside_a_dated_one() -> None:
    """Nobody knows whether it is newer; alone it counts."""
    assert verdict(chart_with([consent(), consent("deny", None)])).truth("I1") == "true"
    assert verdict(chart_with([consent("deny", None)])).truth("I1") == "false"


def test_an_opt_in_form_for_this_study_is_read_by_a_person() -> None:
    """It denies outside and permits inside: what, a person has to see."""
    for form in (unnamed(provision=OPT_IN), unnamed(provision=OPT_IN, identifier=[NCT])):
        assert differences(verdict(chart_with([form])), {"I1": "to-confirm needs-judgement"}) == []


def test_a_consent_that_cannot_be_read_may_be_the_one() -> None:
    """No usable value, and the note says so."""
    unknown = [{"url": "https://forms.example/not", "valueBoolean": True}]
    (leaf,) = verdict(chart_with([consent(modifierExtension=unknown)])).leaves("I1")

    assert (leaf.truth.value, leaf.reason, leaf.notes) == ("unknown", "no-usable-value", ("record-unreadable",))
