"""Searches of the whole hospital as callers ask for them: once, however often the request is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient

from service.api import create_api
from service.api.service import Limits, Service
from service.discovery.door import RunDoor
from service.screening.patient import Screener
from service.store import run_starts
from service.store.run_store import SqlRuns
from service.store.store import SqlStore, open_store
from service.work.desk import Desk
from service.work.run import Jobs
from service.work.worker import Worker
from tests.verdicts import shipped_reader, shipped_study

URL = "/api/v1/discovery-runs"
STUDY = "NCT06722105"


class Doors(NamedTuple):
    """The HTTP service, and its store."""

    http: TestClient
    store: SqlStore

    def ask(self, body: bytes = b"{}", key: str | None = None) -> Any:
        """Ask for a run."""
        named = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(URL, content=body, headers={"Content-Type": "application/json"} | named)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    """Give a service in which runs wait."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Service]:
        with ThreadPoolExecutor(1) as worker:
            screeners = {STUDY: Screener(shipped_study(), shipped_reader(), worker=worker)}
            crew = Worker(Jobs(store, screeners), timedelta(seconds=30), tasks=1)
            runs = RunDoor(SqlRuns(store.database), screeners.keys(), frozenset({"rest"}), crew.wake)
            limits = Limits(body_bytes=1_000_000, entries=1_000, screenings=8)
            yield Service(screeners=screeners, limits=limits, worker=worker, desk=Desk(crew, bound=3), runs=runs)

    with open_store(None, tmp_path / "home") as store, TestClient(create_api(opened)) as http:
        yield Doors(http, store)


def test_the_same_key_and_body_are_one_run(doors: Doors) -> None:
    """Whoever did not hear the answer asks again, and hears it: not that a run is under way, which is its own."""
    first, again = (doors.ask(b'{"limit": 5}', "key-1") for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"] == f"{URL}/{first.json()['id']}"
    assert again.headers["retry-after"] == "10"


def test_a_key_stands_for_its_run_whatever_became_of_it(doors: Doors) -> None:
    """Also when it has failed, and when another is under way: only another key begins anew."""
    first = doors.ask(key="key-1")
    doors.store.database.now(run_starts.set_aside, datetime.now(UTC), first.json()["id"], "the server is down")
    again, other = doors.ask(key="key-1"), doors.ask(key="key-2")
    later = doors.ask(key="key-1")

    assert doors.http.get(first.headers["location"]).json()["state"] == "failed"
    assert again.json() == later.json() == first.json()
    assert (other.status_code, other.json() == first.json()) == (202, False)


def test_the_same_key_with_another_body_conflicts(doors: Doors) -> None:
    """As everywhere; what the first one asked for goes on."""
    first = doors.ask(key="key-1")
    answer = doors.ask(b'{"full": true}', "key-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")
    assert doors.ask(key="key-1").json() == first.json()


def test_one_key_is_not_for_two_kinds_of_request(doors: Doors) -> None:
    """A key that came with a screening gives no run."""
    headers = {"Idempotency-Key": "key-1", "Prefer": "respond-async"}
    bundle = {"bundle": {"resourceType": "Bundle", "entry": []}}
    assert doors.http.post("/api/v1/screenings", json=bundle, headers=headers).status_code == 202
    answer = doors.ask(key="key-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_has_a_form(doors: Doors, key: str) -> None:
    """As for screenings."""
    answer = doors.ask(key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-idempotency-key")


@pytest.mark.parametrize("key", [None, "key-2"])
def test_a_second_run_is_told_of_the_first(doors: Doors, key: str | None) -> None:
    """The refusal names the run under way, in words and for machines, and leaves the key free."""
    first = doors.ask(key="key-1").json()["id"]
    refused = doors.ask(key=key)
    doors.store.database.now(run_starts.set_aside, datetime.now(UTC), first, "the server is down")

    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert refused.json() == {
        "title": "Conflict",
        "status": 409,
        "code": "run-under-way",
        "detail": f"A run of this study is under way: {first}.",
        "run": first,
    }
    assert doors.ask(key=key).status_code == 202
