"""Cards: what a clinician sees of each outcome, what is suggested, and when it is the same card again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from service.api.cds_models import Card
from service.cds.cards import card_id, short_title, write_card
from service.demo import charts
from service.eligibility.chart import Warning_
from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.fhir.read import located_in
from service.screening.ports import Pulled
from tests.builders import complete_chart, observation
from tests.cds_form import CARD, check
from tests.verdicts import verdict_on

GOLDEN = Path(__file__).parents[2] / "golden/cards"
ID = UUID("5f4b7c1e-6f0a-5b5e-9d55-0d3c1f1f5a10")
DAY = "2026-11-23"
OUTCOMES = {
    "1-candidate": "01-shown-in-full",
    "2-what-must-pass-is-shown": "05-one-result-missing",
    "3-something-points-that-way": "06-skin-score-too-old",
}


def screened(chart: dict[str, Any]) -> Screening:
    """Screen a chart on the sample charts' day."""
    return verdict_on(chart, DAY, ()).screening


def card_of(chart: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the card of a chart."""
    pulled = Pulled(list(located_in(chart)), **changes.pop("pulled", {}))
    result = screened(chart)._replace(**changes)
    worklist = "https://candor.hospital.example/worklist"
    return write_card(result, pulled, ID, worklist=worklist, server=None, language="en")


def named(result: Screening, *, patient: str = "Patient/1", caller: str = "ehr", user: str = "Practitioner/1") -> UUID:
    """Return the id of a result's card."""
    return card_id(result, patient, caller, user)


def suggested(card: dict[str, Any]) -> dict[str, Any]:
    """Return the resource that the card suggests to create."""
    [suggestion] = card["suggestions"]
    [action] = suggestion["actions"]
    assert action["type"] == "create"
    resource: dict[str, Any] = action["resource"]
    return resource


def with_study(**changes: Any) -> Study:
    """Return the shipped study with another record."""
    study = screened(complete_chart().bundle()).study
    return replace(study, record=replace(study.record, **changes))


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_card_is_as_reviewed(name: str) -> None:
    """The whole card of each outcome (golden file): look at the difference before you renew it."""
    assert card_of(charts()[OUTCOMES[name]]) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", OUTCOMES.values())
def test_a_card_has_the_specifications_form(name: str) -> None:
    """Every member is one that CDS Hooks names, and those that it requires are there; it is information alone."""
    card = card_of(charts()[name])

    check(CARD, card)
    TypeAdapter(Card).validate_python(card)
    assert card["indicator"] == "info"


def test_a_long_name_of_a_study_is_cut(candidate: dict[str, Any]) -> None:
    """A summary has fewer than 140 characters whatever the study is called, and ends with the counts."""
    summary = card_of(candidate, study=with_study(short_title={"en": "A very long title " * 20}))["summary"]

    assert 130 < len(summary) < 140
    assert "…): " in summary
    assert summary.endswith("open.")


def test_a_study_without_a_name_in_the_language_has_its_english_one() -> None:
    """Languages differ in what there is of a study."""
    assert short_title(with_study(short_title={"en": "Name"}), "fr") == "Name"
    assert short_title(with_study(short_title={"en": "Name", "fr": "Nom"}), "fr") == "Nom"


def test_a_suggestion_is_a_research_subject(candidate: dict[str, Any], fhir_schema: Callable[[Any], None]) -> None:
    """What a person adds has our identifier and the status `screening`, and names the study by its number."""
    subject = suggested(card_of(candidate))

    fhir_schema(subject)
    assert subject["status"] == "screening"
    assert subject["identifier"] == [
        {"system": "https://trial-screening.example/fhir/research-subject", "value": "NCT06722105.demo-01"}
    ]
    assert subject["study"]["identifier"] == {"system": "https://clinicaltrials.gov", "value": "NCT06722105"}


def test_a_study_that_the_server_has_is_referred_to() -> None:
    """Where the records hold the ResearchStudy, the suggestion refers to it."""
    study = {
        "resourceType": "ResearchStudy",
        "id": "s9",
        "identifier": [{"system": "urn:any", "value": "NCT06722105"}],
    }

    assert suggested(card_of(complete_chart().add(study).bundle()))["study"] == {"reference": "ResearchStudy/s9"}


SUBJECT = {"resourceType": "ResearchSubject", "id": "rs", "status": "withdrawn"}


def subject_of(study: Any) -> dict[str, Any]:
    """Return a chart of somebody with a ResearchSubject."""
    other = {"resourceType": "ResearchStudy", "id": "other", "identifier": [{"value": "NCT00000001"}]}
    ours = {"resourceType": "ResearchStudy", "id": "ours", "identifier": [{"value": "APHP211026"}]}
    individual = {"reference": "Patient/p1"}
    parts = complete_chart(id="p1").add(SUBJECT | {"study": study, "individual": individual}, other, ours)
    return parts.bundle()


@pytest.mark.parametrize(
    ("study", "free"),
    [
        ({"reference": "ResearchStudy/other"}, True),
        ({"identifier": {"value": "NCT00000001"}}, True),
        ({"reference": "ResearchStudy/ours"}, False),
        ({"identifier": {"value": "NCT06722105"}}, False),
        ({"reference": "ResearchStudy/not-among-the-records"}, False),
        (None, False),
    ],
)
def test_nobody_is_suggested_twice(study: Any, *, free: bool) -> None:
    """There is no suggestion where this study has a ResearchSubject, or where its study cannot be told."""
    card = card_of(subject_of(study))

    assert ("suggestions" in card) is free
    assert ("selectionBehavior" in card) is free


@pytest.mark.parametrize("pulled", [{"failed": frozenset({"ResearchSubject"})}, {"incomplete": True}])
def test_where_subjects_may_be_missing_none_is_suggested(candidate: dict[str, Any], pulled: dict[str, Any]) -> None:
    """Records that were withheld may hold a ResearchSubject."""
    assert "suggestions" not in card_of(candidate, pulled=pulled)


@pytest.mark.parametrize(("kind", "free"), [("Consent", False), ("Flag", False), ("Observation", True)])
def test_who_may_be_opposed_is_not_suggested(candidate: dict[str, Any], kind: str, *, free: bool) -> None:
    """Where an opposition to research may have been withheld, nobody is told to put the patient on the list."""
    card = card_of(candidate, warnings=(Warning_("records-incomplete", kind, ""),))

    assert ("suggestions" in card) is free


def test_text_of_a_chart_cannot_format_a_card() -> None:
    """A unit as a record gave it shows as it is: no HTML, no link, no further row."""
    said = "<b>kg</b> | [click](https://evil.example)\n| x | y |"
    bmi = observation("39156-5", None, "2026-10-15", valueQuantity={"value": Decimal("23.1"), "unit": said})
    detail = card_of(complete_chart().replace("bmi", bmi).bundle())["detail"]

    assert "&lt;b&gt;" in detail
    assert "<" not in detail
    assert r"\[click\]" in detail
    assert sum(line.startswith("|") for line in detail.splitlines()) == 2 + 24


def test_a_persons_status_and_unreadable_records_are_told(candidate: dict[str, Any]) -> None:
    """The card says which status a person has set, and that records could not be read."""
    unread = Warning_("record-unreadable", "Observation/1", "x")
    detail = card_of(candidate, person_status="screening", warnings=(unread,))["detail"]

    assert "A person has set the status on this study's list: screening." in detail
    assert "Records that could not be read as they should: 1." in detail


def test_the_card_stays_the_same_while_the_result_does() -> None:
    """The same clinician gets the same card on another day, by whichever hook."""
    result = screened(complete_chart().bundle())
    later = result._replace(as_of=result.as_of.replace(day=24))

    assert named(result) == named(later)


@pytest.mark.parametrize(
    "changed",
    [
        lambda result: named(result, user="Practitioner/2"),
        lambda result: named(result, caller="another-ehr"),
        lambda result: named(result, patient="Patient/2"),
        lambda result: named(result, patient="https://another.example/fhir/Patient/1"),
        lambda result: named(result._replace(priority=3)),
        lambda result: named(result._replace(criteria=result.criteria[1:])),
    ],
)
def test_another_clinician_patient_or_result_has_another_card(changed: Callable[[Screening], UUID]) -> None:
    """A dismissal of one hides no other."""
    result = screened(complete_chart().bundle())

    assert changed(result) != named(result)


@pytest.fixture(scope="module")
def candidate() -> dict[str, Any]:
    """Give a chart that shows everything."""
    return charts()["01-shown-in-full"]
