"""One patient's records from a server: batch or single searches, all pages, and what is known to be missing."""

from collections.abc import Iterator

import httpx
import pytest
import respx
import stamina

from service.errors import InputError, Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.records import fetch_chart_resources
from tests.hospital import (
    BASE,
    CONDITION,
    HEALTHY,
    OBSERVATION,
    PLAN,
    Answer,
    Hospital,
    Json,
    ids,
    pull,
    record,
    searchset,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


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
    assert dict(hospital.searches)["AdverseEvent"] == {"subject": "Patient/p", "_count": "200"}


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
        lambda params: (
            _outcome("information", "informational")
            if "page" in params
            else searchset(CONDITION, following="Condition?page=2")
        ),
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
        "outcome instead of a page",
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


async def test_what_a_batch_was_refused_for_good_is_not_asked_again(respx_mock: respx.MockRouter) -> None:
    """A final refusal of one entry of a batch costs no further request."""
    Hospital(respx_mock, batches=True, Condition=403)

    await pull()

    assert len(respx_mock.calls) == 1


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
    told = httpx.Response(status, json=_outcome("error", "not-found"))
    Hospital(respx_mock, batches=batches, Patient=status if batches else told)

    with pytest.raises(InputError) as refused:
        await pull()

    assert refused.value.code == "patient-not-found"


async def test_a_404_of_no_fhir_server_is_no_unknown_patient(respx_mock: respx.MockRouter) -> None:
    """Where every address is 404 in plain text, the URL is wrong, and nothing is known of the patient."""
    respx_mock.route().respond(404, text="404 page not found")

    with pytest.raises(Never, match="base URL"):
        await pull()


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
