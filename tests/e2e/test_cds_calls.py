"""Calls of the CDS services, on the service as it is served: a card, none, or 412."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import respx
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from service.api.cds_models import CdsResponse, CdsServices
from service.config import Settings, Url, Urls
from tests.cds import EHR, SERVICE, Ehr, call, lent, of_today, prefetch
from tests.cds_form import DISCOVERY, RESPONSE, check
from tests.e2e.conftest import served

Json = dict[str, Any]
Charts = dict[str, Json]


Kept = Callable[[], list[tuple[str, str, str]]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of a service whose CDS clients may name one server."""
    # A busy machine may be slower than a clinician would wait: the tests of the budget set their own.
    return Settings(home=tmp_path_factory.mktemp("home"), fhir_allowed=Urls([Url(EHR)]), cds_budget_ms=20_000)


@pytest.fixture(scope="module")
def http(settings: Settings) -> Iterator[TestClient]:
    """Give the service."""
    with served(settings) as client:
        yield client


@pytest.fixture(scope="module")
def kinds(http: TestClient) -> list[str]:
    """Give the keys of the prefetch that discovery asks for."""
    return list(http.get("/cds-services").json()["services"][0]["prefetch"])


@pytest.fixture
def candidate(sample: Charts) -> Json:
    """Give the chart of a candidate."""
    return of_today(sample["01-shown-in-full"])


@pytest.fixture
def other_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Give the same settings for a service of its own."""
    return replace(settings, home=tmp_path / "home")


@pytest.fixture
def kept(settings: Settings) -> Kept:
    """Give a look at the results that are kept during a test: trigger, patient, status."""
    before = len(rows(settings))
    return lambda: rows(settings)[before:]


def rows(settings: Settings) -> list[tuple[str, str, str]]:
    """Return trigger, patient and status of all results."""
    with closing(sqlite3.connect(settings.home / "candor.db")) as database:
        asked = "SELECT trigger, patient, coalesce(status, error) FROM screenings ORDER BY rowid"
        return database.execute(asked).fetchall()


def test_discovery_lists_a_service_a_hook(http: TestClient) -> None:
    """Both hooks are offered with the study's own prefetch, in the specification's form."""
    answer = http.get("/cds-services")

    check(DISCOVERY, answer.json())
    TypeAdapter(CdsServices).validate_json(answer.content)
    assert [(each["id"], each["hook"]) for each in answer.json()["services"]] == [
        ("NCT06722105-patient-view", "patient-view"),
        ("NCT06722105-order-sign", "order-sign"),
    ]


@pytest.mark.parametrize("hook", ["patient-view", "order-sign"])
def test_a_complete_prefetch_gives_a_card_and_asks_nobody(
    http: TestClient, kept: Kept, kinds: list[str], candidate: Json, hook: str
) -> None:
    """Nothing is fetched where everything was brought; the result is kept like any other."""
    body = call(candidate, hook=hook, prefetch=prefetch(candidate, kinds), **lent())
    with respx.mock:
        answer = http.post(f"/cds-services/NCT06722105-{hook}", json=body)

    check(RESPONSE, answer.json())
    TypeAdapter(CdsResponse).validate_json(answer.content)
    [card] = answer.json()["cards"]
    assert card["summary"].startswith("Candidate for the trial NCT06722105")
    assert card["links"][0]["url"] == "http://127.0.0.1:8000/worklist"
    assert kept() == [("cds-hooks", f"{EHR}/Patient/demo-01", "candidate")]


def test_the_hospitals_own_patient_is_kept_under_its_own_id(
    other_settings: Settings, kinds: list[str], candidate: Json
) -> None:
    """A result about a patient of our own server, named or not, is found again by its id."""
    body = call(candidate, prefetch=prefetch(candidate, kinds))
    settings = replace(other_settings, fhir_url=Url(EHR))
    with served(settings) as http, respx.mock:
        for server in ({}, {"fhirServer": "https://EHR.example:443/fhir/"}):
            assert len(http.post(SERVICE, json=body | server).json()["cards"]) == 1
        listed = http.get("/api/v1/screenings").json()["items"]

    assert rows(settings) == [("cds-hooks", "Patient/demo-01", "candidate")] * 2
    assert [each["patient"] for each in listed] == ["Patient/demo-01"]


def test_a_patient_elsewhere_is_nobody_of_ours(other_settings: Settings, kinds: list[str], sample: Charts) -> None:
    """About another server's patient our own server is not asked, though somebody there has the same id."""
    chart = of_today(sample["13-status-set-by-a-person"])
    [subject] = [each["resource"] for each in chart["entry"] if each["resource"]["resourceType"] == "ResearchSubject"]
    subject["study"] = {"identifier": {"value": "NCT06722105"}}
    settings = replace(other_settings, fhir_url=Url("https://hospital.example/fhir"))
    with served(settings) as http, respx.mock:
        answer = http.post(SERVICE, json=call(chart, prefetch=prefetch(chart, kinds), fhirServer=EHR))

    [card] = answer.json()["cards"]
    assert "A person has set" in card["detail"]
    assert "suggestions" not in card


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("05-one-result-missing", True),
        ("06-skin-score-too-old", True),
        ("07-diagnosis-alone", False),
        ("09-low-platelets", False),
        ("10-deceased", False),
        ("11-without-the-disease", False),
        ("12-replaced-record", False),
    ],
)
def test_only_priorities_1_to_3_have_a_card(
    http: TestClient, kinds: list[str], sample: Charts, name: str, *, shown: bool
) -> None:
    """Whoever is no candidate, or cannot be screened, is not spoken of."""
    chart = of_today(sample[name])
    chart["entry"] = [each for each in chart["entry"] if not each["resource"].get("id", "").endswith("survivor")]
    answer = http.post(SERVICE, json=call(chart, prefetch=prefetch(chart, kinds)))

    assert answer.status_code == 200
    assert bool(answer.json()["cards"]) is shown


