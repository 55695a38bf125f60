"""What FHIR servers are answered when they tell of changes, on the service as it is served; and what comes of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import respx
from fastapi.testclient import TestClient

from service.api.service import UNPROVEN
from service.config import Settings, Token, Tokens, Url
from service.demo import charts
from tests.e2e.conftest import served
from tests.hospital import BASE, Hospital, searchset
from tests.verdicts import as_json

Json = dict[str, Any]
PATH = "/subscriptions/notifications"
NEWER, OLDER = "s3cret", "older"
PUBLIC = "https://candor.example"


@contextmanager
def hospital() -> Iterator[None]:
    """Play a hospital that holds one chart."""
    by_type: dict[str, list[Json]] = {}
    for entry in json.loads(as_json(charts()["01-shown-in-full"]))["entry"]:
        by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    [patient] = by_type.pop("Patient")
    answers = {kind: searchset(*found) for kind, found in by_type.items()}
    with respx.mock(assert_all_called=False) as router:
        Hospital(router, batches=True, **answers | {"Patient": patient, "ResearchStudy": searchset()})
        yield


@contextmanager
def serving(home: Path, **settings: Any) -> Iterator[TestClient]:
    """Give the service beside the hospital."""
    given = {"fhir_url": Url(BASE), "notification_secret": Tokens((Token(NEWER), Token(OLDER)))} | settings
    with hospital(), served(Settings(home=home, **given)) as http:
        yield http


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a service that the tests share."""
    with serving(tmp_path_factory.mktemp("home"), max_body_bytes=1_300_000) as one:
        yield one


def tell(
    http: TestClient, path: str = "", body: Any = b"", method: str = "POST", token: str | None = NEWER, **headers: str
) -> Any:
    """Notify as a server does."""
    shown = {} if token is None else {"Authorization": f"Bearer {token}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sort = {"Content-Type": "application/fhir+json"} if content else {}
    return http.request(method, f"{PATH}{path}", content=content, headers=sort | shown | named)


def waiting(http: TestClient, kind: str = "look") -> float:
    """Return how many jobs of a kind are not done."""
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f'candor_jobs{{kind="{kind}"'))


CRP = {"resourceType": "Observation", "id": "demo-01-crp", "subject": {"reference": "Patient/demo-01"}}
HEARTBEAT = {
    "resourceType": "Bundle",
    "type": "history",
    "entry": [
        {
            "resource": {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "subscription", "valueReference": {"reference": "Subscription/s"}},
                    {"name": "type", "valueCode": "heartbeat"},
                ],
            }
        }
    ],
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", b""),
        ("", CRP),
        ("", HEARTBEAT),
        ("/Observation/demo-01-crp", b""),
        ("/Observation/demo-01-crp", CRP),
        ("/List/screening", {"resourceType": "List", "id": "screening"}),
    ],
    ids=["nothing", "a resource", "a topic", "an id", "an id and a resource", "another type"],
)
def test_the_forms_that_are_taken(http: TestClient, method: str, path: str, body: Any) -> None:
    """Each is answered 200 without a body, which servers would try to read."""
    answer = tell(http, path, body, method)

    assert (answer.status_code, answer.content) == (200, b"")


