"""Whose record it is, and that a panel's parts count like results of their own."""

import pytest

from tests.builders import SERVER, Resource, bundle, complete_chart, condition, observation, panel, patient, verdict

LOW = "20 10*9/L"
MINE = ["Patient/p", f"{SERVER}/Patient/p", "Patient/p/_history/3", f"{SERVER}/Patient/p/_history/3"]
NOT_MINE = ["p", "Patient/q", "https://elsewhere.example/fhir/Patient/p", "Group/p", "#p"]


def _about(reference: str | None) -> Resource:
    """Return the sample chart's Bundle with a low count of that subject."""
    whole = (
        complete_chart()
        .add(observation("777-3", LOW, "2026-11-20", subject={"reference": reference} if reference else {}))
        .bundle()
    )
    for entry in whole["entry"]:
        entry["fullUrl"] = f"{SERVER}/{entry['resource']['resourceType']}/{entry['resource']['id']}"
    return whole


@pytest.mark.parametrize("reference", MINE)
def test_a_record_of_this_patient(reference: str) -> None:
    """Relative, absolute by the Patient's own fullUrl, or versioned."""
    given = verdict(_about(reference))

    assert (given.truth("E11"), given.warnings) == ("true", [])


@pytest.mark.parametrize("reference", [*NOT_MINE, None])
def test_a_record_of_somebody_else(reference: str | None) -> None:
    """A bare id, no subject, another patient or another server's address: not used, and said."""
    given = verdict(_about(reference))

    assert given.truth("E11") == "false"
    assert given.warnings == ["other-patients-record"]


@pytest.mark.parametrize(
    ("reference", "truth"),
    [
        ("https://elsewhere.example/fhir/Patient/p", "unknown"),
        ("https://elsewhere.example/fhir/Patient/p/_history/2", "unknown"),
        ("https://elsewhere.example/fhir/Patient/q", "false"),
        ("https://elsewhere.example/fhir/Group/p", "false"),
        ("p", "false"),
    ],
)
def test_no_absence_decides_beside_records_of_this_id_at_another_server(reference: str, truth: str) -> None:
    """A server has several names: what it calls Patient/p elsewhere may be this patient's."""
    given = verdict(bundle(patient(id="p"), condition("M34.0", subject={"reference": reference})))

    assert (given.truth("I4"), given.warnings) == (truth, ["other-patients-record"])


def test_a_patient_known_by_uuid_only() -> None:
    """The subject may be the Patient's fullUrl of form urn:uuid."""
    uuid = "urn:uuid:0c6ac9b6-6b3f-4b8e-9b3a-0a1f8e1d2c3b"
    whole = complete_chart().add(observation("777-3", LOW, "2026-11-20")).bundle()
    for entry in whole["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["fullUrl"] = uuid
        else:
            entry["resource"]["subject"] = {"reference": uuid}

    assert (verdict(whole).truth("E11"), verdict(whole).warnings) == ("true", [])


def test_a_patient_inside_the_record() -> None:
    """A contained Patient is a form of reference too."""
    contained = {"resourceType": "Patient", "id": "inside"}
    record = observation("777-3", LOW, "2026-11-20", contained=[contained], subject={"reference": "#inside"})

    assert verdict(complete_chart().add(record)).truth("E11") == "true"


def test_components_count_like_results_of_their_own() -> None:
    """A panel's platelets are a platelet count, and the newest one."""
    blood = panel("58410-2", {"777-3": LOW, "718-7": "12 g/dL"}, "2026-11-20")

    assert verdict(complete_chart().add(blood)).truth("E11") == "true"


@pytest.mark.parametrize(("second", "truth"), [("2026-10-15", "false"), ("2026-10-16", "unknown")])
def test_two_halves_of_a_blood_pressure_belong_together_at_one_time(second: str, truth: str) -> None:
    """A pair comes from one Observation, or from two of the same effective time."""
    halves = [observation("8480-6", "120 mm[Hg]", "2026-10-15"), observation("8462-4", "75 mm[Hg]", second)]

    assert verdict(complete_chart().drop("blood_pressure").add(*halves)).truth("E6") == truth
