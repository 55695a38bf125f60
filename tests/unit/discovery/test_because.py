"""Why a result is another one than the night before: the records that did it, or the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from service.discovery.because import because
from service.screening.document import Document
from tests.builders import SampleChart, complete_chart, diagnosed_chart, empty_chart, observation
from tests.nights import night

CHART = complete_chart()


@dataclass(frozen=True)
class Cause:
    """What a test asks of one cause."""

    criterion: str | None
    source: str | None
    value: str | None
    effective: str | None
    reason: str | None = None


def causes(
    before: SampleChart, after: SampleChart, day: str = "2026-11-23", next_day: str | None = None
) -> list[Cause]:
    """Return the causes of a change from one chart to another, from one day to the next."""
    return [_cause(each) for each in because(night(before, day), night(after, next_day or day))]


def _cause(told: Document) -> Cause:
    value: dict[str, Any] | None = told["value"]
    text = value and f"{value['text']} {value['unit']}".strip()
    return Cause(told["criterion"], told["source"], text, told["effective"], told["reason"])


def test_nothing_changed_because_of_nothing() -> None:
    """The same chart gives no cause, on the next day neither."""
    assert causes(CHART, CHART) == []
    assert causes(CHART, CHART, next_day="2026-11-24") == []


def test_a_new_result_is_named_with_its_value_and_day() -> None:
    """Platelets that fell: the criterion, the record, the value, and when."""
    fallen = observation("777-3", "49 10*9/L", "2026-11-20", id="plt-2", meta={"versionId": "3"})

    assert causes(CHART, CHART.add(fallen)) == [Cause("E11", "Observation/plt-2/_history/3", "49 10*9/L", "2026-11-20")]


def test_a_result_that_was_corrected_is_named_by_its_new_version() -> None:
    """The record is the same one, its version another."""
    first = CHART.elements("platelets", meta={"versionId": "1"})
    second = first.value("platelets", "40 10*9/L").elements("platelets", meta={"versionId": "2"})

    (cause,) = causes(first, second)
    assert (cause.source, cause.value) == ("Observation/platelets/_history/2", "40 10*9/L")


def test_a_result_that_was_corrected_in_place_is_named() -> None:
    """By a server that counts no versions: the record is the same one, and so is its name."""
    assert causes(CHART, CHART.value("platelets", "40 10*9/L")) == [
        Cause("E11", "Observation/platelets", "40 10*9/L", "2026-11-02T08:30:00+01:00")
    ]


def test_records_that_disagree_are_named_without_the_value_of_one() -> None:
    """And with the reason, as is a value in a unit that nobody knows."""
    two = CHART.drop("platelets")
    for name, value in (("a", "40 10*9/L"), ("b", "260 10*9/L")):
        two = two.add(observation("777-3", value, "2026-11-20T08:00:00+01:00", id=name))

    assert {(each.source, each.value, each.reason) for each in causes(CHART, two)} == {
        ("Observation/a", None, "records-disagree"),
        ("Observation/b", None, "records-disagree"),
    }
    (cause,) = causes(CHART, CHART.value("platelets", "250 foo"))
    assert (cause.source, cause.reason) == ("Observation/platelets", "unit-not-comparable")


def test_what_is_open_in_a_criterion_is_named_where_none_turned() -> None:
    """The skin score came: I5 is as open as before, and yet the person's priority is another one."""
    scored = diagnosed_chart().add(observation("mrss-total", "16 {score}", "2026-11-20", id="mrss"))

    assert ("I5", "Observation/mrss") in {(each.criterion, each.source) for each in causes(diagnosed_chart(), scored)}


def test_the_day_alone_makes_a_result_too_old() -> None:
    """No record did it: the reason says what, and which value it is about."""
    (cause,) = causes(CHART, CHART, day="2027-04-13", next_day="2027-04-14")[:1]

    assert (cause.source, cause.reason) == (None, "too-old")
    assert cause.effective is not None


def test_a_new_version_of_what_is_too_old_did_nothing() -> None:
    """A server that counts a version for each touch of a record does not make it the cause."""
    first = CHART.elements("bmi", meta={"versionId": "1"})
    second = CHART.elements("bmi", meta={"versionId": "2"})

    assert causes(first, second, day="2027-10-15", next_day="2027-10-16") == [
        Cause("E9", None, "23.1 kg/m2", "2026-10-15", "too-old")
    ]


def test_a_record_that_is_gone_leaves_its_reason() -> None:
    """Nothing new is there to be named: what is unknown now says why."""
    assert causes(CHART, CHART.drop("platelets")) == [Cause("E11", None, None, None, "no-record")]


def test_a_yes_that_is_gone_without_a_reason_is_a_record_that_is_gone() -> None:
    """A diagnosis was taken back, and without it the criterion is false for no reason of its own."""
    assert causes(diagnosed_chart(), empty_chart()) == [Cause("I4", None, None, None, "record-gone")]


def test_a_death_is_no_criterion() -> None:
    """A precondition that fails now, or that was a mistake."""
    dead = CHART.elements("patient", deceasedDateTime="2026-11-20")

    assert causes(CHART, dead)[:1] == [Cause(None, None, None, "2026-11-20", "deceased")]
    assert causes(dead, CHART)[:1] == [Cause(None, None, None, None, "not-deceased")]


