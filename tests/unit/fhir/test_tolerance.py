"""One bad field loses no chart: junk in any place of any record is survived, and the others stay as they are."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from service.errors import InputError
from tests.builders import (
    Resource,
    bundle,
    concept,
    condition,
    observation,
    panel,
    patient,
    prescription,
    procedure,
    quantity,
    resource,
)  # fmt: skip
from tests.readings import chart_in, reading, warned
from tests.verdicts import shipped_reader

JUNK: list[Any] = [None, True, 7, "junk", [], {}, [7], ["junk"], [None], {"junk": "junk"}, [[]], [{}]]
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope|research"

# One record of every type that is read, with as many elements as readers look at.
RECORDS: list[Resource] = [
    observation(
        "5195-3", "< 1 {index}", "2026-01-01", high="1 {index}", flag="POS", method=concept("40701008"),
        identifier=[{"system": "urn:lab", "value": "1"}], meta={"versionId": "1", "lastUpdated": "2026-01-01"},
        dataAbsentReason=concept("http://example.org|x"), modifierExtension=[{"url": "x"}], focus=[{"reference": "x"}],
    ),
    observation("5195-3", None, None, valueCodeableConcept=concept("10828004"), effectivePeriod={"end": "2026-01-01"}),
    panel("85354-9", {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"}),
    condition("373945007", severity="255604002", abatementAge={"value": 40, "code": "a"}, recordedDate="2020"),
    condition("233703007", onsetAge={"value": 28, "unit": "years"}),
    condition("233703007", onsetRange={"low": quantity("28 a"), "high": quantity("30 a")}),
    procedure("40701008", None, performedPeriod={"start": "2026-01-01", "end": "2026-01-02"}),
    prescription("L04AA06", "2026-01-01", dispenseRequest={"validityPeriod": {"end": "2026-06-30"}},
                 statusReason=concept("407563006")),
    prescription("L04AA06", medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}),
    resource("Medication", id="m", code=concept("L04AA06"), ingredient=[{"itemCodeableConcept": concept("L04AA06")}]),
    resource("AllergyIntolerance", code=concept("L04AA06"), reaction=[{"substance": concept("L04AA06")}]),
    resource("AdverseEvent", actuality="actual", event=concept("62014003"), suspectEntity=[
        {"instance": {"reference": "Medication/m"}}]),
    resource("DiagnosticReport", status="final", code=concept("24627-2"), conclusionCode=[concept("233703007")]),
    resource("ImagingStudy", status="available", procedureCode=[concept("40701008")], started="2026-01-01"),
    resource("Coverage", status="active", period={"start": "2026-01-01", "end": "2026-12-31"}),
    resource("Consent", status="active", scope=concept(CONSENT_SCOPE), dateTime="2026-01-01", policy=[{"uri": "x"}],
             policyRule=concept("http://example.org|x"), sourceReference={"reference": "DocumentReference/1"},
             provision={"type": "deny", "data": [{"reference": {"reference": "ResearchStudy/s"}}],
                        "provision": [{"type": "permit"}]}),
    resource("ResearchSubject", status="on-study", study={"reference": "ResearchStudy/s"}, period={"end": "2026"}),
    resource("ResearchStudy", id="s", status="active", identifier=[{"value": "x"}], category=[concept(text="x")],
             phase=concept("http://example.org|n-a"), arm=[{"name": "x"}]),
    resource("RelatedPerson", relationship=[concept("58626002")], active=True, period={"end": "2026"}),
    resource("Flag", status="active", code=concept("58626002"), period={"end": "2026"}),
    resource("OperationOutcome", issue=[{"severity": "information", "code": "x", "details": concept(text="x")}]),
]  # fmt: skip
PERSON = patient(
    deceasedBoolean=False, link=[{"type": "replaces", "other": {"reference": "Patient/x"}}],
    contact=[{"relationship": [concept("58626002")], "period": {"end": "2026"}}],
    identifier=[{"system": "urn:ipp", "value": "1"}],
)  # fmt: skip
WITNESS = observation("718-7", "12 g/dL", id="witness")


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything inside a resource."""
    items: list[tuple[Any, Any]] = list(node.items() if isinstance(node, dict) else enumerate(node))
    for key, value in items:
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


@pytest.mark.parametrize("number", range(len(RECORDS)), ids=[record["resourceType"] for record in RECORDS])
def test_junk_anywhere_in_a_record_is_survived(number: int) -> None:
    """Every element in turn is replaced by junk of every JSON type; the witness is always read."""
    whole = bundle(PERSON, WITNESS, *RECORDS)
    spoilt = whole["entry"][number + 2]
    for step in range(sum(1 for _ in places(spoilt))):
        for junk in JUNK:
            source = whole | {
                "entry": [*whole["entry"][: number + 2], copy.deepcopy(spoilt), *whole["entry"][number + 3 :]]
            }
            container, key = list(places(source["entry"][number + 2]))[step]
            container[key] = junk

            assert not reading(chart_in(source), "hemoglobin").unusable, (step, junk)


def test_junk_anywhere_in_the_patient_is_survived() -> None:
    """Whatever stands in the Patient, the chart is read as long as it has its id."""
    whole = bundle(PERSON, WITNESS)
    for step in range(sum(1 for _ in places(PERSON))):
        for junk in JUNK:
            person = copy.deepcopy(whole["entry"][0]["resource"])
            container, key = list(places(person))[step]
            if container is person and key in ("id", "resourceType"):
                continue
            container[key] = junk
            source = whole | {"entry": [whole["entry"][0] | {"resource": person}, whole["entry"][1]]}

            assert not reading(chart_in(source), "hemoglobin").unusable, (step, junk)


@pytest.mark.parametrize("entry", [None, 7, {}, {"resource": {}}, {"resource": 7}, {"fullUrl": 7, "resource": [7]}])
def test_an_entry_that_is_no_resource(entry: Any) -> None:
    """It is said where something stands in the resource's place; an entry without one is usual (Q35)."""
    source = bundle(patient(), WITNESS)
    source["entry"].insert(0, entry)

    chart = chart_in(source)

    assert not reading(chart, "hemoglobin").unusable
    expected = [] if entry == {} else ["Bundle: an entry holds no resource with a resourceType"]
    assert warned(chart, "record-unreadable") == expected


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ([], "no-patient"),
        ([patient(), patient(id="other")], "several-patients"),
    ],
)
def test_a_bundle_about_nobody_or_several(people: list[Resource], code: str) -> None:
    """Which patient is meant has to be said."""
    with pytest.raises(InputError) as refused:
        chart_in({"resourceType": "Bundle", "entry": [{"resource": person} for person in people]})
    assert refused.value.code == code


def test_a_patient_without_any_identity() -> None:
    """Nothing can refer to it."""
    with pytest.raises(InputError) as refused:
        chart_in({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "gender": "male"}}]})
    assert refused.value.code == "patient-unreadable"


def test_a_patient_is_named_with_or_without_the_type() -> None:
    """``p`` is ``Patient/p``."""
    assert shipped_reader().read_bundle(bundle(patient()), "p").person.reference == "Patient/p"


def test_warnings_show_no_clinical_content() -> None:
    """Names, dates and values never stand in a warning."""
    private = "Martin-1978"
    spoilt = observation("718-7", None, private, valueQuantity={"value": private, "unit": "g/dL"})

    chart = chart_in(bundle(patient(birth=private, gender=private), spoilt, condition("233703007", private)))

    assert len(chart.warnings) == 4
    assert not any(private in warning.detail for warning in chart.warnings)
