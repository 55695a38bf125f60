"""The synchronous client on the wire: what is sent, repeated, waited for, refused, and to whom the token is shown."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import responses

from service.api import models
from service.client import Candor, Refused, Screening
from service.errors import Never, SettingError, TryLater

URL = "https://candor.hospital.example"
SCREENINGS = f"{URL}/api/v1/screenings"
RESULT = {"id": "s-1", "status": "candidate"}
SHOWN = "t0ken"
PROBLEM = "application/problem+json"


@pytest.fixture
def slept() -> list[float]:
    """Give the waits of the client, which take no time here."""
    return []


@pytest.fixture
def candor(slept: list[float]) -> Candor:
    """Give a client with a token."""
    return Candor(URL, token=SHOWN, sleep=slept.append)


def sent(call: int = 0) -> Any:
    """Return what a request asked for."""
    return json.loads(responses.calls[call].request.body or b"{}")


def test_a_result_has_the_documented_members() -> None:
    """The client's type names what openapi.yaml documents, no more and no less."""
    assert Screening.__annotations__.keys() == models.Screening.model_fields.keys()


@responses.activate
def test_a_patient_is_screened(candor: Candor) -> None:
    """The request holds what was wanted, the token, and a key of its own."""
    responses.post(SCREENINGS, json=RESULT)
    result = candor.screen(patient="123", study="NCT1", as_of=date(2026, 11, 23), write_back=True)
    headers = responses.calls[0].request.headers

    assert result["status"] == "candidate"
    assert sent() == {"patient": "123", "study": "NCT1", "as_of": "2026-11-23", "write_back": True}
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer t0ken", "application/json")
    assert UUID(headers["Idempotency-Key"]).version == 4
    assert "Prefer" not in headers


@responses.activate
@pytest.mark.parametrize("brought", [b'{"resourceType": "Bundle", "value": 1.50}', {"resourceType": "Bundle"}])
def test_records_are_brought_as_bytes_or_decoded(candor: Candor, brought: bytes | dict[str, str]) -> None:
    """A Bundle's bytes leave as they are, so that decimals stay as written."""
    responses.post(SCREENINGS, json=RESULT)
    candor.screen(bundle=brought)
    body = responses.calls[0].request.body

    assert isinstance(body, bytes)
    assert (brought if isinstance(brought, bytes) else b'{"resourceType":"Bundle"}') in body
    assert sent().keys() == {"bundle"}


@responses.activate
def test_each_call_has_its_own_key_and_a_given_one_is_kept(candor: Candor) -> None:
    """Two calls are two requests; who repeats a call names the key of the first."""
    responses.post(SCREENINGS, json=RESULT)
    for key in (None, None, "mine"):
        candor.screen(patient="123", key=key)
    keys = [call.request.headers["Idempotency-Key"] for call in responses.calls]

    assert (len(set(keys)), keys[-1]) == (3, "mine")


@responses.activate
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again_with_the_same_key(candor: Candor, slept: list[float], status: int) -> None:
    """The service says after how many seconds; what it had begun it does not begin again."""
    responses.post(SCREENINGS, status=status, json={"code": "queue-full"}, headers={"Retry-After": "7"})
    responses.post(SCREENINGS, json=RESULT)
    candor.screen(patient="123")
    first, second = (call.request.headers["Idempotency-Key"] for call in responses.calls)

    assert (slept, first) == ([7.0], second)


@responses.activate
@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_date_to_come_back_is_kept(candor: Candor, slept: list[float], zone: str) -> None:
    """Retry-After may be a date (RFC 9110), by a clock that does not tell its place too (RFC 5322)."""
    when = f"{datetime.now(UTC) + timedelta(seconds=60):%a, %d %b %Y %H:%M:%S} {zone}"
    responses.post(SCREENINGS, status=503, headers={"Retry-After": when})
    responses.post(SCREENINGS, json=RESULT)
    candor.screen(patient="123")

    assert 57 < slept[0] <= 60


@responses.activate
def test_waits_grow_until_patience_ends(candor: Candor, slept: list[float]) -> None:
    """Where no time is said, waits double, with some chance in them; the whole has an end."""
    responses.post(SCREENINGS, body=requests.ConnectionError("Smith"))
    with pytest.raises(TryLater, match="cannot be reached") as caught:
        candor.screen(patient="123")

    assert [wait <= 2**number and wait >= 2**number / 2 for number, wait in enumerate(slept)] == [True] * len(slept)
    assert 5 <= len(slept) <= 7
    assert sum(slept) <= 120
    assert "Smith" not in str(caught.value)


@responses.activate
def test_a_long_rest_is_left_to_the_caller(candor: Candor, slept: list[float]) -> None:
    """A cron job is told for how long, rather than kept."""
    responses.post(SCREENINGS, status=503, json={"code": "hospital-server-refuses"}, headers={"Retry-After": "300"})
    with pytest.raises(TryLater, match="hospital-server-refuses") as caught:
        candor.screen(patient="123")

    assert (slept, caught.value.retry_after) == ([], 300.0)


@responses.activate
def test_what_is_under_way_is_waited_for(candor: Candor, slept: list[float]) -> None:
    """202 is asked for again by its id, as often as the service says."""
    later = {"json": {"id": "s-1"}, "status": 202, "headers": {"Retry-After": "2"}}
    responses.post(SCREENINGS, **later)
    responses.get(f"{SCREENINGS}/s-1", **later)
    responses.get(f"{SCREENINGS}/s-1", json=RESULT)

    assert candor.screen(patient="123") == RESULT
    assert slept == [2.0, 2.0]


