"""A kept document read back: nothing that is posted is lost by having been kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service.demo import charts
from service.eligibility.results import Screening
from service.fhir.decode import decode as decode_chart
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.screening.ports import Written
from service.screening.stored import decode, not_posted, read_document, with_written
from tests.verdicts import shipped_reader, shipped_study

DAY = date(2026, 11, 23)
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.json"))


def screened(bundle: dict[str, Any]) -> Screening | None:
    """Screen a Bundle; ``None`` where the patient cannot be screened."""
    result = Screener(shipped_study(), shipped_reader()).screen_bundle(bundle, DAY)
    return result if isinstance(result, Screening) else None


def read_back(kept: bytes, result: Screening) -> Screening:
    """Read a document back."""
    return read_document(decode(kept), shipped_study(), without_disease=result.without_disease)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_document_is_read_back_whole(path: Path) -> None:
    """What is read back is the very result that was kept, and is written as the same bytes."""
    result = screened(decode_chart(path.read_bytes()))
    if result is not None:
        kept = encode(document(result, id="1"))

        assert read_back(kept, result) == result
        assert encode(document(read_back(kept, result), id="1")) == kept


def test_the_rules_of_the_document_are_kept() -> None:
    """A result that older rules have made is read back with their version and hash, not with today's."""
    result = screened(charts()["01-shown-in-full"])
    assert result is not None
    older = replace(result.study.rulebook, version="0.9", hash="sha256:old")
    kept = encode(document(result._replace(study=replace(result.study, rulebook=older)), id="1"))

    assert read_back(kept, result).study.rulebook == older


def test_a_criterion_that_is_no_more_is_an_error() -> None:
    """A result with a criterion that the study has no longer cannot be posted."""
    result = screened(charts()["01-shown-in-full"])
    assert result is not None
    kept = document(result, id="1")
    kept["criteria"][0]["id"] = "I99"

    with pytest.raises(KeyError):
        read_document(kept, shipped_study(), without_disease=False)


def test_what_became_of_posting_is_filled_in() -> None:
    """What was written and what a person had set are filled in; without a post, only why there was none."""
    result = screened(charts()["13-status-set-by-a-person"])
    assert result is not None
    before = document(result, id="1")
    kept = encode(before)
    posted = with_written(kept, Written(True, ("ResearchSubject/1",), person_status="screening"))
    told = {"done": True, "resources": ["ResearchSubject/1"]}

    assert posted == encode(before | {"person_status": "screening", "written": told})
    assert not_posted(kept, "refused") == encode(before | {"written": {"done": False, "why": "refused"}})
