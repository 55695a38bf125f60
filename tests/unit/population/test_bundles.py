"""Bundles: each patient of it gets their own records, by every form of reference."""

import pytest

from service.population.bundles import Piece, Place, split
from tests.builders import Resource, condition, patient, resource

HERE = Place(0, None, 0)
URN = "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000a"


def entry(one: Resource, full_url: str | None = None) -> Resource:
    """Return an entry of a Bundle."""
    return {"fullUrl": full_url, "resource": {key: value for key, value in one.items() if value is not None}}


def ids(found: list[Piece]) -> dict[str, list[str]]:
    """Return the ids of each owner's records."""
    return {piece.owner: [record["id"] for record, _ in piece.records()] for piece in found if piece.certain}


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/a", "Patient/a/_history/3", "https://fhir.hospital.example/fhir/Patient/a",
        "https://fhir.hospital.example/fhir/Patient/a/_history/3", URN, " Patient/a ",
    ],
)  # fmt: skip
def test_every_form_of_reference_leads_to_its_patient(reference: str) -> None:
    """Relative, versioned, absolute and ``urn:uuid:``, in a Bundle of two patients."""
    record = condition("M34.0", id="c", subject={"reference": reference})
    entries = [entry(patient(id="a"), URN), entry(patient(id="b")), entry(record)]

    assert ids(split({"resourceType": "Bundle", "entry": entries}, HERE)) == {
        "Patient/a": ["a", "c"],
        "Patient/b": ["b"],
    }


def test_a_patient_without_an_id_is_known_by_the_full_url() -> None:
    """As transactions write new patients."""
    record = condition("M34.0", id="c", subject={"reference": URN})
    (piece,) = split({"resourceType": "Bundle", "entry": [entry(patient(id=None), URN), entry(record)]}, HERE)

    assert piece.owner == f"Patient/{URN.removeprefix('urn:uuid:')}"
    assert len(piece.records()) == 2


def test_what_is_nobodys_goes_to_every_patient_of_the_bundle() -> None:
    """Studies, outcomes, and records whose subject the reader has to report."""
    stray = condition("M34.0", id="stray", subject={"reference": "Patient/z"})
    nobodys = [resource("OperationOutcome", id="o"), resource("ResearchStudy", id="s"), stray]
    found = split(
        {"resourceType": "Bundle", "entry": [entry(patient(id=name)) for name in "ab"] + [*map(entry, nobodys)]}, HERE
    )

    assert ids(found) == {"Patient/a": ["a", "o", "s", "stray"], "Patient/b": ["b", "o", "s", "stray"]}
    assert [(piece.owner, piece.certain) for piece in found][2:] == [("Patient/z", False)]


def test_a_page_without_patients_is_read_as_its_records() -> None:
    """A page of a search for Conditions: each goes to whom it names."""
    records = [condition("M34.0", id=name, subject={"reference": f"Patient/{name}"}) for name in "ab"]
    found = split(
        {"resourceType": "Bundle", "entry": [*map(entry, [*records, resource("OperationOutcome", id="o")])]}, HERE
    )

    assert ids(found) == {"Patient/a": ["a"], "Patient/b": ["b"], "": ["o"]}


def test_bundles_within_are_opened_and_entries_without_a_resource_are_not_lost_unsaid() -> None:
    """The answer to a batch holds Bundles; what is no resource goes to the patient for the reader to report."""
    inner = {"resourceType": "Bundle", "entry": [entry(patient(id="a"))]}
    odd = [{"search": {"mode": "match"}}, {"resource": "x"}, {"resource": inner}]
    (piece,) = split({"resourceType": "Bundle", "entry": odd}, HERE)

    assert piece.owner == "Patient/a"
    assert [record.get("id") for record, _ in piece.records() if record["resourceType"]] == ["a"]
    assert [record for record, _ in piece.records() if not record["resourceType"]]
    assert split({"resourceType": "Bundle"}, HERE) == []
