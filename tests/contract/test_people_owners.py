"""Whose record it is, where people are looked for: one function for searches and for exports of what changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import respx

from service.eligibility.entry import entry_of
from service.hospital.bulk_changes import people_changed
from tests.contract.test_people import coded, hospital, select, with_codes
from tests.hospital import BASE, Json, record, searchset
from tests.verdicts import as_json, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

NAMES = [
    "Patient/ill",
    f"{BASE}/Patient/ill",
    "http://10.0.0.7:8080/fhir/Patient/ill",
    "//proxy/Patient/ill/_history/3",
]
NOBODYS: list[Json | None] = [
    {"identifier": {"value": "x"}},
    {"reference": "Patient?identifier=x"},
    {"reference": "#p"},
    None,
]
GROUP: Json = {"reference": "Group/g"}


def of(subject: Json | None, id_: str = "c") -> Json:
    """Return a diagnosis of that subject."""
    return coded(id_, "", "M34.0") | {"subject": subject}


async def both(router: respx.MockRouter, folder: Path, *records: Json) -> list[tuple[list[str], list[str]]]:
    """Return whom searches and an export of what changed name, and what they tell of what names nobody."""
    (folder / "output-0.Condition.ndjson").write_bytes(b"\n".join(map(as_json, records)))
    hospital(router, Condition=with_codes(*records))
    study = shipped_study()
    searched, exported = await select(), people_changed(folder, study, entry_of(study))
    assert searched.unread == exported.unread == []
    return [(searched.patients, searched.blind), (sorted(exported.people), exported.blind)]


@pytest.mark.parametrize("reference", NAMES)
async def test_a_server_has_several_names(respx_mock: respx.MockRouter, tmp_path: Path, reference: str) -> None:
    """A record that names its Patient by any of them is that Patient's."""
    assert await both(respx_mock, tmp_path, of({"reference": reference})) == [(["Patient/ill"], [])] * 2


async def test_records_of_nobody_are_told_of(respx_mock: respx.MockRouter, tmp_path: Path) -> None:
    """Once a type, with how many: their people are not found. What is not of a person is nobody's loss."""
    records = [of(subject, f"c{n}") for n, subject in enumerate([*NOBODYS, GROUP, {"reference": "Patient/ill"}])]

    told = "Condition: of 4 that count no reference tells whose they are."

    assert await both(respx_mock, tmp_path, *records) == [(["Patient/ill"], [told])] * 2


async def test_what_does_not_count_is_not_told_of(respx_mock: respx.MockRouter, tmp_path: Path) -> None:
    """Nobody is missed for a record that says nothing of the study, whosever it is."""
    assert await both(respx_mock, tmp_path, coded("o", "", "J45") | {"subject": None}) == [([], [])] * 2


async def test_a_research_subject_of_nobody_is_told_of(respx_mock: respx.MockRouter) -> None:
    """Whom the study knows is not lost in silence either."""
    studies, subject = searchset(record("ResearchStudy", "r")), record("ResearchSubject", "s", individual={})
    hospital(respx_mock, ResearchStudy=studies, ResearchSubject=searchset(subject))

    found = await select()

    assert found.blind == ["ResearchSubject: of 1 that count no reference tells whose they are."]
    assert found.unread == []
