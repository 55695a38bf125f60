"""Subscriptions on the hospital's server: which are made, kept, set going, given another secret, removed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import respx

from service.errors import Never
from service.hospital.client import FhirClient, Server
from service.hospital.plan import plan_for
from service.hospital.subscriptions import REASON, Channel, Subscriptions, criteria_for
from service.study.load import default_mappings, load_vocabulary
from tests.hospital import BASE, PLAN, searchset
from tests.verdicts import shipped_study

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
ENDPOINT = "https://candor.example/subscriptions/notifications"
CHANNEL = Channel(ENDPOINT, "secret")
WANTED = [("Patient?",), ("Observation?combo-code=1988-5", "Observation?code=1988-5", "Observation?")]


class Played:
    """A server that keeps Subscriptions, and refuses criteria that hold one of ``refused``."""

    def __init__(self, router: respx.MockRouter) -> None:
        """Hold none."""
        self.held: dict[str, Json] = {}
        self.refused: tuple[str, ...] = ()
        self.written: list[str] = []
        self.kinds = ["Patient", "Observation", "Subscription"]
        router.get(f"{BASE}/metadata").mock(side_effect=self._metadata)
        router.post(f"{BASE}/Subscription/_search").mock(side_effect=self._search)
        router.post(f"{BASE}/Subscription").mock(side_effect=self._create)
        router.put(url__regex=rf"{BASE}/Subscription/(?P<id_>\w+)").mock(side_effect=self._update)
        router.delete(url__regex=rf"{BASE}/Subscription/(?P<id_>\w+)").mock(side_effect=self._delete)

    def hold(self, criteria: str, **elements: Any) -> str:
        """Hold a Subscription; return its id."""
        id_ = f"s{len(self.held) + 1}"
        given = {"status": "active", "reason": REASON, "channel": CHANNEL.written()} | elements
        self.held[id_] = {
            "resourceType": "Subscription",
            "id": id_,
            "meta": {"versionId": "1", "lastUpdated": "2026-11-23T10:00:00Z"},
            "criteria": criteria,
        } | given
        return id_

    def _metadata(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - respx's call
        rest = [{"resource": [{"type": kind} for kind in self.kinds]}]
        return httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})

    def _search(self, request: httpx.Request) -> httpx.Response:
        assert dict(parse_qsl(request.content.decode()))["url"] == ENDPOINT
        return httpx.Response(200, json=searchset(*self.held.values()))  # as a server that does not know `url`

    def _create(self, request: httpx.Request) -> httpx.Response:
        told = json.loads(request.content)
        if any(each in told["criteria"] for each in self.refused):
            return httpx.Response(422, json={"resourceType": "OperationOutcome", "issue": []})
        del told["resourceType"]
        self.written.append(f"POST {self.hold(**told)}")
        return httpx.Response(201)

    def _update(self, request: httpx.Request, id_: str) -> httpx.Response:
        assert request.headers["if-match"] == 'W/"1"'
        self.held[id_] |= json.loads(request.content)
        self.written.append(f"PUT {id_}")
        return httpx.Response(200)

    def _delete(self, request: httpx.Request, id_: str) -> httpx.Response:  # noqa: ARG002 - respx's call
        del self.held[id_]
        self.written.append(f"DELETE {id_}")
        return httpx.Response(204)


@pytest.fixture
def server() -> Iterator[Played]:
    """Give the server."""
    with respx.mock as router:
        yield Played(router)


@pytest.fixture
async def there(server: Played) -> AsyncIterator[Subscriptions]:
    """Give what the hospital's room does there."""
    async with FhirClient(Server(base=BASE, attempts=1)) as client:
        yield Subscriptions(client, WANTED, ENDPOINT)


def test_what_is_subscribed_to_is_what_is_asked_for() -> None:
    """The Patient and every type of the plan; of Observations the codes, in parts, the bare type as the last way."""
    plan = plan_for(shipped_study(), load_vocabulary(default_mappings()))
    wanted = criteria_for([plan, plan])
    codes = [ways for ways in wanted if len(ways) > 1]
    asked = [code for ways in codes for code in ways[0].removeprefix("Observation?combo-code=").split(",")]

    assert [ways[0] for ways in wanted if len(ways) == 1] == [
        f"{kind}?" for kind in ("Patient", *plan.kinds) if kind != "Observation"
    ]
    assert asked == list(plan.observation_codes)
    assert {ways[1].partition("=")[0] for ways in codes} == {"Observation?code"}
    assert {ways[2] for ways in codes} == {"Observation?"}


def test_codes_are_written_so_that_nothing_parts_them() -> None:
    """A code with a comma stays one."""
    assert criteria_for([PLAN])[1][0] == r"Observation?combo-code=1988-5,a\,b"


