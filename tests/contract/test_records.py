"""One patient's records from a server: batch or single searches, all pages, and what is known to be missing."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import respx
import stamina

from service.errors import InputError, Never, TryLater
from service.fhir.read import Reader
from service.hospital.client import FhirClient, Server
from service.hospital.plan import Plan, plan_for
from service.hospital.records import fetch_chart_resources
from service.screening.ports import Pulled
from service.study.load import default_mappings, load_vocabulary
from tests.screenings import study

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
VOCABULARY = load_vocabulary(default_mappings())
PLAN = Plan(("Observation", "Condition", "MedicationRequest", "AdverseEvent"), ("1988-5", "a,b"), VOCABULARY)
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


def record(kind: str, id_: str, **elements: Any) -> Json:
    """Return a resource."""
    return {"resourceType": kind, "id": id_, **elements}


def searchset(*resources: Json, following: str | None = None, **elements: Any) -> Json:
    """Return a page of a search."""
    links = [{"relation": "self", "url": f"{BASE}/x"}]
    if following:
        links.append({"relation": "next", "url": following})
    entries = [
        {"fullUrl": f"{BASE}/{item['resourceType']}/{item.get('id')}", "resource": item, "search": {"mode": "match"}}
        for item in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **elements}


OBSERVATION, CONDITION = record("Observation", "o1"), record("Condition", "c1")
ANSWERS: dict[str, Json | int] = {
    "Patient": record("Patient", "p"),
    "Observation": searchset(OBSERVATION),
    "Condition": searchset(CONDITION),
    "MedicationRequest": searchset(),
    "AdverseEvent": searchset(),
}

Answer = Json | int | httpx.Response | Callable[[Json], Json | int]


class Hospital:
    """A FHIR server made of answers by resource type: a page, a status, or what a search's parameters give."""

    def __init__(self, router: respx.MockRouter, *, batches: bool, **answers: Answer) -> None:
        """Take batches or refuse them; ``answers`` replace those of a small healthy server."""
        self.answers = ANSWERS | answers
        self.batches, self.searches = batches, []
        router.post(BASE).mock(side_effect=self._batch)
        router.route(url__startswith=f"{BASE}/").mock(side_effect=self._single)

    def _answer(self, kind: str, params: Json) -> Json | int | httpx.Response:
        if params:
            self.searches.append((kind, params))
        answer = self.answers[kind]
        return answer(params) if callable(answer) else answer

    def _single(self, request: httpx.Request) -> httpx.Response:
        kind = urlsplit(str(request.url)).path.removeprefix("/r4/").split("/")[0]
        query = request.content.decode() or urlsplit(str(request.url)).query
        answer = self._answer(kind, dict(parse_qsl(query)))
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)

    def _batch(self, request: httpx.Request) -> httpx.Response:
        if not self.batches:
            return httpx.Response(405)
        entries = []
        for entry in json.loads(request.content)["entry"]:
            path, _, query = entry["request"]["url"].partition("?")
            answer = self._answer(path.split("/")[0], dict(parse_qsl(query)))
            if isinstance(answer, int):
                entries.append({"response": {"status": f"{answer} refused"}})
            else:
                entries.append({"response": {"status": "200 OK"}, "resource": answer})
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "batch-response", "entry": entries})


async def pull(plan: Plan = PLAN, patient: str = "Patient/p") -> Pulled:
    """Pull a patient's records."""
    async with FhirClient(Server(base=BASE, page_size=50)) as client:
        return await fetch_chart_resources(client, patient, plan)


def ids(pulled: Pulled) -> list[str]:
    """Return ``Type/id`` of the records, sorted."""
    return sorted(f"{resource['resourceType']}/{resource['id']}" for resource, _ in pulled.resources)


HEALTHY = ["Condition/c1", "Observation/o1", "Patient/p"]


async def test_one_round_trip_where_batches_are_taken(respx_mock: respx.MockRouter) -> None:
    """The patient and every search are asked in one batch."""
    Hospital(respx_mock, batches=True)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, frozenset())
    assert len(respx_mock.calls) == 1


