"""What is asked for, and what the records name and is fetched after them."""

from dataclasses import replace

import pytest
import respx

from service.fhir.read import Reader
from service.hospital.plan import plan_for
from tests.hospital import BASE, HEALTHY, PLAN, VOCABULARY, Hospital, Json, ids, pull, record, searchset
from tests.screenings import study

pytestmark = pytest.mark.anyio

ORDER = record("MedicationRequest", "m1", medicationReference={"reference": "Medication/med1"})


async def test_medications_come_with_what_they_name(respx_mock: respx.MockRouter) -> None:
    """Medications that an _include brought are not asked for again."""
    bundle = searchset(ORDER)
    bundle["entry"].append({"resource": record("Medication", "med1"), "search": {"mode": "include"}})
    Hospital(respx_mock, batches=True, MedicationRequest=bundle | {"total": 1})

    pulled = await pull()

    assert ids(pulled) == sorted([*HEALTHY, "Medication/med1", "MedicationRequest/m1"])
    assert pulled.failed == frozenset()
    assert len(respx_mock.calls) == 1


async def test_medications_are_fetched_where_an_include_is_refused(respx_mock: respx.MockRouter) -> None:
    """A server without _include is asked for the orders, then for the medications that they name."""
    foreign = record("MedicationRequest", "m2", medicationReference={"reference": "https://other.example/Medication/9"})

    def orders(params: Json) -> Json | int:
        return 400 if "_include" in params else searchset(ORDER, foreign)

    def medications(params: Json) -> Json:
        assert params["_id"] == "med1"
        return searchset(record("Medication", "med1"))

    Hospital(respx_mock, batches=True, MedicationRequest=orders, Medication=medications)

    pulled = await pull()

    assert "Medication/med1" in ids(pulled)
    assert pulled.failed == frozenset()


async def test_a_study_that_a_consent_names_is_fetched(respx_mock: respx.MockRouter) -> None:
    """A consent may name its study by a reference deep inside; the study comes too, to be known by its identifiers."""
    data = [{"meaning": "instance", "reference": {"reference": "ResearchStudy/st1/_history/2"}}]
    consent = record("Consent", "k1", provision={"type": "permit", "data": data})
    Hospital(
        respx_mock, batches=True, Consent=searchset(consent), ResearchStudy=searchset(record("ResearchStudy", "st1"))
    )

    pulled = await pull(PLAN._replace(kinds=("Consent",)))

    assert ids(pulled) == ["Consent/k1", "Patient/p", "ResearchStudy/st1"]


async def test_medications_that_cannot_be_had_mark_their_orders(respx_mock: respx.MockRouter) -> None:
    """When the medications cannot be had, the orders that name them are incomplete."""
    Hospital(respx_mock, batches=True, MedicationRequest=searchset(ORDER), Medication=403)

    assert (await pull()).failed == {"MedicationRequest"}


def test_flags_are_asked_for_where_a_site_has_one_for_opposition() -> None:
    """A site that records opposition by a Flag has its Flags read; others are not asked for any."""
    opposed = replace(VOCABULARY, opposition_codes=(("https://flags.hospital.example", "research-opposition"),))

    assert "Flag" in plan_for(study(), opposed).kinds
    assert "Flag" not in plan_for(study(), VOCABULARY).kinds


async def test_what_was_pulled_is_a_chart(respx_mock: respx.MockRouter) -> None:
    """The pulled records are read as the chart of the patient, whatever the reference to the patient looks like."""
    subject = {"reference": f"{BASE}/Patient/p"}
    crp = record(
        "Observation", "crp", status="final", subject=subject, effectiveDateTime="2026-11-01",
        code={"coding": [{"system": "http://loinc.org", "code": "1988-5"}]},
        valueQuantity={"value": 7, "unit": "mg/L", "system": "http://unitsofmeasure.org", "code": "mg/L"},
    )  # fmt: skip
    Hospital(respx_mock, batches=True, Observation=searchset(crp))
    reader = Reader(study().lexicon, VOCABULARY, server=BASE)

    chart = reader.read((await pull()).resources, "Patient/p")

    assert [reading.source for reading in chart.readings["crp"]] == ["Observation/crp"]


def test_the_plan_follows_from_the_study() -> None:
    """Every resource type of the notions is asked for, with consents and participations; nothing without a patient."""
    plan = plan_for(study(), VOCABULARY)

    of_notions = {kind for notion in study().notions.values() for kind in notion.resources}
    assert set(plan.kinds) == (of_notions | {"Consent", "ResearchSubject"}) - {"Patient", "ResearchStudy"}
    assert {"1988-5", "8480-6", "19911-7", "mrss-total"} <= set(plan.observation_codes)


def test_parameters_are_written_once() -> None:
    """A parameter list names each parameter once, so that no server keeps the first or the last of two."""
    for search in plan_for(study(), VOCABULARY).searches("p", 100, at_once=True):
        for way in search.ways:
            for params in way:
                names = [name for name, _ in params]
                assert len(set(names)) == len(names)
