"""Q26-Q33: codes, Conditions, references and Patients as they come."""

from typing import Any

import pytest

from service.eligibility.chart import Activity, Certainty
from service.errors import InputError
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.study.load import default_mappings, load_vocabulary
from tests.builders import SERVER, bundle, concept, condition, observation, patient, resource
from tests.readings import chart_in, chart_of, entry, reading, warned
from tests.verdicts import as_json, shipped_reader, shipped_study

ILD = "233703007"


def test_q26_blanks_inside_a_system() -> None:
    """``http: //snomed.info/sct`` is SNOMED CT, and a status counts by its code."""
    spaced = {"coding": [{"system": "http: //snomed.info/sct", "code": ILD}]}
    status = {"coding": [{"system": "http: //terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}

    assert entry(chart_of(condition(spaced, clinicalStatus=status)), "ild").activity is Activity.PAST


def test_q27_local_code_first() -> None:
    """The LOINC code counts wherever it stands; a local code alone means nothing until a site maps it."""
    local = {"system": "https://fhir.cerner.example/codeSet/72", "code": "2552299163", "userSelected": True}
    both = {"coding": [local, {"system": "http://loinc.org", "code": "718-7"}]}

    assert reading(chart_of(observation(both, "12 g/dL")), "hemoglobin").quantity is not None
    assert chart_of(observation({"coding": [local]}, "12 g/dL")).readings == {}


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error", "Entered-in-Error "])
def test_q28_refuted_and_erroneous_conditions_are_gone(verification: str) -> None:
    """A Condition without clinicalStatus because it was an error is no fact."""
    assert chart_of(condition(ILD, clinical=None, verification=verification)).entries == {}


@pytest.mark.parametrize(
    ("verification", "certainty"),
    [
        ("confirmed", Certainty.CONFIRMED),
        (None, Certainty.CONFIRMED),
        ("unconfirmed", Certainty.UNCONFIRMED),
        ("provisional", Certainty.UNCONFIRMED),
        ("differential", Certainty.UNCONFIRMED),
    ],
)
def test_q28_verification(verification: str | None, certainty: Certainty) -> None:
    """Confirmed or not stated counts; the others are not confirmed."""
    assert entry(chart_of(condition(ILD, verification=verification)), "ild").certainty is certainty


@pytest.mark.parametrize(
    ("clinical", "activity", "given"),
    [
        ("active", Activity.ACTIVE, True),
        ("recurrence", Activity.ACTIVE, True),
        ("relapse", Activity.ACTIVE, True),
        ("remission", Activity.PAST, True),
        ("inactive", Activity.PAST, True),
        ("resolved", Activity.PAST, True),
        (None, Activity.ACTIVE, False),
    ],
)
def test_q28_clinical_status(clinical: str | None, activity: Activity, given: bool) -> None:
    """Whether it goes on, and whether the record says so."""
    found = entry(chart_of(condition(ILD, clinical=clinical)), "ild")

    assert (found.activity, found.activity_given) == (activity, given)


def test_q28_text_only_and_codeless_conditions_are_no_facts() -> None:
    """Free text is not read, and nothing is wrong with the record."""
    chart = chart_of(
        resource("Condition", code={"text": "Afraid my community will not be as close"}), resource("Condition")
    )

    assert (chart.entries, chart.warnings, chart.unreadable_types) == ({}, [], frozenset())


def test_q29_statuses_as_strings_are_of_another_version() -> None:
    """A Condition of STU3 or DSTU2 is refused with a sentence; its code still tells where it matters."""
    old = condition(ILD, id="old", clinicalStatus="active", verificationStatus="confirmed")

    chart = chart_of(old, observation("718-7", "12 g/dL"))

    assert entry(chart, "ild").unreadable
    assert chart.unreadable_types == set()
    assert warned(chart, "record-unreadable") == [
        "Condition/old: clinicalStatus is a string, as in FHIR STU3 and DSTU2; R4 has a CodeableConcept"
    ]
    assert not reading(chart, "hemoglobin").unusable


def test_q29_interpretation_as_an_object_is_of_another_version() -> None:
    """An Observation of STU3 is refused: its value is not used."""
    old = observation("718-7", "12 g/dL", id="old", interpretation=concept("http://hl7.org/fhir/v2/0078|N"))

    chart = chart_of(old)

    assert (reading(chart, "hemoglobin").unusable, reading(chart, "hemoglobin").unreadable) == (True, True)
    assert len(warned(chart, "record-unreadable")) == 1


@pytest.mark.parametrize(
    "reference",
    ["Patient/p", "Patient/p/_history/3", f"{SERVER}/Patient/p", f"{SERVER}/Patient/p/_history/1"],
)
def test_q30_references_that_count(reference: str) -> None:
    """Relative, absolute on the Patient's own server, versioned."""
    assert "hemoglobin" in chart_of(observation("718-7", "12 g/dL", subject={"reference": reference})).readings


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "p"},
        {"reference": "4dee068c-5ffe-4977-8677-4ff9b518e763"},
        {"reference": "Patient?identifier=urn:ipp|1"},
        {"reference": "http://52.90.126.238:8080/fhir/baseDstu3/Patient/p"},
        {"reference": "#nobody"},
        {"reference": 1},
        {"display": "somebody"},
        None,
    ],
)
def test_q30_references_that_do_not_count(subject: dict[str, Any] | None) -> None:
    """A bare id, another server's address, no subject: not this patient's, and said."""
    chart = chart_in(without_subject(subject))

    assert chart.readings == {}
    assert [warning.code for warning in chart.warnings] == ["other-patients-record"]