async def test_single_searches_where_batches_are_refused(respx_mock: respx.MockRouter) -> None:
    """A server that refuses batches is asked by single searches, and not asked for a batch again."""
    hospital = Hospital(respx_mock, batches=False)

    async with FhirClient(Server(base=BASE)) as client:
        first = await fetch_chart_resources(client, "p", PLAN)
        calls = len(respx_mock.calls)
        second = await fetch_chart_resources(client, "p", PLAN)

    assert ids(first) == ids(second) == HEALTHY
    assert (calls, len(respx_mock.calls)) == (6, 11)
    assert dict(hospital.searches)["AdverseEvent"] == {"subject": "Patient/p", "_count": "100"}


async def test_observations_are_asked_by_code(respx_mock: respx.MockRouter) -> None:
    """Observations are asked by their codes and their components' codes, without system, commas escaped."""
    hospital = Hospital(respx_mock, batches=True)

    await pull()

    assert dict(hospital.searches)["Observation"] == {
        "patient": "p",
        "_count": "50",
        "combo-code": "1988-5,a\\,b",
    }


@pytest.mark.parametrize("batches", [True, False])
async def test_observations_are_asked_whole_when_codes_are_refused(
    respx_mock: respx.MockRouter, *, batches: bool
) -> None:
    """A server that does not search by code gives all Observations of the patient."""

    def answer(params: Json) -> Json | int:
        return 400 if "combo-code" in params else searchset(OBSERVATION, record("Observation", "o2"))

    Hospital(respx_mock, batches=batches, Observation=answer)

    pulled = await pull()

    assert "Observation/o2" in ids(pulled)
    assert pulled.failed == frozenset()


async def test_a_long_list_of_codes_is_asked_in_parts(respx_mock: respx.MockRouter) -> None:
    """Codes go in parts of 500 which together are the whole list, and a record found twice is kept as found."""
    hospital = Hospital(respx_mock, batches=True)
    codes = tuple(f"{number}-1" for number in range(1001))

    await pull(PLAN._replace(observation_codes=codes))

    asked = [params["combo-code"].split(",") for kind, params in hospital.searches if kind == "Observation"]
    assert [len(part) for part in asked] == [500, 500, 1]
    assert tuple(code for part in asked for code in part) == codes


@pytest.mark.parametrize(
    "following",
    [f"{BASE}/Condition?page=2", "Condition?page=2", "/r4/Condition?page=2", f"{BASE}/Condition?page=2&x={'y' * 5000}"],
    ids=["absolute", "relative to the base", "relative to the host", "long"],
)
async def test_all_pages_are_read(respx_mock: respx.MockRouter, following: str) -> None:
    """Whatever form the link to the next page has, the records of both pages come, the repeated one once."""

    def answer(params: Json) -> Json:
        if "page" in params:
            return searchset(CONDITION, record("Condition", "c2"))
        return searchset(CONDITION, following=following)

    Hospital(respx_mock, batches=True, Condition=answer)

    pulled = await pull()

    assert [name for name in ids(pulled) if name.startswith("Condition")] == ["Condition/c1", "Condition/c2"]
    assert pulled.failed == frozenset()


def _no_second_page(params: Json) -> Json | int:
    return 410 if "page" in params else searchset(CONDITION, following="Condition?page=2")


def _outcome(severity: str, code: str, text: str = "") -> Json:
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@pytest.mark.parametrize(
    "answer",
    [
        searchset(CONDITION, following="https://attacker.example/r4/Condition?page=2"),
        searchset(CONDITION, following="https://fhir.hospital.example:443:443/r4/Condition?page=2"),
        lambda _: searchset(CONDITION, following="Condition?page=1"),
        _no_second_page,
        searchset(CONDITION, total=3),
        searchset(CONDITION, _outcome("warning", "suppressed")),
        searchset(CONDITION, _outcome("error", "processing")),
        searchset(CONDITION, _outcome("warning", "processing", "It may not contain the entire record.")),
        searchset(CONDITION) | {"entry": [{"search": {"mode": "match"}}, {"resource": CONDITION}]},
    ],
    ids=[
        "foreign next link",
        "broken next link",
        "pages in a circle",
        "page that is gone",
        "total not reached",
        "suppressed",
        "error among results",
        "vendor's words",
        "match without resource",
    ],
)
async def test_a_search_cut_short_marks_its_type_and_loses_nothing(
    respx_mock: respx.MockRouter, answer: Answer
) -> None:
    """What was had is kept, the type is marked, the other types are not, and the outcome is no record."""
    Hospital(respx_mock, batches=True, Condition=answer)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, {"Condition"})
    assert all(str(call.request.url).startswith(BASE) for call in respx_mock.calls)