def test_a_death_whose_day_is_known_later_is_no_news() -> None:
    """The precondition failed before and fails now."""
    dead = CHART.elements("patient", deceasedBoolean=True)
    dated = CHART.elements("patient", deceasedDateTime="2026-11-20")

    assert causes(dead, dated) == []


def test_only_the_leaves_that_turned_a_criterion_are_named() -> None:
    """A CRP of the same night does not make I5 true: the skin score does, and is named alone."""
    before = CHART.value("mrss", "10 {score}")
    after = CHART.value("crp", "4 mg/L").elements("mrss", id="mrss-2").elements("crp", id="crp-2")

    told = [cause for cause in causes(before, after) if cause.criterion == "I5"]
    assert [(cause.source, cause.value) for cause in told] == [("Observation/mrss-2", "18 {score}")]


def test_a_birthday_turns_a_criterion_without_a_reason() -> None:
    """Somebody turns 18: the record is the same, and time has passed."""
    young = complete_chart(birth="2008-11-24")

    told = causes(young, young, next_day="2026-11-24")
    assert [(cause.criterion, cause.source, cause.reason) for cause in told] == [
        ("I3", None, "time-passed"),
        ("E1", None, "time-passed"),
    ]


def other_rules(told: Document) -> Document:
    """Return a document as other rules have made it."""
    return told | {"rules": told["rules"] | {"hash": "sha256:other"}}


def test_rules_that_changed_are_named_where_no_record_did_it() -> None:
    """A threshold was moved: the same records, another truth."""
    after = night(CHART)
    criteria = [
        each | {"truth": "true", "outcome": "fail", "finding": each["finding"] | {"truth": "true"}}
        if each["id"] == "E9"
        else each
        for each in after["criteria"]
    ]

    assert [
        (each["criterion"], each["source"], each["reason"])
        for each in because(other_rules(after | {"criteria": criteria}), after)
    ] == [("E9", None, "rules-changed")]


@pytest.mark.parametrize("finding", [None, {"op": "all-of", "id": None, "truth": "false", "children": []}])
def test_a_criterion_of_another_form_is_one_of_other_rules(finding: Document | None) -> None:
    """A criterion that is new, or built otherwise, cannot be compared leaf by leaf."""
    after = night(CHART)
    first, *rest = after["criteria"]
    other = [first | {"truth": "false", "finding": finding}] if finding else []
    before = other_rules(after | {"criteria": [*other, *rest]})

    assert [(each["criterion"], each["reason"]) for each in because(before, after)] == [(first["id"], "rules-changed")]


def leaf(truth: str, source: str, reason: str | None = None) -> Document:
    """Return a leaf with one record."""
    return {
        "op": "exists", "notion": "ild", "rule": "on record", "truth": truth, "reason": reason, "value": None,
        "effective": None, "sources": [source], "notes": [],
    }  # fmt: skip


def judged(truth: str, *children: Document, op: str = "any-of", opened: str | None = None) -> Document:
    """Return a document with one criterion."""
    finding = {"op": op, "id": "X1", "truth": truth, "children": list(children)}
    criterion = {"id": "X1", "truth": truth, "outcome": "open", "open": opened, "finding": finding}
    return {"rules": {"hash": "sha256:1"}, "preconditions": [], "criteria": [criterion]}


def sources(before: Document, after: Document) -> list[str | None]:
    """Return the records that did it."""
    return [each["source"] for each in because(before, after)]


def test_what_turned_the_other_way_did_not_do_it() -> None:
    """Of a combination that is true now, only what became true is named."""
    before = judged("false", leaf("false", "a1"), leaf("unknown", "b1", "too-old"))

    assert sources(before, judged("true", leaf("true", "a2"), leaf("false", "b2"))) == ["a2"]
    assert sources(before, judged("unknown", leaf("unknown", "a2"), leaf("unknown", "b2", "not-confirmed"))) == ["a2"]


def test_a_negation_is_turned_by_what_it_negates() -> None:
    """Its part turns the other way, and is named."""
    assert sources(judged("true", leaf("false", "a1"), op="not"), judged("false", leaf("true", "a2"), op="not")) == [
        "a2"
    ]


def test_an_open_criterion_that_waits_for_something_else_names_all_that_changed() -> None:
    """Its truth is the same: a leaf that is unknown for another reason may have done it, and one that is known now."""
    before = judged(
        "unknown", leaf("unknown", "a1", "no-record"), leaf("unknown", "b1", "too-old"), opened="to-confirm"
    )
    after = judged("unknown", leaf("false", "a2"), leaf("unknown", "b2", "not-confirmed"), opened="missing-data")

    assert sources(before, after) == ["a2", "b2"]


def test_a_record_that_is_asked_for_twice_is_named_once() -> None:
    """A criterion may ask the same in two of its parts."""
    assert sources(judged("false", *[leaf("false", "a1")] * 2), judged("true", *[leaf("true", "a2")] * 2)) == ["a2"]