def without_subject(subject: dict[str, Any] | None) -> dict[str, Any]:
    """Return a Bundle whose one Observation has this subject, or none."""
    result = bundle(patient(), observation("718-7", "12 g/dL"))
    del result["entry"][1]["resource"]["subject"]
    if subject is not None:
        result["entry"][1]["resource"]["subject"] = subject
    return result


def test_q30_urn_uuid_bundles() -> None:
    """A transaction Bundle without ids: the fullUrl is the identity, and the evidence is named ``Type/uuid``."""
    own, result = "urn:uuid:6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2", "urn:uuid:7a05bc93-cf1a-4929-9aca-6178ba9abcb7"
    hb = observation("718-7", "12 g/dL", subject={"reference": own})
    person = patient()
    del person["id"]
    source = {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": result, "resource": hb}, {"fullUrl": own, "resource": person}],
    }

    chart = chart_in(source)

    assert chart.person.reference == "Patient/6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"
    assert reading(chart, "hemoglobin").source == "Observation/7a05bc93-cf1a-4929-9aca-6178ba9abcb7"


def test_q30_contained_patient() -> None:
    """A contained Patient is ours by identifier, else when nobody else can be meant."""
    ours, theirs = [{"system": "urn:ipp", "value": "1"}], [{"system": "urn:ipp", "value": "2"}]

    def read(contained: dict[str, Any]) -> bool:
        inside = {"resourceType": "Patient", "id": "who"} | contained
        hb = observation("718-7", "12 g/dL", subject={"reference": "#who"}, contained=[inside])
        return "hemoglobin" in chart_of(hb, person=patient(identifier=ours)).readings

    assert read({"identifier": ours})
    assert read({})
    assert not read({"identifier": theirs})
    assert not read({"birthDate": "1950-01-01"})
    assert not read({"resourceType": "Group"})


def test_q30_absolute_reference_on_the_configured_server() -> None:
    """Where the Patient has no fullUrl, the server that was asked is its address."""
    server = "https://fhir.ward.example/r4"
    hb = observation("718-7", "12 g/dL", id="hb", subject={"reference": f"{server}/Patient/p"})
    records = [(decode(as_json(patient())), None), (decode(as_json(hb)), None)]

    with_server = Reader(shipped_study().lexicon, load_vocabulary(default_mappings()), server=f"{server}/")

    assert "hemoglobin" in with_server.read(records, "Patient/p").readings
    assert "hemoglobin" not in shipped_reader().read(records, "Patient/p").readings


def test_q31_merged_patient_names_its_replacement() -> None:
    """``replaced-by`` counts on an inactive and on an active record."""
    link = [{"other": {"reference": "Patient/3280623E"}, "type": "replaced-by"}]

    assert chart_of(person=patient(active=False, link=link)).person.replaced_by == "Patient/3280623E"
    assert chart_of(person=patient(link=link)).person.replaced_by == "Patient/3280623E"
    assert chart_of(person=patient(active=False, link=link)).warnings == []


def test_q31_inactive_without_a_replacement_is_warned_of() -> None:
    """The record is read; the caller learns that it is inactive."""
    chart = chart_of(person=patient(active=False, link=[{"other": {"reference": "Patient/x"}, "type": "seealso"}]))

    assert (chart.person.active, chart.person.replaced_by) == (False, None)
    assert [warning.code for warning in chart.warnings] == ["patient-inactive"]


@pytest.mark.parametrize(
    ("gender", "expected"),
    [("female", "female"), ("other", "other"), ("unknown", "unknown"), ("x", None), (None, None), (1, None)],
)
def test_q32_genders(gender: Any, expected: str | None) -> None:
    """FHIR's four genders are kept; anything else is not known."""
    assert chart_of(person=patient(gender=gender)).person.gender == expected


def test_q32_extensions_on_primitives_change_nothing() -> None:
    """``deceasedBoolean`` false is alive; ``_birthDate`` and a patient without a birth date are survived."""
    extension = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime"}]}

    person = chart_of(person=patient(birth=None, _birthDate=extension, deceasedBoolean=False)).person

    assert (person.birth, person.deceased) == (None, False)


def test_q33_research_subject_of_r5_is_refused() -> None:
    """``subject`` and ``subjectState`` are of R5: the participation is not misread."""
    r5 = resource(
        "ResearchSubject", id="r5", status="active", subject={"reference": "Patient/p"}, individual=None,
        subjectState=[{"code": concept("http://example.org|on-study")}],
    )  # fmt: skip

    chart = chart_of(r5)

    assert chart.participations == []
    assert chart.unreadable_types == {"ResearchSubject"}
    assert warned(chart, "record-unreadable") == ["ResearchSubject/r5: subject is of FHIR R5; R4 has individual"]


def test_q33_one_id_in_several_files_is_one_record() -> None:
    """The later update stands for the record, whichever comes first."""
    early = observation("718-7", "6 g/dL", id="hb", meta={"lastUpdated": "2026-11-02T12:00:00Z"})
    late = observation("718-7", "12 g/dL", id="hb", meta={"lastUpdated": "2026-11-02T14:30:00+01:00"})

    for chart in (chart_of(early, late), chart_of(late, early)):
        quantity = reading(chart, "hemoglobin").quantity
        assert quantity is not None
        assert (quantity.value, reading(chart, "hemoglobin").contested) == (12, False)


def test_q33_a_source_without_the_patient_is_refused() -> None:
    """A patient who is not among the records cannot be read."""
    with pytest.raises(InputError) as refused:
        chart_in(bundle(patient()), "Patient/other")
    assert refused.value.code == "patient-not-found"