def test_an_empty_form_is_nothing(http: TestClient) -> None:
    """HAPI's bare POST says that it is a form, and is empty."""
    answer = tell(http, Content_Type="application/x-www-form-urlencoded")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("", b"{", {}, 400),
        ("", b'{"resourceType": NaN}', {}, 400),
        ("/Observation/1", b'{"a":' * 200_000, {}, 400),
        ("", b"\xff{}", {}, 400),
        ("", b"[]", {}, 422),
        ("", b"{}", {}, 422),
        ("", {"resourceType": "Bundle", "type": "history"}, {}, 422),
        ("/observation/1", b"", {}, 422),
        ("/Observation/a%20b", b"", {}, 422),
        ("/Observation/1/2", b"", {}, 404),
        ("", b"<Observation/>", {"Content_Type": "application/fhir+xml"}, 415),
        ("/Observation/1", b"{}", {"Content_Encoding": "gzip"}, 415),
        ("", b"x" * 1_300_001, {}, 413),
    ],
)
def test_what_is_no_notification_is_refused(
    http: TestClient, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    """As an OperationOutcome."""
    answer = tell(http, path, body, **headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_what_no_database_keeps_is_refused(http: TestClient) -> None:
    """422 where a text that would be kept holds a character that FHIR does not allow, as NUL."""
    event = {"eventNumber": "1", "timestamp": "x\0", "focus": {"reference": "Observation/1"}}
    status = {"resourceType": "SubscriptionStatus", "type": "event-notification", "notificationEvent": [event]}
    told = status | {"subscription": {"reference": "Subscription/1"}}

    assert tell(http, "", {"resourceType": "Bundle", "entry": [{"resource": told}]}).status_code == 422


@pytest.mark.parametrize("token", [None, "", "wrong"])
@pytest.mark.parametrize("path", ["", "/Observation/1"])
def test_without_the_secret_nothing_is_taken(http: TestClient, token: str | None, path: str) -> None:
    """401, before the body is looked at."""
    answer = tell(http, path, b"{", token=token)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def knock(http: TestClient, number: int, **headers: str) -> tuple[int, list[int], list[int]]:
    """Notify ``number`` times at once; return how often a body was read, what was answered before any came, and all."""
    named = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": named}
    read, answers = 0, []

    async def ask() -> list[int]:
        arrived, answered = anyio.Event(), anyio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answers.append(message["status"])
                answered.set()

        async def receive() -> Json:
            nonlocal read
            read += 1
            await arrived.wait()
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async with anyio.create_task_group() as callers:
            for _ in range(number):
                callers.start_soon(http.app, dict(scope), receive, send)
            with anyio.move_on_after(2):
                await answered.wait()
            early = list(answers)
            arrived.set()
        return early

    assert http.portal is not None
    early = http.portal.call(ask)
    return read, early, answers


@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer wrong"}])
def test_a_strangers_body_is_not_read(http: TestClient, shown: dict[str, str]) -> None:
    """Who shows no secret, or a wrong one, and signs nothing is refused before anything is taken in."""
    assert knock(http, 1, **shown) == (0, [401], [401])


def test_few_bodies_wait_for_their_signature_to_be_known(http: TestClient) -> None:
    """Anybody can say that a body is signed: of such bodies a few are read at a time, then 429."""
    read, early, answers = knock(http, UNPROVEN + 1, X_Signature="0" * 64)

    assert (read, early, sorted(answers)) == (UNPROVEN, [429], [401] * UNPROVEN + [429])
    assert knock(http, 1, X_Signature="0" * 64)[2] == [401]


def test_who_shows_the_secret_beside_a_signature_is_none_of_the_few(http: TestClient) -> None:
    """The secret tells whose body it is before it is read: invented signatures keep that server from nothing."""
    read, early, answers = knock(http, UNPROVEN + 1, X_Signature="0" * 64, Authorization=f"Bearer {NEWER}")

    assert (read, early, 401 in answers) == (UNPROVEN + 1, [], False)


def test_either_secret_and_a_signature_are_taken(http: TestClient) -> None:
    """The one that is followed by another still counts; so does a signature of the body."""
    body = json.dumps(CRP).encode()
    signature = hmac.new(NEWER.encode(), body, hashlib.sha256).hexdigest()

    assert tell(http, token=OLDER).status_code == 200
    assert tell(http, "", body, token=None, X_Signature=signature).status_code == 200
    assert tell(http, "", body + b" ", token=None, X_Signature=signature).status_code == 401


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 200), ({"public_url": Url(PUBLIC)}, 401), ({"public_url": Url("http://localhost:8000")}, 200)],
)
def test_where_no_secret_is_set(tmp_path: Path, settings: Json, status: int) -> None:
    """This machine alone is let in; where the service is known to others by its address, nobody."""
    with serving(tmp_path, notification_secret=Tokens(), **settings) as http:
        assert tell(http, token=None).status_code == status


def test_without_a_hospital_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    """409, as for a screening of a patient."""
    with serving(tmp_path, fhir_url=None) as http:
        answer = tell(http)

    assert answer.status_code == 409
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "no-hospital-server"


def test_more_than_may_wait(tmp_path: Path) -> None:
    """429, with when to tell it again; what was refused is not kept, and neither is what nobody may tell."""
    with serving(tmp_path, max_queue=1) as http:
        tell(http, token="wrong")  # noqa: S106
        tell(http, "", b"{}")
        before = waiting(http)
        tell(http)  # waits two seconds for others of its kind
        answer = tell(http, "/Observation/1")

        assert (before, waiting(http)) == (0, 1)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


def test_a_pushed_record_is_not_believed(tmp_path: Path) -> None:
    """Its patient is screened by what the server says: of the body nothing reaches the result."""
    forged = CRP | {"id": "not-there", "status": "final", "valueQuantity": {"value": 999, "unit": "mg/L"}}
    with serving(tmp_path) as http:
        tell(http, "/Patient/demo-01", {"resourceType": "Patient", "id": "demo-01", "deceasedBoolean": True})
        tell(http, "/Observation/not-there", forged)
        until = time.monotonic() + 30
        while not (found := http.get("/api/v1/screenings").json()["items"]):
            assert time.monotonic() < until
            time.sleep(0.1)

    assert [(each["patient"], each["preconditions"]) for each in found] == [("Patient/demo-01", [])]
    assert "999" not in json.dumps(found)
