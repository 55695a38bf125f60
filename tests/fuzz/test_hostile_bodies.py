"""Bodies that are meant to hurt, at every door that takes one; and Bundles that nobody would write."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import anyio
import pytest
import respx
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.config import Settings
from service.demo import charts
from tests.doors import OPERATIONS, STUDY, Operation
from tests.e2e.conftest import served
from tests.hospital import BASE, Hospital
from tests.verdicts import as_json

Json = dict[str, Any]

LIMIT = 1_000_000
SECRET = "a-secret-of-the-subscription"  # noqa: S105 - made up
TAKING = [each for each in OPERATIONS if each.method in {"POST", "PUT"}]
CHART: Json = json.loads(as_json(charts()["01-shown-in-full"]))
JSON = "application/json"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give the service with a hospital, so that every door is open."""
    chosen = Settings(
        home=tmp_path_factory.mktemp("home"), fhir_url=BASE, max_body_bytes=LIMIT, notification_secret=(SECRET,)
    )
    with respx.mock(assert_all_called=False) as router, served(chosen) as client:
        Hospital(router, batches=True)
        yield client


def path_of(operation: Operation) -> str:
    """Return the path of something that there is."""
    known = {"/cds-services/{id}": f"/cds-services/{STUDY}-patient-view", "{type}/{id}": "Observation/o1"}
    path = operation.path
    for name, value in known.items():
        path = path.replace(name, value)
    return path.replace("{id}", STUDY)


def send(http: TestClient, operation: Operation, body: bytes | Iterator[bytes], **headers: str) -> Any:
    """Send a body."""
    kind = "application/fhir+json" if operation.path.startswith(("/fhir", "/subscriptions")) else JSON
    told = {"Content-Type": kind, "Authorization": f"Bearer {SECRET}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return http.request(operation.method, path_of(operation), content=body, headers=told)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 925.}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b"\xff\xfe" + '{"resourceType": "Bundle"}'.encode("utf-16-le"),
        '{"a": "é"}'.encode("latin-1"),
        b'{"a": "\xed\xa0\x80"}',
        b"\x00",
        b"null",
        b'"text"',
        b"1e400",
        b'{"resourceType": 1}',
        b'{"resourceType": "Bundle", "entry": {"0": 1}}',
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("operation", TAKING, ids=lambda each: each.id)
def test_what_is_no_body_is_refused(http: TestClient, operation: Operation, body: bytes) -> None:
    """The caller is told that the body is at fault; an empty notification alone is one."""
    answer = send(http, operation, body)

    if operation.id.startswith("notify") and (
        body == b"" or (body.startswith(b'{"resourceType"') and "{id}" in operation.path)
    ):
        assert answer.status_code == 200  # the path alone tells which resource, and nothing else is believed
    else:
        assert answer.status_code in {400, 422}
        assert "internal" not in answer.text


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("operation", TAKING, ids=lambda each: each.id)
def test_a_body_beyond_the_limit_is_not_taken_in(http: TestClient, operation: Operation, *, declared: bool) -> None:
    """100 MB are refused by their length, and where that is not told, when the limit is passed."""
    pieces = (b" " * LIMIT for _ in range(100))
    answer = send(http, operation, pieces, **({"Content_Length": str(100 * LIMIT)} if declared else {}))

    assert answer.status_code == 413


@pytest.fixture
def hurried(http: TestClient) -> Iterator[TestClient]:
    """Give the service with little patience."""
    service = http.app.state.service  # type: ignore[attr-defined]
    patient = service.limits
    service.limits = replace(patient, body_seconds=0.05)
    yield http
    service.limits = patient


@pytest.mark.parametrize("operation", TAKING, ids=lambda each: each.id)
def test_a_body_that_does_not_come_is_not_waited_for(hurried: TestClient, operation: Operation) -> None:
    """One byte after another, for ever: 408, and the line is closed."""
    kind = "application/fhir+json" if operation.path.startswith(("/fhir", "/subscriptions")) else JSON
    headers = {"content-type": kind, "authorization": f"Bearer {SECRET}"}
    scope = {
        "type": "http",
        "method": operation.method,
        "path": path_of(operation),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def drip() -> MutableMapping[str, Any]:
        await anyio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def call() -> None:
        await hurried.app(scope, drip, send)

    assert hurried.portal is not None
    hurried.portal.call(call)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/xml"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/json; charset=utf-16"},
        {"Content_Type": "application/json; charset=iso-8859-1"},
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
    ],
    ids=lambda each: next(iter(each.values())),
)
@pytest.mark.parametrize("operation", TAKING, ids=lambda each: each.id)
def test_another_encoding_is_refused(http: TestClient, operation: Operation, headers: dict[str, str]) -> None:
    """Nothing is unpacked, and no other charset read: a small body cannot become a large one."""
    body = (
        gzip.compress(b'{"resourceType": "Bundle"}') if "Content_Encoding" in headers else b'{"resourceType": "Bundle"}'
    )
    answer = send(http, operation, body, **headers)

    assert answer.status_code == 415


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give where something stands."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


def _replaced(value: Any, place: tuple[str | int, ...], by: Any) -> Any:
    if not place:
        return by
    copy = value.copy()
    copy[place[0]] = _replaced(value[place[0]], place[1:], by)
    return copy


PLACES = list(_places(CHART))


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # the service's threads draw too
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), _json), min_size=1, max_size=4))
@settings(max_examples=300)
def test_a_bundle_with_anything_anywhere_gets_an_answer(http: TestClient, changes: list[tuple[Any, Any]]) -> None:
    """A chart whose elements are other than FHIR has them: judged, or refused with the reason; never a failure."""
    bundle: Any = CHART
    for place, by in changes:
        try:
            bundle = _replaced(bundle, place, by)
        except (KeyError, IndexError, TypeError, AttributeError):  # an earlier change took the place away
            continue
    answer = http.post("/api/v1/screenings", json={"bundle": bundle, "as_of": "2026-11-23"})

    assert answer.status_code in {200, 403, 422}, json.dumps([[p, b] for p, b in changes])
    if answer.status_code == 200:
        assert len(answer.json()["criteria"]) == 24
