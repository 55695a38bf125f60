"""What is kept of screenings, as callers see it: asked for later, found again, asked twice, listed."""

from __future__ import annotations

import asyncio
import threading
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter
from sqlalchemy import event

from service.api import models
from service.errors import Never, TryLater
from service.screening.document import encode
from tests.e2e.conftest import Doors
from tests.verdicts import as_json

URL = "/api/v1/screenings"
ASYNC = {"Prefer": "respond-async"}
NO_OFFSET = urlsafe_b64encode(msgspec.msgpack.encode(["2026-11-23T10:00:00", "0" * 36])).decode()
Charts = dict[str, dict[str, Any]]


def post(doors: Doors, body: bytes, **headers: str) -> Any:
    """Post bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return doors.http.post(URL, content=body, headers={"Content-Type": "application/json"} | named)


def bundle(sample: Charts, name: str, **more: Any) -> bytes:
    """Return a request for a sample chart."""
    return as_json({"bundle": sample[name], "as_of": "2026-11-23"} | more)


def ended(doors: Doors, location: str) -> Any:
    """Ask until nothing is under way any more."""
    until = time.monotonic() + 10
    while (answer := doors.http.get(location)).status_code == 202:
        assert time.monotonic() < until
        time.sleep(0.02)
    return answer


def test_a_result_is_found_again_byte_for_byte(doors: Doors, sample: Charts) -> None:
    """What a caller was answered can be read again by its id, and is the same."""
    first = post(doors, bundle(sample, "01-shown-in-full"))
    again = doors.http.get(f"{URL}/{first.json()['id']}")

    assert (again.status_code, again.content) == (200, first.content)


def test_a_caller_need_not_wait(doors: Doors, sample: Charts) -> None:
    """`Prefer: respond-async` is answered with where the result will be, and there it is."""
    accepted = post(doors, bundle(sample, "01-shown-in-full"), Prefer="wait=5, respond-async")
    answer = ended(doors, accepted.headers["location"])

    assert (accepted.status_code, accepted.headers["retry-after"]) == (202, "2")
    assert (answer.status_code, answer.json()["status"]) == (200, "candidate")
    assert answer.json()["id"] == accepted.json()["id"]


def test_what_is_under_way_is_told_so(doors: Doors) -> None:
    """Whoever asks before the result is there gets 202, where to ask again and when; the body names it alone."""
    go_on, fetch = threading.Event(), doors.records.fetch

    async def slowly(patient: str) -> Any:
        await asyncio.to_thread(go_on.wait, 10)
        return await fetch(patient)

    doors.records.fetch = slowly  # type: ignore[method-assign]
    location = post(doors, b'{"patient": "demo-01"}', **ASYNC).headers["location"]
    early = doors.http.get(location)
    go_on.set()
    answer = ended(doors, location)

    assert (early.status_code, early.headers["location"], early.headers["retry-after"]) == (202, location, "2")
    assert early.json() == {"id": location.rpartition("/")[2]}
    assert (answer.status_code, answer.json()["patient"]) == (200, "Patient/demo-01")


def test_a_result_of_later_is_posted_and_says_so(doors: Doors) -> None:
    """A result that is made and posted later tells in the end what was written and what a person had set."""
    doors.results.person = "screening"
    accepted = post(doors, b'{"patient": "demo-01", "as_of": "2026-11-23", "write_back": true}', **ASYNC)
    answer = ended(doors, accepted.headers["location"]).json()

    assert answer["written"] == {"done": True, "resources": ["ResearchSubject/1"]}
    assert (answer["person_status"], [each.patient for each in doors.results.posted]) == (
        "screening",
        ["Patient/demo-01"],
    )


@pytest.mark.parametrize(("name", "code"), [("12-replaced-record", "patient-replaced")])
def test_what_cannot_be_screened_is_told_later_as_it_is_at_once(
    doors: Doors, sample: Charts, name: str, code: str
) -> None:
    """The answer for a patient that cannot be screened is the same, now or later."""
    now = post(doors, bundle(sample, name))
    later = ended(doors, post(doors, bundle(sample, name), **ASYNC).headers["location"])

    assert (now.status_code, now.json()["code"]) == (422, code)
    assert (later.status_code, later.json()) == (422, now.json())


def test_a_bundle_without_a_patient_is_told_later(doors: Doors) -> None:
    """What turns out to be wrong with a Bundle after it was accepted is answered where the result would be."""
    accepted = post(doors, b'{"bundle": {"resourceType": "Bundle", "entry": []}}', **ASYNC)
    answer = ended(doors, accepted.headers["location"])

    assert (answer.status_code, answer.json()["code"]) == (422, "no-patient")


def test_what_is_wrong_with_the_request_itself_is_told_at_once(doors: Doors) -> None:
    """Nothing is accepted that can be seen to be wrong."""
    answers = [
        post(doors, body, **ASYNC) for body in (b"{", b"{}", b'{"patient": "../x"}', b'{"patient":"1","study":"X"}')
    ]

    assert [answer.status_code for answer in answers] == [400, 422, 422, 404]


@pytest.mark.parametrize("id_", ["11111111-1111-1111-1111-111111111111", "x", "a%00b"])
def test_an_unknown_screening_is_not_found(doors: Doors, id_: str) -> None:
    """An id that no screening has is 404."""
    answer = doors.http.get(f"{URL}/{id_}")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-screening")


def test_the_same_key_and_body_give_the_same_answer(doors: Doors, sample: Charts) -> None:
    """A request that is sent again with its key is not done again, at once or later."""
    body = bundle(sample, "01-shown-in-full", write_back=True)
    first, again = (post(doors, body, Idempotency_Key="key-1") for _ in range(2))
    later = post(doors, body, Idempotency_Key="key-1", **ASYNC)

    assert (first.status_code, again.content) == (200, first.content)
    assert later.headers["location"] == f"{URL}/{first.json()['id']}"
    assert len(doors.results.posted) == 1


def test_the_same_key_with_another_body_conflicts(doors: Doors) -> None:
    """A key that came with another body before is 409, and nothing is done."""
    post(doors, b'{"patient": "demo-01"}', Idempotency_Key="key-1")
    answer = post(doors, b'{"patient": "demo-02"}', Idempotency_Key="key-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_has_a_form(doors: Doors, key: str) -> None:
    """A key is printable ASCII without spaces."""
    answer = post(doors, b'{"patient": "demo-01"}', Idempotency_Key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-idempotency-key")


@pytest.mark.parametrize("failure", [TryLater("The server is down."), Never("The server refuses.")])
def test_a_request_that_failed_for_now_may_be_sent_again_with_its_key(doors: Doors, failure: Exception) -> None:
    """After a 503 the key is free: the same request is done when the hospital's server answers again."""
    doors.records.failure = failure
    refused = post(doors, b'{"patient": "demo-01"}', Idempotency_Key="key-1")
    doors.records.failure = None
    done = post(doors, b'{"patient": "demo-01"}', Idempotency_Key="key-1")

    assert (refused.status_code, done.status_code) == (503, 200)


