"""The JSON document of a screening: names, order, sorting, and the same bytes for the same result."""

import json
from datetime import date
from typing import Any

import pytest

from service.eligibility.chart import Warning_
from service.eligibility.codes import Lexicon
from service.eligibility.findings import Leaf, Node, Note, Open, Reason, Value
from service.eligibility.quantity import UnitTable
from service.eligibility.results import (
    CriterionResult,
    FailedPrecondition,
    Missing,
    NotScreened,
    Outcome,
    Screening,
    Status,
)
from service.eligibility.rules import Criterion, Judgement, Kind
from service.eligibility.study import Rulebook, Study, StudyRecord
from service.eligibility.truth import Truth
from service.screening.document import document, encode

STUDY = Study(
    record=StudyRecord(
        id="NCT00000001",
        identifiers={},
        title="A made-up study",
        short_title={"en": "Made up"},
        sponsor="",
        phase="phase-1",
        category="",
        condition="",
        arms=(),
        participants=1,
        status="not-yet-recruiting",
        fhir_status="approved",
        contacts=(),
        source="",
    ),
    criteria=(),
    notions={},
    formulas={},
    lexicon=Lexicon([], [], {}),
    units=UnitTable({}, {}, {}, ()),
    rulebook=Rulebook(version="1.0.0", hash="sha256:00", reviewed=False),
    base="https://trial.example/fhir",
)
RULE = Judgement(judgement="participant", notion="mrss")
SCORE = Leaf(
    op="measure",
    id=None,
    notion="mrss",
    rule=">= 20 {score}",
    truth=Truth.UNKNOWN,
    reason=Reason.TOO_OLD,
    value=Value("22", "{score}", "22 {score}"),
    effective="2025-11-01",
    sources=("Observation/mrss-1/_history/2",),
    notes=(Note.DERIVED, Note.FLAGGED),
)


def judged(number: str, truth: Truth, outcome: Outcome, opened: Open | None = None) -> CriterionResult:
    """Give a criterion with one leaf below two combinations."""
    criterion = Criterion(
        id=number, kind=Kind.INCLUSION, title={"en": "Severe", "fr": "Sévère"}, text="as printed", rule=RULE
    )
    finding = Node("any-of", number, truth, (Node("all-of", f"{number}.a", truth, (SCORE._replace(truth=truth),)),))
    return CriterionResult(criterion, truth, outcome, opened, "One sentence.", finding)


SCREENING = Screening(
    study=STUDY,
    patient="Patient/1",
    as_of=date(2026, 11, 23),
    status=Status.POTENTIAL_CANDIDATE,
    priority=3,
    person_status=None,
    recoverable=None,
    rescreen_after=None,
    preconditions=(),
    criteria=(
        judged("I1", Truth.TRUE, Outcome.PASS),
        judged("I2", Truth.FALSE, Outcome.FAIL),
        judged("I3", Truth.UNKNOWN, Outcome.OPEN, Open.MISSING_DATA),
        judged("I4", Truth.UNKNOWN, Outcome.OPEN, Open.TO_CONFIRM),
    ),
    missing=(Missing("mrss", Reason.TOO_OLD, ("I3",)),),
    warnings=(),
    without_disease=False,
)


def written(screening: Screening | NotScreened = SCREENING, **more: Any) -> dict[str, Any]:
    """Give the document as a caller reads it."""
    parsed: dict[str, Any] = json.loads(encode(document(screening, id="x", **more)))
    return parsed


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    """A document's keys have a fixed order, for readers and for byte comparison."""
    keys = "id study patient as_of status priority person_status recoverable rescreen_after preconditions summary"
    keys += " criteria missing warnings written study_status rules software"

    assert list(written()) == keys.split()


def test_a_criterion_carries_the_protocols_words_and_its_outcome() -> None:
    """Each criterion says what the protocol prints, how it was judged and which sort of open it is."""
    third = written()["criteria"][2]

    assert list(third) == ["id", "kind", "title", "quote", "truth", "outcome", "open", "explanation", "finding"]
    assert (third["id"], third["kind"], third["title"], third["quote"]) == ("I3", "inclusion", "Severe", "as printed")
    assert (third["truth"], third["outcome"], third["open"]) == ("unknown", "open", "missing-data")


