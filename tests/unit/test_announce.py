"""Which changes of a status come from laboratory values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.errors import DefinitionError
from service.screening.announce import told, turned_by_laboratory
from service.screening.document import document
from service.study.load import default_mappings, load_laboratory
from tests.builders import SampleChart, complete_chart, condition, verdict
from tests.verdicts import shipped_study

LABORATORY = load_laboratory(default_mappings(), shipped_study().notions)
LOW = "9 10*9/L"  # platelets that exclude


def judged(chart: SampleChart) -> dict[str, Any]:
    """Return a chart's result as it is kept."""
    return document(verdict(chart).screening, id="x")


def turned(before: SampleChart, after: SampleChart) -> bool:
    """Whether laboratory values alone made the difference."""
    return turned_by_laboratory(judged(before), judged(after), LABORATORY)


def test_a_value_that_turns_the_status() -> None:
    """Platelets fall below their limit, and rise again: the laboratory's doing, both times."""
    low = complete_chart().value("platelets", LOW)

    assert (turned(complete_chart(), low), turned(low, complete_chart())) == (True, True)


def test_a_value_that_is_too_old_by_now() -> None:
    """A laboratory value that has left its window is the laboratory's doing too."""
    assert turned(complete_chart().value("platelets", LOW), complete_chart().dated("platelets", "2025-01-01"))


def test_nothing_turned() -> None:
    """Another value that leaves status and priority as they were is no change."""
    assert not turned(complete_chart(), complete_chart().value("platelets", "180 10*9/L"))


@pytest.mark.parametrize(
    "after",
    [
        complete_chart().add(condition("C50.9")),
        complete_chart().value("mrss", "3 {score}").value("platelets", LOW),
        complete_chart().value("platelets", LOW).add(condition("C50.9")),
    ],
    ids=["a diagnosis", "a score beside a value", "a diagnosis beside a value"],
)
def test_anything_else_is_told_at_once(after: SampleChart) -> None:
    """A diagnosis or a score that turns a criterion is told, whatever the laboratory says beside it."""
    before = judged(complete_chart())

    assert before["status"] != judged(after)["status"]
    assert not turned_by_laboratory(before, judged(after), LABORATORY)


def test_other_rules_are_told_at_once() -> None:
    """A status that turned under other rules did not turn by a value."""
    before, after = judged(complete_chart()), judged(complete_chart().value("platelets", LOW))
    after["rules"] = after["rules"] | {"hash": "sha256:0"}

    assert not turned_by_laboratory(before, after, LABORATORY)


def test_a_notion_that_there_is_not(tmp_path: Path) -> None:
    """A name that no notion has is refused with file and line; without the file nothing is held back."""
    none = load_laboratory(tmp_path, ["crp"])
    (tmp_path / "announcing.yaml").write_text("laboratory: [crp, cpr]\n")

    assert none == frozenset()
    with pytest.raises(DefinitionError, match=r"announcing.yaml:1: there is no notion cpr\."):
        load_laboratory(tmp_path, ["crp"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"done": True, "resources": ["ResearchSubject/1", "List/1"]}, True),
        ({"done": True, "resources": ["ResearchSubject/1"]}, False),
        ({"done": False, "why": "unchanged"}, False),
        (None, False),
    ],
)
def test_people_were_told_where_the_list_changed(written: Any, *, expected: bool) -> None:
    """The list is what people look at: a result that left it as it was told nobody."""
    assert told({"written": written}) is expected
