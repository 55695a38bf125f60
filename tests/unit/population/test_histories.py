"""Who changed a ResearchSubject: nobody's record, kept for the chart whose status it tells about, within a bound."""

from pathlib import Path
from typing import Any

import pytest

from service.population import shared
from service.population.sources import open_source
from tests.builders import patient, resource
from tests.verdicts import as_json

SUBJECT = resource("ResearchSubject", id="s", status="candidate", individual={"reference": "Patient/a"})


def provenance(name: str, target: Any, **elements: Any) -> dict[str, Any]:
    """Return a Provenance of a change."""
    written = {"target": target, "recorded": "2026-11-24T09:00:00Z", "agent": [{"who": {"display": "Coordinator"}}]}
    return {"resourceType": "Provenance", "id": name} | written | elements


def read(folder: Path, *provenances: dict[str, Any]) -> dict[str, tuple[list[dict[str, Any]], bool]]:
    """Return each patient's Provenances, and whether records are missing."""
    (folder / "Patient.ndjson").write_bytes(b"\n".join(as_json(patient(id=name)) for name in "ab"))
    (folder / "ResearchSubject.ndjson").write_bytes(as_json(SUBJECT | {"subject": None}))
    (folder / "Provenance.ndjson").write_bytes(b"\n".join(map(as_json, provenances)))
    return {
        one.patient: ([each for each, _ in one.resources if each["resourceType"] == "Provenance"], one.incomplete)
        for one in open_source(folder).patients()
    }


@pytest.mark.parametrize("reference", ["ResearchSubject/s", "https://h.example/fhir/ResearchSubject/s/_history/2"])
def test_a_history_goes_to_the_subjects_chart_alone(tmp_path: Path, reference: str) -> None:
    """It comes with who, when and what, and without the records that it rests on, which may be many."""
    theirs = provenance("p", [{"reference": reference}], entity=[{"role": "source", "what": {"display": "x"}}])

    found = read(tmp_path, theirs)

    assert found == {
        "Patient/a": ([{k: v for k, v in theirs.items() if k != "entity"}], False),
        "Patient/b": ([], False),
    }


@pytest.mark.parametrize("target", [[{"reference": "Observation/s"}], [{}], "ResearchSubject/s", None])
def test_other_histories_are_not_kept(tmp_path: Path, target: Any) -> None:
    """What tells of other records, or of none, is nobody's and costs nothing."""
    assert read(tmp_path, provenance("p", target)) == {"Patient/a": ([], False), "Patient/b": ([], False)}


def test_beyond_the_bound_whoever_has_a_subject_has_records_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Histories do not fill the memory; a chart that may lack one says so, and no other does."""
    monkeypatch.setattr(shared, "MOST_BYTES", 300)
    found = read(tmp_path, *(provenance(str(number), [{"reference": "ResearchSubject/s"}]) for number in range(9)))

    assert 0 < len(found["Patient/a"][0]) < 9
    assert {name: incomplete for name, (_, incomplete) in found.items()} == {"Patient/a": True, "Patient/b": False}
