"""`candor subscriptions` and what `check` says of them, as operators see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import respx

from tests.e2e.test_command_line import Candor
from tests.hospital import BASE, searchset

Json = dict[str, Any]
PUBLIC = "http://127.0.0.1:8000"  # for others check asks for an issuer, and whether its keys can be had
KINDS = (
    "AuditEvent", "Condition", "Device", "GuidanceResponse", "List", "Observation", "Patient", "Provenance",
    "ResearchStudy", "ResearchSubject",
)  # fmt: skip


class Played:
    """A hospital's server that keeps Subscriptions."""

    def __init__(self, router: respx.MockRouter) -> None:
        """Hold none."""
        self.held: list[Json] = []
        self.refuses = 0
        interactions = [{"code": code} for code in ("read", "create", "update", "search-type")]
        rest = [{"resource": [{"type": kind, "interaction": interactions} for kind in KINDS]}]
        told = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}
        router.get(f"{BASE}/metadata").respond(200, json=told)
        router.post(f"{BASE}/Subscription/_search").mock(side_effect=self._search)
        router.post(f"{BASE}/Subscription").mock(side_effect=self._create)
        router.delete(url__regex=rf"{BASE}/Subscription/\d+").mock(side_effect=self._delete)
        router.post(url__regex=rf"{BASE}/\w+/_search").respond(200, json=searchset())
        router.post(BASE).respond(404)

    def _search(self, request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.content.decode()))["url"]
        found = [each for each in self.held if each["channel"]["endpoint"] == asked]
        return httpx.Response(self.refuses or 200, json=searchset(*found))

    def _create(self, request: httpx.Request) -> httpx.Response:
        self.held.append(json.loads(request.content) | {"id": str(len(self.held)), "status": "active"})
        return httpx.Response(201)

    def _delete(self, request: httpx.Request) -> httpx.Response:
        gone = str(request.url).rpartition("/")[2]
        self.held = [each for each in self.held if each["id"] != gone]
        return httpx.Response(204)


@pytest.fixture
def server() -> Iterator[Played]:
    """Give the server."""
    with respx.mock(assert_all_called=False) as router:
        yield Played(router)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the commands need."""
    for name, value in (("FHIR_URL", BASE), ("PUBLIC_URL", PUBLIC), ("NOTIFICATION_SECRET", "newer,older")):
        monkeypatch.setenv(f"CANDOR_{name}", value)


def test_from_none_to_all_and_back(candor: Candor, server: Played) -> None:
    """None, all that the server can have, none again; the exit code says whether any is missing."""
    before, made, after = (candor("subscriptions", each) for each in ("status", "register", "status"))
    registered = list(server.held)
    removed, none = candor("subscriptions", "remove"), candor("subscriptions", "status")

    assert [run.code for run in (before, made, after, removed, none)] == [4, 0, 0, 0, 4]
    assert {line.split()[0] for line in before.out.splitlines()} == {"missing"}
    assert {line.split()[0] for line in made.out.splitlines()} == {"active"}
    assert made.out == after.out
    assert max(map(len, made.out.splitlines())) < 120  # criteria may hold hundreds of codes
    assert {each["criteria"].partition("?")[0] for each in registered} == {
        "Patient", "Observation", "Condition", "ResearchSubject",
    }  # fmt: skip
    assert {each["channel"]["endpoint"] for each in registered} == {f"{PUBLIC}/subscriptions/notifications"}
    assert {each["channel"]["header"][0] for each in registered} == {"Authorization: Bearer newer"}
    assert (removed.err, server.held) == (f"{len(registered)} removed.\n", [])


def test_json_for_scripts(candor: Candor, server: Played) -> None:
    """A line for each, with the whole criteria."""
    candor("subscriptions", "register", "--payload")
    lines = [json.loads(line) for line in candor("subscriptions", "status", "--json").out.splitlines()]

    assert [each["criteria"] for each in lines] == [each["criteria"] for each in server.held]
    assert list(lines[0]) == ["criteria", "status", "id", "since", "error"]
    assert {each["channel"]["payload"] for each in server.held} == {"application/fhir+json"}


def test_no_secret_is_shown(candor: Candor, server: Played) -> None:
    """Neither by the commands nor by `check`."""
    runs = [candor("subscriptions", each) for each in ("register", "status")] + [candor("check")]

    assert not [run for run in runs if "newer" in run.out + run.err or "older" in run.out + run.err]


@pytest.mark.parametrize(
    ("without", "named"),
    [("PUBLIC_URL", "CANDOR_PUBLIC_URL"), ("FHIR_URL", "CANDOR_FHIR_URL"), ("NOTIFICATION_SECRET", "CANDOR_NOTIFI")],
)
def test_a_setting_that_is_missing(candor: Candor, monkeypatch: pytest.MonkeyPatch, without: str, named: str) -> None:
    """It is named, with exit code 3, before anything is asked; this machine alone needs no secret."""
    monkeypatch.setenv("CANDOR_PUBLIC_URL", "https://candor.example")
    monkeypatch.delenv(f"CANDOR_{without}")
    run = candor("subscriptions", "register")

    assert (run.code, run.out) == (3, "")
    assert run.err.startswith(f"candor: {named}")


def test_a_server_that_lets_nobody_subscribe(candor: Candor, server: Played) -> None:
    """Its refusal is one sentence."""
    server.refuses = 403
    run = candor("subscriptions", "register")

    assert run.code == 3
    assert "refused the search of Subscription: HTTP 403" in run.err


@pytest.mark.parametrize(
    ("status", "told", "code"), [("active", "active.", 0), ("off", "1 off.", 3), ("error", "1 error", 3)]
)
def test_check_tells_whether_changes_are_heard_of(
    candor: Candor, server: Played, status: str, told: str, code: int
) -> None:
    """All active is good; one that stopped is to be repaired, and how is said."""
    candor("subscriptions", "register")
    server.held[0]["status"] = status
    run = candor("check")

    assert (run.code, told in run.out) == (code, True)
    assert ("candor subscriptions register" in run.out) is bool(code)


def test_check_where_none_is_registered(candor: Candor, server: Played) -> None:
    """Nobody asked for Subscriptions, or the server shows none: that is told, and is no mistake."""
    run = candor("check")
    server.refuses = 403
    without = candor("check")

    assert (run.code, without.code) == (0, 0)
    assert "none is registered" in run.out
    assert "cannot be looked at" in without.out