def test_opposition_shows_in_nothing(http: TestClient, kept: Kept, kinds: list[str], candidate: Json) -> None:
    """A patient whose data may not be used gets the answer that every other patient gets."""
    denied = {
        "resourceType": "Consent",
        "id": "no",
        "status": "active",
        "scope": {"coding": [{"code": "research"}]},
        "patient": {"reference": "Patient/demo-01"},
        "dateTime": "2020-01-01",
        "provision": {"type": "deny"},
    }
    others = [each for each in candidate["entry"] if each["resource"]["resourceType"] != "Consent"]
    chart = candidate | {"entry": [*others, {"resource": denied}]}
    answer = http.post(SERVICE, json=call(chart, prefetch=prefetch(chart, kinds)))

    assert (answer.status_code, answer.content) == (200, b'{"cards":[]}')
    assert kept() == [("cds-hooks", "Patient/demo-01", "not-permitted")]


LACKING: dict[str, Callable[[Json], Any]] = {
    "missing": lambda _: ...,
    "null": lambda _: None,
    "an OperationOutcome": lambda _: {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "Smith"}]},
    "a page": lambda page: page | {"link": [{"relation": "next", "url": f"{EHR}?page=2"}]},
}


def incomplete(candidate: Json, kinds: list[str], lacking: Callable[[Json], Any]) -> Json:
    """Return a prefetch with all but the Observations."""
    brought = prefetch(candidate, kinds)
    value = lacking(brought.pop("Observation"))
    return brought if value is ... else brought | {"Observation": value}


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
def test_without_access_an_incomplete_prefetch_is_412(
    http: TestClient, kept: Kept, kinds: list[str], candidate: Json, lacking: Callable[[Json], Any]
) -> None:
    """What lacks is named by its type; nothing of the patient is repeated, nothing is judged."""
    answer = http.post(SERVICE, json=call(candidate, prefetch=incomplete(candidate, kinds, lacking)))

    outcome = answer.json()
    assert (answer.status_code, outcome["resourceType"]) == (412, "OperationOutcome")
    assert outcome["issue"][0]["details"]["coding"] == [{"code": "data-missing"}]
    assert "lacks Observation" in outcome["issue"][0]["details"]["text"]
    assert "demo-01" not in answer.text
    assert "Smith" not in answer.text
    assert kept() == []


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
def test_what_lacks_is_fetched_with_the_token_that_is_lent(
    http: TestClient,
    settings: Settings,
    kinds: list[str],
    candidate: Json,
    lacking: Callable[[Json], Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only what lacks is asked for, with that token and no other; the token is kept nowhere and logged nowhere."""
    body = call(candidate, prefetch=incomplete(candidate, kinds, lacking), **lent())
    with respx.mock as router:
        ehr = Ehr(router, candidate)
        answer = http.post(SERVICE, json=body)

    assert len(answer.json()["cards"]) == 1
    assert set(ehr.asked) == {"Patient", "Observation"}
    assert ehr.shown == {"Bearer lent-token-4711"}
    logged = capsys.readouterr()
    for file in settings.home.iterdir():
        assert b"lent-token-4711" not in file.read_bytes()
    assert "lent-token-4711" not in logged.out + logged.err


def test_a_read_from_the_clients_server_is_recorded(other_settings: Settings, candidate: Json) -> None:
    """Whoever's token it was, there is an AuditEvent of the read; of what was brought there is none."""
    reads = other_settings.home / "reads.ndjson"
    with served(other_settings) as http, respx.mock as router:
        Ehr(router, candidate)
        http.post(SERVICE, json=call(candidate, **lent()))
    [event] = reads.read_text().splitlines()

    assert '"AuditEvent"' in event
    assert "Patient/demo-01" in event


def test_without_any_prefetch_everything_is_fetched(http: TestClient, kinds: list[str], candidate: Json) -> None:
    """A client that brings nothing but access gets the same card."""
    with respx.mock as router:
        ehr = Ehr(router, candidate)
        fetched = http.post(SERVICE, json=call(candidate, **lent()))
    brought = http.post(SERVICE, json=call(candidate, prefetch=prefetch(candidate, kinds), fhirServer=EHR))

    assert set(kinds) <= set(ehr.asked)
    assert fetched.json() == brought.json()


@pytest.mark.parametrize(
    "server",
    [
        "https://ehr.example.evil.example/fhir",
        "https://evil.example/fhir",
        "https://ehr.example@evil.example/fhir",
        "https://ehr.example/fhir/../other",
        "https://ehr.example/other",
        "https://ehr.example/fhir2",
        "http://ehr.example/fhir",
        "https://ehr.example:8443/fhir",
        "http://169.254.169.254/fhir",
        "nonsense",
    ],
)
def test_no_other_server_gets_the_token(http: TestClient, kinds: list[str], candidate: Json, server: str) -> None:
    """A server that is not listed is not asked: 412."""
    with respx.mock:  # whatever is sent would fail as a bug, 500
        answer = http.post(SERVICE, json=call(candidate, **lent(server)))

    assert answer.status_code == 412


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_server_that_does_not_give_the_patient_is_412(http: TestClient, candidate: Json, status: int) -> None:
    """What cannot be fetched lacks, whatever the reason; the reason is told without the patient."""
    with respx.mock as router:
        Ehr(router, candidate, status=status)
        answer = http.post(SERVICE, json=call(candidate, **lent()))

    assert answer.status_code == 412
    assert "cannot be fetched" in answer.text
    assert "demo-01" not in answer.text


def test_a_late_answer_is_no_answer(other_settings: Settings, kinds: list[str], candidate: Json) -> None:
    """Where the budget is over before the card is there, the clinician is not kept waiting for it."""
    with served(replace(other_settings, cds_budget_ms=1)) as http:
        answer = http.post(SERVICE, json=call(candidate, prefetch=prefetch(candidate, kinds)))

    assert answer.json() == {"cards": []}


def test_the_budget_begins_when_fetched_data_is_there(
    other_settings: Settings, kinds: list[str], candidate: Json
) -> None:
    """Waiting for the client's server is not counted: what takes longer than the budget still gives a card."""
    brought = incomplete(candidate, kinds, LACKING["missing"])
    with served(replace(other_settings, cds_budget_ms=1_500)) as http, respx.mock as router:
        ehr = Ehr(router, candidate)
        ehr.before = lambda: time.sleep(0.6)
        answer = http.post(SERVICE, json=call(candidate, prefetch=brought, **lent()))

    assert len(answer.json()["cards"]) == 1


BODIES: dict[str, tuple[bytes | Json, int]] = {
    "not JSON": (b"{", 400),
    "NaN": (b'{"hook": NaN}', 400),
    "brackets": (b"[" * 200_000, 400),
    "wrong encoding": (b'{"hook": "\xff"}', 400),
    "a list": (b"[]", 400),
    "no context": ({"context": ...}, 400),
    "no user": ({"context": {"patientId": "demo-01"}}, 400),
    "no patient": ({"context": {"userId": "Practitioner/1"}}, 400),
    "a path for a patient": ({"context": {"userId": "Practitioner/1", "patientId": "../metadata"}}, 400),
    "no hookInstance": ({"hookInstance": ...}, 400),
    "another hook": ({"hook": "order-sign"}, 400),
    "prefetch as a list": ({"prefetch": []}, 400),
    "a token with a line break": ({"fhirServer": EHR, "fhirAuthorization": {"access_token": "a\r\nb"}}, 400),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_what_is_no_call_is_told_in_the_same_form(
    http: TestClient, candidate: Json, body: bytes | Json, status: int
) -> None:
    """A body that cannot be used is an OperationOutcome, which repeats nothing."""
    if isinstance(body, dict):
        members = call(candidate) | body
        answer = http.post(SERVICE, json={name: each for name, each in members.items() if each is not ...})
    else:
        answer = http.post(SERVICE, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")
    assert answer.headers["content-type"] == "application/json"


def test_other_media_types_and_services_are_refused(http: TestClient, candidate: Json) -> None:
    """JSON alone, and only services that discovery lists."""
    assert http.post(SERVICE, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert http.post("/cds-services/NCT00000000-patient-view", json=call(candidate)).status_code == 404
    assert http.post("/cds-services/NCT06722105-order-select", json=call(candidate)).status_code == 404
    assert http.get(SERVICE).status_code == 405
