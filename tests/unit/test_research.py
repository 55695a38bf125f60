"""What researchers see of a result: no name, no word of a record, no day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from service.demo import charts
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.screening.research import Pseudonyms
from tests.verdicts import shipped_reader, shipped_study

STUDY = "NCT06722105"
OURS = Pseudonyms(b"k" * 32)
SCREENER = Screener(shipped_study(), shipped_reader())
WORDS = "as Dr Mercier wrote on 2026-10-02"

Json = dict[str, Any]


def whole(chart: Json, written: Json | None = None) -> Json:
    """Return the document that the care team sees of a chart."""
    told: Json = json.loads(
        encode(document(SCREENER.screen_bundle(chart, date(2026, 11, 23)), id="1", written=written))
    )
    return told


def shown(told: Json, pseudonyms: Pseudonyms = OURS) -> Json:
    """Return what researchers see of it."""
    reduced: Json = json.loads(pseudonyms.shown(encode(told), STUDY))
    return reduced


def leaves(finding: Json) -> Iterator[Json]:
    """Give the leaves of a finding."""
    for child in finding.get("children", []):
        yield from leaves(child)
    if "children" not in finding:
        yield finding


@pytest.mark.parametrize("name", charts())
def test_nothing_leads_back_to_the_person(name: str) -> None:
    """No id, no source, no value as received and no day stand anywhere, and everything else is the same."""
    told = whole(charts()[name], {"done": True, "resources": ["ResearchSubject/77"]})
    reduced = shown(told)
    text = json.dumps(reduced, ensure_ascii=False)

    assert told["patient"] not in text
    assert told["patient"].split("/")[1] not in text
    assert "ResearchSubject/77" not in text
    assert not re.search(r"\d{4}-\d{2}-\d{2}", text)
    if "criteria" in told:
        for mine, theirs in zip(told["criteria"], reduced["criteria"], strict=True):
            assert {**mine, "finding": 0, "explanation": 0} == {**theirs, "finding": 0, "explanation": 0}
            for before, after in zip(leaves(mine["finding"]), leaves(theirs["finding"]), strict=True):
                assert after["sources"] == []
                assert after["value"] is None or after["value"]["as_received"] == ""
                assert (before["truth"], before["reason"], before["notes"]) == (
                    after["truth"],
                    after["reason"],
                    after["notes"],
                )


def test_dates_keep_their_month_and_numbers_their_value() -> None:
    """The day goes, wherever a date stands; what was computed stays."""
    told = whole(charts()["01-shown-in-full"])
    reduced = shown(told)
    sentences = {each["id"]: each["explanation"] for each in reduced["criteria"]}
    crp = [leaf for each in reduced["criteria"] for leaf in leaves(each["finding"]) if leaf["notion"] == "crp"]

    assert reduced["as_of"] == "2026-11"
    assert sentences["I4"] == "Passes: ACR/EULAR 2013 total 14 {score} on 2020-05."
    assert sentences["E1"] == "Passes: aged 48."
    assert (crp[0]["effective"], crp[0]["value"]) == ("2026-11", {"text": "3", "unit": "mg/L", "as_received": ""})


def test_the_words_of_a_record_are_left_out() -> None:
    """What somebody typed may name anybody: neither the value nor the sentence repeats it."""
    told = whole(charts()["01-shown-in-full"])
    leaf = next(leaves(told["criteria"][9]["finding"]))
    leaf["value"] = {"text": WORDS, "unit": "", "as_received": WORDS}
    told["criteria"][9]["explanation"] = f"Open, to confirm: health insurance {WORDS} does not decide."
    other = next(leaves(told["criteria"][10]["finding"]))
    other["value"] = {"text": "", "unit": "", "as_received": WORDS}
    told["criteria"][10]["explanation"] = f"Passes: {WORDS}."
    reduced = shown(told)

    assert "Mercier" not in json.dumps(reduced)
    assert reduced["criteria"][9]["explanation"] == "Open, to confirm: health insurance … does not decide."


def test_a_status_is_a_code_or_left_out() -> None:
    """A server may hold any text where a code belongs."""
    told = whole(charts()["01-shown-in-full"])

    assert shown(told | {"person_status": "on-study"})["person_status"] == "on-study"
    assert shown(told | {"person_status": WORDS})["person_status"] == "…"
    assert shown(told | {"person_status": None})["person_status"] is None


def test_a_date_that_is_the_value_keeps_its_month() -> None:
    """Such as the onset of the disease."""
    told = whole(charts()["01-shown-in-full"])
    onset = [leaf for each in told["criteria"] for leaf in leaves(each["finding"]) if leaf["notion"] == "disease_onset"]
    reduced = shown(told)
    after = [
        leaf for each in reduced["criteria"] for leaf in leaves(each["finding"]) if leaf["notion"] == "disease_onset"
    ]

    assert onset[0]["value"]["text"] == "2019-03-01"
    assert after[0]["value"]["text"] == after[0]["effective"] == "2019-03"


def test_records_that_could_not_be_read_are_not_named() -> None:
    """The warning stays, its source goes."""
    told = whole(charts()["01-shown-in-full"]) | {
        "warnings": [{"code": "record-unreadable", "source": "Observation/9", "detail": "x"}],
        "preconditions": [{"code": "deceased", "date": "2026-10-01"}],
        "rescreen_after": "2027-01-31",
    }
    reduced = shown(told)

    assert reduced["warnings"] == [{"code": "record-unreadable", "source": "", "detail": "x"}]
    assert reduced["preconditions"] == [{"code": "deceased", "date": "2026-10"}]
    assert reduced["rescreen_after"] == "2027-01"


def test_a_patient_who_could_not_be_screened_has_a_pseudonym_too() -> None:
    """And so has the record that replaces it."""
    error = {"code": "patient-replaced", "detail": "replaced", "replaced_by": "Patient/2"}
    reduced = shown({"patient": "Patient/1", "error": error})

    assert reduced["patient"] == OURS.of(STUDY, "Patient/1")
    assert reduced["error"]["replaced_by"] == OURS.of(STUDY, "Patient/2")
    assert shown({"patient": "", "error": {"code": "patient-unreadable", "detail": "x"}})["patient"] == ""


def test_a_pseudonym_is_the_same_in_one_study_and_under_one_key() -> None:
    """It joins the results of one person, and nothing beyond the study; without the key it cannot be made."""
    names = {
        OURS.of(STUDY, "Patient/1"),
        OURS.of(STUDY, "Patient/2"),
        OURS.of("NCT1", "Patient/1"),
        Pseudonyms(b"l" * 32).of(STUDY, "Patient/1"),
    }

    assert len(names) == 4
    assert OURS.of(STUDY, "Patient/1") == OURS.of(STUDY, "Patient/1")
    assert all(re.fullmatch(r"[0-9a-f]{64}", name) for name in names)
    assert "k" * 32 not in repr(OURS)