async def test_all_are_made(server: Played, there: Subscriptions) -> None:
    """Each asks for status `requested`, shows the secret, and sends no record along."""
    await there.register(CHANNEL)

    assert [each["criteria"] for each in server.held.values()] == ["Patient?", "Observation?combo-code=1988-5"]
    assert [each["channel"] for each in server.held.values()] == 2 * [
        {"type": "rest-hook", "endpoint": ENDPOINT, "header": ["Authorization: Bearer secret"]}
    ]
    assert {each["status"] for each in server.held.values()} == {"requested"}


async def test_the_resource_comes_along_where_that_was_asked_for(server: Played, there: Subscriptions) -> None:
    """With a payload, and without a header where there is no secret."""
    await there.register(Channel(ENDPOINT, payload=True))
    channel = server.held["s1"]["channel"]

    assert channel == {"type": "rest-hook", "endpoint": ENDPOINT, "payload": "application/fhir+json"}


@pytest.mark.parametrize(
    ("refused", "taken"), [(("combo-code",), "Observation?code=1988-5"), (("combo-code", "?code"), "Observation?")]
)
async def test_criteria_that_a_server_does_not_take(
    server: Played, there: Subscriptions, refused: tuple[str, ...], taken: str
) -> None:
    """The next way to say it is tried, and known again later."""
    server.refused = refused
    await there.register(CHANNEL)
    await there.register(CHANNEL)

    assert [each["criteria"] for each in server.held.values()] == ["Patient?", taken]
    assert server.written == ["POST s1", "POST s2"]


async def test_a_type_that_the_server_does_not_keep(server: Played, there: Subscriptions) -> None:
    """Nothing is asked for that is not there, and nothing is missing."""
    server.kinds.remove("Observation")
    await there.register(CHANNEL)

    assert [each["criteria"] for each in server.held.values()] == ["Patient?"]
    assert [each.status for each in await there.standings()] == ["requested"]


async def test_a_server_that_takes_none(server: Played, there: Subscriptions) -> None:
    """Its refusal is told."""
    server.refused = ("?",)
    with pytest.raises(Never, match="creation of Subscription"):
        await there.register(CHANNEL)


async def test_what_goes_is_left_alone(server: Played, there: Subscriptions) -> None:
    """Registering again writes nothing."""
    await there.register(CHANNEL)
    server.held["s1"]["status"] = "active"
    server.written.clear()
    await there.register(CHANNEL)

    assert server.written == []


@pytest.mark.parametrize("status", ["off", "error"])
async def test_what_stopped_is_set_going(server: Played, there: Subscriptions, status: str) -> None:
    """It is asked for again; its error is gone."""
    await there.register(CHANNEL)
    server.held["s2"] |= {"status": status, "error": "lost"}
    await there.register(CHANNEL)

    assert (server.written[2:], server.held["s2"]["status"]) == (["PUT s2"], "requested")


async def test_another_secret_is_given_to_all(server: Played, there: Subscriptions) -> None:
    """While one secret follows another, registering again has the server show the new one."""
    await there.register(CHANNEL)
    await there.register(Channel(ENDPOINT, "newer"))

    assert [each["channel"]["header"] for each in server.held.values()] == 2 * [["Authorization: Bearer newer"]]


async def test_what_others_made_is_left_alone(server: Played, there: Subscriptions) -> None:
    """Ours that are not needed any more are deleted, and doubles; what others made, or leads elsewhere, stays."""
    server.hold("Patient?")
    server.hold("Patient?")
    server.hold("Flag?")
    others = {
        server.hold("Patient?", reason="mine"),
        server.hold("Patient?", channel={"endpoint": "https://x.example"}),
    }
    await there.register(CHANNEL)
    registered = sorted((each["criteria"], each["reason"]) for each in server.held.values())
    removed = await there.remove()

    assert registered == [
        ("Observation?combo-code=1988-5", REASON),
        ("Patient?", REASON),
        ("Patient?", REASON),
        ("Patient?", "mine"),
    ]
    assert (removed, set(server.held)) == (2, others)


async def test_how_they_stand(server: Played, there: Subscriptions) -> None:
    """Those that lead to us, whoever made them, and those that are missing."""
    server.hold("Patient?", status="error", error="lost")
    server.hold("https://hospital.example/topic", reason="a topic")
    server.hold("Patient?", channel={"endpoint": "https://x.example"})
    standings = await there.standings()

    assert [(each.id, each.criteria, each.status, each.error) for each in standings] == [
        ("s1", "Patient?", "error", "lost"),
        ("s2", "https://hospital.example/topic", "active", None),
        (None, "Observation?combo-code=1988-5", "missing", None),
    ]
    assert standings[0].since is not None
    assert [each.stopped for each in standings] == [True, False, True]
