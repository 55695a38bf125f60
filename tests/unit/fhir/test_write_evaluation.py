"""What the FHIR operations answer, as resources: the collection of one screening, the searchset of a match."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from service.eligibility.results import FailedPrecondition, Outcome, Screening
from service.fhir.write import encode
from service.fhir.write_conformance import OPERATIONS, write_capabilities, write_operation
from service.fhir.write_error import write_error, write_under_way
from service.fhir.write_evaluation import match_score, write_evaluation, write_match
from service.fhir.write_guidance import read_view, view_of
from tests.screenings import NOW, screening

BASE = "https://candor.example/fhir"
Check = Callable[[dict[str, Any]], None]


def with_outcomes(*outcomes: Outcome) -> Screening:
    """Return a screening with as many criteria as outcomes."""
    one = screening().criteria[0]
    return screening()._replace(criteria=tuple(one._replace(outcome=outcome) for outcome in outcomes))


def entries(bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resources of a Bundle by type."""
    return {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}


def test_an_evaluation_holds_subject_and_guidance() -> None:
    """The collection has the two resources that writing back would post, and names the screening it is of."""
    bundle = write_evaluation(screening(), "s-1", NOW)
    found = entries(bundle)

    assert list(found) == ["ResearchSubject", "GuidanceResponse"]
    assert (bundle["type"], bundle["identifier"]["value"]) == ("collection", "s-1")
    assert found["ResearchSubject"]["status"] == "potential-candidate"
    assert found["ResearchSubject"]["study"] == {"reference": "ResearchStudy/NCT06722105"}
    assert found["ResearchSubject"]["individual"] == found["GuidanceResponse"]["subject"]
    assert read_view(found["GuidanceResponse"]) == view_of(screening())
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == 2


def test_a_persons_status_stands_in_the_subject_and_the_machines_in_the_guidance() -> None:
    """Whoever stores the collection does not overwrite what a person decided."""
    found = entries(write_evaluation(screening()._replace(person_status="screening"), "s-1", NOW))
    view = read_view(found["GuidanceResponse"])

    assert found["ResearchSubject"]["status"] == "screening"
    assert view is not None
    assert (view.status, view.person_status) == ("potential-candidate", "screening")


@pytest.mark.parametrize(
    ("outcomes", "score"),
    [
        ((Outcome.PASS, Outcome.PASS), "1"),
        ((Outcome.PASS, Outcome.OPEN, Outcome.OPEN), "0.3333"),
        ((Outcome.OPEN,), "0"),
        ((Outcome.PASS, Outcome.FAIL), "0"),
    ],
)
def test_the_score_is_the_share_of_criteria_that_pass(outcomes: tuple[Outcome, ...], score: str) -> None:
    """Open criteria take their share away, a failed one all of it."""
    assert str(match_score(with_outcomes(*outcomes))) == score


def test_the_score_of_a_person_who_has_died_is_nought() -> None:
    """A precondition that fails is as good as a criterion that does."""
    died = with_outcomes(Outcome.PASS)._replace(preconditions=(FailedPrecondition("deceased", None),))

    assert match_score(died) == 0


def test_a_match_lists_the_best_study_first() -> None:
    """Every study is in the searchset, by falling score, under its address on our server."""
    other = replace(screening().study, record=replace(screening().study.record, id="NCT1"))
    matched = [with_outcomes(Outcome.OPEN)._replace(study=other), with_outcomes(Outcome.PASS)]
    bundle = write_match(matched, BASE, "ResearchStudy/$match")

    assert [(entry["fullUrl"], entry["search"]["score"]) for entry in bundle["entry"]] == [
        (f"{BASE}/ResearchStudy/NCT06722105", Decimal(1)),
        (f"{BASE}/ResearchStudy/NCT1", Decimal(0)),
    ]
    assert (bundle["type"], bundle["total"]) == ("searchset", 2)
    assert bundle["link"] == [{"relation": "self", "url": f"{BASE}/ResearchStudy/$match"}]


def test_an_error_bears_our_code_and_a_type_of_fhir() -> None:
    """A code that is not mapped is ``invalid``; the code itself is told in any case."""
    issues = [write_error(code, "Why.")["issue"][0] for code in ("queue-full", "several-patients")]

    assert [(each["code"], each["details"]["coding"][0]["code"]) for each in issues] == [
        ("throttled", "queue-full"),
        ("invalid", "several-patients"),
    ]
    assert {(each["severity"], each["details"]["text"]) for each in issues} == {("error", "Why.")}


def test_every_resource_fits_the_schema_of_r4(fhir_schema: Check) -> None:
    """What the doors send holds to HL7's JSON schema of R4."""
    sent = [
        write_evaluation(screening(), "s-1", NOW),
        write_match([screening()], BASE, "ResearchStudy/$match"),
        write_error("parked", "Why."),
        write_under_way("Wait."),
        write_capabilities(BASE, BASE, NOW) | {"fhirVersion": "4.0.0"},  # the schema is older than its correction
        *(write_operation(operation, BASE) for operation in OPERATIONS),
    ]

    for resource in sent:
        fhir_schema(json.loads(encode(resource)))