@responses.activate
def test_a_screening_is_started_and_waited_for(candor: Candor) -> None:
    """To start is to be told an id; the result comes with it, from another process too."""
    responses.post(SCREENINGS, status=202, json={"id": "s-1"})
    responses.get(f"{SCREENINGS}/s-1", json=RESULT)
    id_ = candor.start(patient="123")

    assert responses.calls[0].request.headers["Prefer"] == "respond-async"
    assert (id_, candor.wait(id_)) == ("s-1", RESULT)


@responses.activate
def test_patience_ends(candor: Candor, slept: list[float]) -> None:
    """What does not end is told as such, and can be asked for later."""
    responses.get(f"{SCREENINGS}/s-1", status=202, json={"id": "s-1"}, headers={"Retry-After": "50"})
    with pytest.raises(TryLater, match="still under way"):
        candor.wait("s-1")

    assert slept == [50.0, 50.0]


@responses.activate
def test_screenings_are_listed_page_by_page(candor: Candor) -> None:
    """Every page is asked for with the filters, and the cursor of the one before it."""
    asked = {"status": "candidate", "priority": "2", "limit": "1", "changed_since": "2026-11-23T00:00:00+00:00"}
    for cursor, following in ((None, "abc="), ("abc=", None)):
        query = asked | ({"cursor": cursor} if cursor else {})
        page = {"items": [RESULT], "next": following}
        responses.get(SCREENINGS, json=page, match=[responses.matchers.query_param_matcher(query)])
    since = datetime(2026, 11, 23, tzinfo=UTC)

    assert list(candor.screenings(status="candidate", priority=2, changed_since=since, limit=1)) == [RESULT, RESULT]


@responses.activate
def test_a_refusal_says_what_the_service_said(candor: Candor, slept: list[float]) -> None:
    """What will not help by repeating is not repeated; its code is for programs."""
    problem = {"code": "patient-replaced", "detail": "Replaced.", "replaced_by": "Patient/2", "status": 422}
    responses.post(SCREENINGS, status=422, json=problem, content_type=PROBLEM)
    with pytest.raises(Refused, match="422 patient-replaced") as caught:
        candor.screen(patient="123")

    assert (caught.value.status, caught.value.code, caught.value.replaced_by) == (422, "patient-replaced", "Patient/2")
    assert slept == []


@responses.activate
@pytest.mark.parametrize("body", ["<html>", "[]", "", b'{"code": "\xff"}', "[" * 100_000])
def test_a_refusal_of_something_else_has_no_code(candor: Candor, body: str | bytes) -> None:
    """A proxy's page is a refusal too."""
    responses.post(SCREENINGS, status=403, body=body)
    with pytest.raises(Refused) as caught:
        candor.screen(patient="123")

    assert (caught.value.status, caught.value.code) == (403, "unknown")


@responses.activate
def test_a_page_in_the_place_of_json_is_no_service(candor: Candor) -> None:
    """A sign-in page that comes with 200 is not taken for a result."""
    responses.post(SCREENINGS, body="<html>", content_type="text/html")
    with pytest.raises(Never, match="no Candor service"):
        candor.screen(patient="123")


@responses.activate
@pytest.mark.parametrize("body", [b"<html>", b'{"id": "\xff"}', b'{"id": '])
def test_broken_json_is_no_answer(candor: Candor, body: bytes) -> None:
    """What says that it is JSON and is none ends as an error of ours, which repeats nothing of it."""
    responses.post(SCREENINGS, body=body, content_type="application/json")
    with pytest.raises(Never, match="sent no JSON"):
        candor.screen(patient="123")


@responses.activate
@pytest.mark.parametrize("place", ["https://elsewhere.example/", f"{URL}/other"])
def test_a_redirect_is_not_followed(candor: Candor, place: str) -> None:
    """Neither token nor records go where an answer points to."""
    responses.post(SCREENINGS, status=307, headers={"Location": place})
    other = responses.post(place, json=RESULT)
    with pytest.raises(Never, match="redirect"):
        candor.screen(patient="123")

    assert (len(responses.calls), other.call_count) == (1, 0)


@responses.activate
def test_no_password_is_looked_for(slept: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that ~/.netrc holds for this host is not shown, nor in the place of a token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine candor.hospital.example login smith password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.post(SCREENINGS, json=RESULT)
    Candor(URL).screen(patient="123")
    Candor(URL, token=SHOWN).screen(patient="123")

    assert [call.request.headers.get("Authorization") for call in responses.calls] == [None, "Bearer t0ken"]


@responses.activate
def test_an_untrusted_certificate_is_no_reason_to_wait(candor: Candor, slept: list[float]) -> None:
    """Trying again does not help."""
    responses.post(SCREENINGS, body=requests.exceptions.SSLError("certificate verify failed"))
    with pytest.raises(Never, match="certificate"):
        candor.screen(patient="123")

    assert slept == []


@pytest.mark.parametrize("url", ["", "candor.example", "ftp://candor.example", f"{URL}?a=1", f"{URL}#a", "https://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """The address is checked before anything is sent."""
    with pytest.raises(SettingError, match="address"):
        Candor(url)


def test_a_token_is_not_sent_unencrypted() -> None:
    """Only on this machine may a token travel by http."""
    with pytest.raises(SettingError, match="unencrypted"):
        Candor("http://candor.hospital.example", token=SHOWN)
    for host in ("127.0.0.1:8000", "[::1]:8000", "localhost"):
        Candor(f"http://{host}", token=SHOWN).close()


def test_connections_are_closed() -> None:
    """As a context manager the client leaves nothing open."""
    with Candor(URL) as candor:
        assert isinstance(candor, Candor)