def test_a_leaf_shows_value_date_and_records_with_what_is_flagged_first() -> None:
    """A leaf names its rule, the value as used and as received, the records, and the notes to see first."""
    node = written()["criteria"][2]["finding"]

    assert (node["op"], node["id"], node["truth"]) == ("any-of", "I3", "unknown")
    assert node["children"][0]["children"] == [
        {
            "op": "measure",
            "notion": "mrss",
            "rule": ">= 20 {score}",
            "truth": "unknown",
            "reason": "too-old",
            "value": {"text": "22", "unit": "{score}", "as_received": "22 {score}"},
            "effective": "2025-11-01",
            "sources": ["Observation/mrss-1/_history/2"],
            "notes": ["flagged", "derived"],
        }
    ]


def test_a_leaf_with_a_number_of_its_own_gives_it() -> None:
    """A part of the protocol that has a number keeps it when it is a single leaf."""
    numbered = SCREENING.criteria[0]._replace(finding=SCORE._replace(id="I5.b.2", reason=None, value=None))
    leaf = written(SCREENING._replace(criteria=(numbered,)))["criteria"][0]["finding"]

    assert leaf["id"] == "I5.b.2"
    assert leaf["reason"] is None
    assert leaf["value"] is None


def test_the_summary_counts_outcomes_and_sorts_of_open() -> None:
    """The summary counts each outcome, and of the open ones each sort."""
    assert written()["summary"] == {"pass": 1, "fail": 1, "open": 2, "missing_data": 1, "to_confirm": 1}


def test_warnings_are_sorted_and_said_once() -> None:
    """The order and repetition of warnings, which depend on the order of records, do not show."""
    one, two = (
        Warning_("record-unreadable", "Observation/1", "x"),
        Warning_("other-patients-record", "Observation/2", "y"),
    )

    assert written(SCREENING._replace(warnings=(one, two, one))) == written(SCREENING._replace(warnings=(two, one)))
    assert written(SCREENING._replace(warnings=(one, two)))["warnings"][0]["code"] == "other-patients-record"


def test_the_same_result_gives_the_same_compact_bytes() -> None:
    """Documents of equal results are equal byte for byte, without white space between tokens."""
    again = SCREENING._replace(criteria=tuple(each._replace() for each in SCREENING.criteria))
    text = encode(document(SCREENING, id="x"))

    assert text == encode(document(again, id="x"))
    assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()


def test_a_failed_precondition_and_dates_are_written_out() -> None:
    """Dates are ISO dates, and a failed precondition names its code and date."""
    dead = SCREENING._replace(
        status=Status.INELIGIBLE,
        priority=None,
        recoverable=True,
        rescreen_after=date(2026, 12, 1),
        preconditions=(FailedPrecondition("deceased", "2026-10-01"),),
    )
    result = written(dead)

    assert result["preconditions"] == [{"code": "deceased", "date": "2026-10-01"}]
    assert (result["recoverable"], result["rescreen_after"], result["as_of"]) == (True, "2026-12-01", "2026-11-23")


def test_what_became_of_a_write_is_passed_on() -> None:
    """`written` is null unless a write was asked for, and then says what became of it."""
    assert written()["written"] is None
    assert written(written={"done": False, "why": "unchanged"})["written"] == {"done": False, "why": "unchanged"}


@pytest.mark.parametrize(
    ("replaced_by", "expected"),
    [
        (None, {"code": "not-permitted", "detail": "d"}),
        ("Patient/2", {"code": "not-permitted", "detail": "d", "replaced_by": "Patient/2"}),
    ],
)
def test_a_patient_not_screened_gives_an_error_in_its_place(replaced_by: str | None, expected: dict[str, str]) -> None:
    """A patient that cannot be screened gives its reference and the error, and nothing else."""
    refused = NotScreened("Patient/1", "not-permitted", "d", replaced_by)

    assert written(refused) == {"patient": "Patient/1", "error": expected}