def test_more_than_may_wait_is_refused(doors: Doors) -> None:
    """When the queue is full, further requests are 429 with `Retry-After`, and nothing is accepted."""
    doors.records.failure = TryLater("The server is down.", 60.0)
    answers = [post(doors, b'{"patient": "demo-01"}', **ASYNC) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert (answers[3].json()["code"], answers[3].headers["retry-after"]) == ("queue-full", "30")


def test_the_newest_of_each_patient_is_listed(doors: Doors, sample: Charts) -> None:
    """The list holds the newest screening of each patient, as it was answered, and none that failed."""
    posted = [
        post(doors, bundle(sample, name))
        for name in ("01-shown-in-full", "09-low-platelets", "01-shown-in-full", "12-replaced-record")
    ]
    listed = doors.http.get(URL)

    TypeAdapter(models.Screenings).validate_json(listed.content)
    assert listed.content == b'{"items":[' + posted[1].content + b"," + posted[2].content + b'],"next":null}'


def test_the_list_is_filtered(doors: Doors, sample: Charts) -> None:
    """Status, priority, study and time of change narrow the list."""
    first = post(doors, bundle(sample, "01-shown-in-full")).json()
    between = datetime.now(UTC).isoformat()
    second = post(doors, bundle(sample, "09-low-platelets")).json()

    def ids(**filters: Any) -> list[str]:
        return [each["id"] for each in doors.http.get(URL, params=filters).json()["items"]]

    assert first["status"] != second["status"]
    assert ids(status=first["status"]) == [first["id"]]
    assert ids(priority=first["priority"], study="NCT06722105") == [first["id"]]
    assert ids(changed_since=between) == [second["id"]]
    assert ids(changed_since=between, status=first["status"]) == []


def test_the_list_is_read_page_by_page(doors: Doors, sample: Charts) -> None:
    """Each page names the next one, the last names none, and together they hold everything once."""
    names = ["01-shown-in-full", "02-early-disease", "03-french-codes", "04-us-codes", "09-low-platelets"]
    posted = [post(doors, bundle(sample, name)).json()["id"] for name in names]
    pages, cursor = [], {}
    while cursor is not None:
        page = doors.http.get(URL, params={"limit": 2} | cursor).json()
        pages.append([each["id"] for each in page["items"]])
        cursor = {"cursor": page["next"]} if page["next"] else None

    assert pages == [posted[:2], posted[2:4], posted[4:]]


@pytest.mark.parametrize(
    ("filters", "status", "code"),
    [
        ({"status": "eligible"}, 422, "invalid-request"),
        ({"priority": "5"}, 422, "invalid-request"),
        ({"limit": "0"}, 422, "invalid-request"),
        ({"changed_since": "2026-11-23T10:00:00"}, 422, "invalid-request"),
        ({"changed_since": "0001-01-01T00:00:00+14:00"}, 422, "invalid-request"),
        ({"changed_since": "9999-12-31T23:59:59-14:00"}, 422, "invalid-request"),
        ({"cursor": "x"}, 422, "invalid-cursor"),
        ({"cursor": NO_OFFSET}, 422, "invalid-cursor"),
        ({"cursor": "kgOhYQ=="}, 422, "invalid-cursor"),
        ({"study": "NCT00000000"}, 404, "unknown-study"),
    ],
)
def test_a_filter_has_a_form(doors: Doors, filters: dict[str, str], status: int, code: str) -> None:
    """What cannot be a filter is refused."""
    answer = doors.http.get(URL, params=filters)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_post_that_fails_is_made_later(doors: Doors) -> None:
    """When the write server is down the caller is told 503; the result is kept, and posted when it answers again."""
    doors.results.failure = TryLater("The server is down.", 0.0)
    refused = post(doors, b'{"patient": "demo-01", "write_back": true}', Idempotency_Key="key-1")
    doors.results.failure = None
    again = post(doors, b'{"patient": "demo-01", "write_back": true}', Idempotency_Key="key-1")

    assert (refused.status_code, again.status_code) == (503, 200)
    assert (again.json()["written"]["done"], len(doors.results.posted)) == (True, 1)


def test_a_post_that_is_refused_is_said_in_the_result(doors: Doors) -> None:
    """When the write server refuses for good the caller is told 503, and the result says that it was not posted."""
    doors.results.failure = Never("The server refuses.")
    refused = post(doors, b'{"patient": "demo-01", "write_back": true}', Idempotency_Key="key-1")
    kept = post(doors, b'{"patient": "demo-01", "write_back": true}', Idempotency_Key="key-1")

    assert (refused.status_code, refused.json()["code"]) == (503, "hospital-server-refuses")
    assert (kept.status_code, kept.json()["written"]) == (200, {"done": False, "why": "refused"})


def test_a_kept_document_is_compact_json(doors: Doors, sample: Charts) -> None:
    """A result that was posted is written as any other: compact, its keys in order."""
    answer = post(doors, bundle(sample, "01-shown-in-full", write_back=True))

    assert answer.content == encode(answer.json())
    assert list(answer.json())[-4:] == ["written", "study_status", "rules", "software"]


def test_a_service_that_is_about_to_stop_is_not_ready(doors: Doors) -> None:
    """From the first signal on no load balancer sends it more, while what is under way is answered."""
    doors.http.app.state.service.desk.close()  # type: ignore[attr-defined]
    ready = doors.http.get("/readyz")

    assert (ready.status_code, ready.json(), ready.headers["retry-after"]) == (503, {"status": "stopping"}, "1")
    assert post(doors, b'{"patient": "demo-01"}').status_code == 200


def test_a_store_that_takes_nothing_is_said(doors: Doors) -> None:
    """Where nothing can be kept nothing is accepted: 503, and the service is not ready."""
    store = doors.http.app.state.service.desk.worker.jobs.store  # type: ignore[attr-defined]
    setting = ["ON"]

    @event.listens_for(store.database.engine, "checkout")
    def _(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA query_only = {setting[-1]}")

    ready, refused = doors.http.get("/readyz"), post(doors, b'{"patient": "demo-01"}')
    setting.append("OFF")

    assert (ready.status_code, ready.json()) == (503, {"status": "store-down"})
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "store-down", "30")
    assert doors.http.get("/readyz").status_code == 200