async def test_an_outcome_that_only_informs_is_no_loss(respx_mock: respx.MockRouter) -> None:
    """A hint among the results neither marks the type nor becomes a record."""
    Hospital(respx_mock, batches=True, Condition=searchset(CONDITION, _outcome("information", "informational")))

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, frozenset())


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("status", [400, 403, 404, 503])
async def test_a_search_that_fails_marks_its_type(respx_mock: respx.MockRouter, status: int, *, batches: bool) -> None:
    """A refused or failing search loses its own type alone."""
    Hospital(respx_mock, batches=batches, Condition=status)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (["Observation/o1", "Patient/p"], {"Condition"})


async def test_what_a_batch_could_not_do_is_asked_again(respx_mock: respx.MockRouter) -> None:
    """An entry of a batch that failed for the moment is asked once more by itself."""
    answers = iter([503, searchset(CONDITION)])
    Hospital(respx_mock, batches=True, Condition=lambda _: next(answers))

    assert (await pull()).failed == frozenset()


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(200, json=searchset())])
async def test_a_batch_that_fails_is_replaced_by_searches(respx_mock: respx.MockRouter, answer: httpx.Response) -> None:
    """A batch that breaks, or whose answers do not fit the questions, costs nothing but time."""
    Hospital(respx_mock, batches=True)
    respx_mock.post(BASE).mock(return_value=answer)

    pulled = await pull()

    assert (ids(pulled), pulled.failed) == (HEALTHY, frozenset())


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("status", [404, 410])
async def test_an_unknown_patient_is_not_found(respx_mock: respx.MockRouter, status: int, *, batches: bool) -> None:
    """A patient that the server does not hold, or holds no more, is the caller's mistake."""
    Hospital(respx_mock, batches=batches, Patient=status)

    with pytest.raises(InputError) as refused:
        await pull()

    assert refused.value.code == "patient-not-found"


@pytest.mark.parametrize("patient", ["", "p/../../admin", "p?x=1", "p q", "Patient/", "x" * 65])
async def test_an_id_that_is_none_is_not_asked_for(respx_mock: respx.MockRouter, patient: str) -> None:
    """What cannot be an id of FHIR is not found, and never becomes a part of a URL."""
    with pytest.raises(InputError):
        await pull(patient=patient)

    assert not respx_mock.calls


@pytest.mark.parametrize(("status", "error"), [(401, Never), (403, Never), (503, TryLater)])
async def test_a_patient_that_cannot_be_read_is_an_error(
    respx_mock: respx.MockRouter, status: int, error: type[Exception]
) -> None:
    """Without the Patient itself there is no chart."""
    Hospital(respx_mock, batches=True, Patient=status)

    with pytest.raises(error):
        await pull()


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


async def test_medications_that_cannot_be_had_mark_their_orders(respx_mock: respx.MockRouter) -> None:
    """When the medications cannot be had, the orders that name them are incomplete."""
    Hospital(respx_mock, batches=True, MedicationRequest=searchset(ORDER), Medication=403)

    assert (await pull()).failed == {"MedicationRequest"}


def test_the_plan_follows_from_the_study() -> None:
    """Every resource type of the notions is asked for, with consents and participations; nothing without a patient."""
    plan = plan_for(study(), VOCABULARY)

    of_notions = {kind for notion in study().notions.values() for kind in notion.resources}
    assert set(plan.kinds) == (of_notions | {"Consent", "ResearchSubject"}) - {"Patient", "ResearchStudy"}
    assert {"1988-5", "8480-6", "19911-7", "mrss-total"} <= set(plan.observation_codes)


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


def test_parameters_are_written_once() -> None:
    """A parameter list names each parameter once, so that no server keeps the first or the last of two."""
    for search in plan_for(study(), VOCABULARY).searches("p", 100):
        for way in search.ways:
            for params in way:
                names = [name for name, _ in params]
                assert len(set(names)) == len(names)
