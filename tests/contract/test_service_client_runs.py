"""The synchronous client starts searches of the whole hospital, and follows them to their end."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import requests
import responses

from service.api import discovery_models
from service.client import Candor, Refused, Run, RunWanted
from service.errors import Never

URL = "https://candor.hospital.example"
RUNS = f"{URL}/api/v1/discovery-runs"


def run(state: str, **changes: Any) -> dict[str, Any]:
    """Return a run as the service answers it."""
    return {"id": "r-1", "state": state, "progress": None, "reason": None, "report": None} | changes


def test_runs_have_the_documented_members() -> None:
    """The client's types name what openapi.yaml documents, no more and no less."""
    assert Run.__annotations__.keys() == discovery_models.DiscoveryRun.model_fields.keys()
    assert RunWanted.__annotations__.keys() == discovery_models.RunRequest.model_fields.keys() | {"key"}


@responses.activate
def test_a_run_is_started_and_followed() -> None:
    """Each look waits as long as the service said; whoever follows hears of each."""
    responses.post(RUNS, json={"id": "r-1"}, status=202)
    for answer in (run("queued"), run("running", progress={"stage": "screen", "done": 1, "total": 2})):
        responses.get(f"{RUNS}/r-1", json=answer, headers={"Retry-After": "10"})
    responses.get(f"{RUNS}/r-1", json=run("done", report={"new": []}))
    slept: list[float] = []
    heard: list[str] = []
    with Candor(URL, token="t0ken", sleep=slept.append) as candor:  # noqa: S106 - no secret
        id_ = candor.start_run(as_of=date(2026, 11, 23), source="bulk")
        done = candor.follow_run(id_, lambda each: heard.append(each["state"]))

    assert json.loads(responses.calls[0].request.body or b"") == {"as_of": "2026-11-23", "source": "bulk"}
    assert done["report"] == {"new": []}
    assert heard == ["queued", "running", "done"]
    assert slept == [10.0, 10.0]


@responses.activate
def test_a_run_that_failed_says_why() -> None:
    """There is no report to wait for."""
    responses.get(f"{RUNS}/r-1", json=run("failed", reason="the server is down"))
    with Candor(URL) as candor, pytest.raises(Never, match="the server is down"):
        candor.follow_run("r-1")


@responses.activate
def test_a_second_run_is_refused() -> None:
    """One of a study at a time; the code tells."""
    responses.post(RUNS, json={"code": "run-under-way", "detail": "d", "run": "r-1"}, status=409)
    with Candor(URL) as candor, pytest.raises(Refused) as caught:
        candor.start_run()
    assert (caught.value.code, caught.value.run) == ("run-under-way", "r-1")


@responses.activate
@pytest.mark.parametrize(
    "lost", [{"body": requests.ConnectionError()}, {"body": requests.ReadTimeout()}, {"status": 502}, {"status": 504}]
)
def test_a_run_whose_answer_was_lost_is_asked_for_again_with_the_same_key(lost: dict[str, Any]) -> None:
    """So the service answers with the run that it has begun, and begins no second one."""
    responses.post(RUNS, **lost)
    responses.post(RUNS, json={"id": "r-1"}, status=202)
    with Candor(URL, sleep=lambda _: None) as candor:
        assert candor.start_run(limit=5) == "r-1"
    first, again = (call.request for call in responses.calls)

    assert first.body == again.body == b'{"limit":5}'
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert UUID(first.headers["Idempotency-Key"]).version == 4


@responses.activate
def test_each_start_is_one_of_its_own_unless_the_caller_says_so() -> None:
    """The caller's key goes out as it is, and stands in no body."""
    responses.post(RUNS, json={"id": "r-1"}, status=202)
    with Candor(URL) as candor:
        candor.start_run()
        candor.start_run()
        candor.start_run(key="mine")
    keys = [call.request.headers["Idempotency-Key"] for call in responses.calls]

    assert (len(set(keys)), keys[-1]) == (3, "mine")
    assert {call.request.body for call in responses.calls} == {b"{}"}
