"""The worked charts: the answer that the reading of the protocol gives for 61 invented people, on one day."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from service.fhir.decode import decode
from service.screening.document import document, encode
from tests.builders import complete_chart, verdict
from tests.expectations import differences
from tests.verdicts import verdict_on

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())
AS_OF = EXPECTED["as_of"]
CASES = EXPECTED["cases"]


def chart(name: str) -> dict[str, Any]:
    """Return the Bundle of that name."""
    return decode((HERE / f"{name}.json").read_bytes())


def written(bundle: dict[str, Any]) -> bytes:
    """Return the result as callers get it."""
    return encode(document(verdict_on(bundle, AS_OF).result, id="one"))


def test_every_chart_has_its_answer() -> None:
    """No chart stands without an expected answer, and none is expected that is not there."""
    charts = {path.stem for path in HERE.glob("*.json")} - {"expected"}

    assert charts == set(CASES)
    assert len(charts) == 61


@pytest.mark.parametrize("name", CASES)
def test_the_chart_gets_the_answer_that_the_reading_gives(name: str) -> None:
    """Truth, sort, notes and reasons of every criterion, and what the whole result recommends."""
    got = verdict_on(chart(name), AS_OF)

    wrong = differences(got, CASES[name]["expect"])

    assert got.result.patient == CASES[name]["patient"]
    assert not wrong, "\n".join([f"{name}: {CASES[name]['why']}", *wrong])


@pytest.mark.parametrize("name", CASES)
def test_order_and_repetition_of_the_records_change_no_byte(name: str) -> None:
    """The entries shuffled, and each of them there twice, give the same bytes."""
    plain = chart(name)
    entries = plain["entry"] * 2
    random.Random(name).shuffle(entries)  # noqa: S311 - any order will do

    assert written(plain | {"entry": entries}) == written(plain)


def test_the_builders_complete_chart_is_the_clear_candidate() -> None:
    """Tests that start from ``complete_chart`` start from what the first example shows."""
    assert differences(verdict(complete_chart()), CASES["001-clear-candidate"]["expect"]) == []
