"""People of a hospital's server as they are screened: one that fails stops nobody, a server that is down does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import respx

from service.discovery.model import GONE, Found
from service.errors import Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.plan import plan_for
from service.hospital.records import fetch_chart_resources
from service.hospital.refusals import Refused
from service.hospital.rest_people import RestPeople
from service.screening.patient import Screener
from service.screening.ports import Pulled
from tests.hospital import BASE, VOCABULARY, record, searchset
from tests.verdicts import shipped_reader, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

DAY = date(2026, 11, 23)
PEOPLE = [f"Patient/{number}" for number in range(30)]


@dataclass
class Charts:
    """The port ``Records``: what each patient's chart is, or what goes wrong."""

    answers: dict[str, Pulled | Exception] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    async def fetch(self, patient: str) -> Pulled:
        """Fetch."""
        self.fetched.append(patient)
        answer = self.answers.get(patient) or Pulled([(record("Patient", patient.removeprefix("Patient/")), None)])
        if isinstance(answer, Exception):
            raise answer
        return answer


async def screened(records: Any, patients: Sequence[str]) -> dict[str, Found]:
    """Screen people over REST."""
    async with FhirClient(Server(base=BASE)) as client:
        screener = Screener(shipped_study(), shipped_reader(), records)
        people = RestPeople(screener, client, VOCABULARY, since=None)
        return {each.patient: each async for each in people.screened(patients, DAY, lambda *_: None)}


async def test_a_patient_that_fails_stops_nobody() -> None:
    """Later, refused, and a chart on which the reader breaks have their codes; the others have results."""
    broken: Any = Pulled([(None, None)])  # type: ignore[list-item] # no server gives that
    charts = Charts({"Patient/a": TryLater("later"), "Patient/b": Never("no"), "Patient/c": broken})

    found = await screened(charts, [f"Patient/{each}" for each in "abcd"])

    assert {patient[-1]: each.error for patient, each in found.items()} == {
        "a": "try-later",
        "b": "server-refuses",
        "c": "patient-unreadable",
        "d": None,
    }
    assert found["Patient/d"].judged is not None


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.ConnectError("no route")])
async def test_a_server_that_is_down_ends_the_run_soon(
    respx_mock: respx.MockRouter, answer: httpx.Response | Exception
) -> None:
    """Nobody after the tenth is asked for; they are when the run is resumed."""
    respx_mock.get(url__startswith=f"{BASE}/Patient?").mock(
        **({"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer})
    )
    charts = Charts(dict.fromkeys(PEOPLE, TryLater("later")))

    with pytest.raises(TryLater):
        await screened(charts, PEOPLE)

    assert len(charts.fetched) <= 10 + 3 * Server(base=BASE).connections < len(PEOPLE)


async def test_failures_in_a_row_end_no_run_of_a_server_that_is_up(respx_mock: respx.MockRouter) -> None:
    """Some charts are too much for it: their people are listed, and the others are screened."""
    respx_mock.get(url__startswith=f"{BASE}/Patient?").respond(json=searchset())
    poison = PEOPLE[:25]

    found = await screened(Charts(dict.fromkeys(poison, TryLater("later"))), PEOPLE)

    assert {patient for patient, each in found.items() if each.error == "try-later"} == set(poison)
    assert {patient for patient, each in found.items() if each.judged} == set(PEOPLE) - set(poison)


@pytest.mark.parametrize("number", [1, 25])
async def test_charts_that_are_kept_from_us_end_no_run(respx_mock: respx.MockRouter, number: int) -> None:
    """Some people's records are for certain eyes only: they are listed, and the others are screened."""
    respx_mock.route(url__startswith=f"{BASE}/Patient").respond(json=searchset())
    kept = PEOPLE[:number]

    found = await screened(Charts(dict.fromkeys(kept, Refused("not for you", 403))), PEOPLE)

    assert {patient for patient, each in found.items() if each.error == "server-refuses"} == set(kept)
    assert {patient for patient, each in found.items() if each.judged} == set(PEOPLE) - set(kept)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_that_lets_us_in_no_more_ends_the_run_soon(respx_mock: respx.MockRouter, status: int) -> None:
    """Nobody is asked for in vain; whoever is left is when the run is resumed."""
    respx_mock.route(url__startswith=f"{BASE}/Patient").respond(status)
    charts = Charts(dict.fromkeys(PEOPLE, Refused("not you", status)))

    with pytest.raises(Refused):
        await screened(charts, PEOPLE)

    assert len(charts.fetched) < len(PEOPLE)


class Poisoned:
    """A server, without batches, that breaks on the charts of some people and knows of some that they are gone."""

    def __init__(
        self,
        router: respx.MockRouter,
        poison: Sequence[str] = (),
        *,
        in_searches: Sequence[str] = (),
        **gone: httpx.Response,
    ) -> None:
        self.poison, self.in_searches, self.gone = frozenset(poison), frozenset(in_searches), gone
        self.now = self.most = 0
        router.post(BASE).respond(405)
        router.route(url__startswith=f"{BASE}/").mock(side_effect=self._answer)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.now, self.most = self.now + 1, max(self.most, self.now + 1)
        await asyncio.sleep(0.001)
        self.now -= 1
        path, _, query = str(request.url).removeprefix(f"{BASE}/").partition("?")
        asked = dict(parse_qsl(request.content.decode() or query))
        patient = path if path.startswith("Patient/") else asked.get("patient", asked.get("subject", ""))
        patient = patient.removeprefix("Patient/")
        if f"Patient/{patient}" in (self.poison if path.startswith("Patient/") else self.poison | self.in_searches):
            return httpx.Response(503)
        if path.startswith("Patient/"):
            return self.gone.get(patient) or httpx.Response(200, json=record("Patient", patient))
        return httpx.Response(200, json=searchset())


async def from_server(patients: Sequence[str], connections: int = 4) -> dict[str, Found]:
    """Screen people over REST whose charts come from the server."""
    plan = plan_for(shipped_study(), VOCABULARY)
    async with FhirClient(Server(base=BASE, connections=connections)) as client:

        class Pulls:
            async def fetch(self, patient: str) -> Pulled:
                return await fetch_chart_resources(client, patient, plan)

        people = RestPeople(Screener(shipped_study(), shipped_reader(), Pulls()), client, VOCABULARY, since=None)
        return {each.patient: each async for each in people.screened(patients, DAY, lambda *_: None)}


async def test_charts_that_a_server_breaks_on_take_nobody_along(respx_mock: respx.MockRouter) -> None:
    """Twelve of them in a row have it left in peace for all: the others are asked for after that, and come whole."""
    people = [f"Patient/{number}" for number in range(24)]
    poison = people[4:16]
    Poisoned(respx_mock, poison)

    found = await from_server(people)

    assert {patient for patient, each in found.items() if each.error == "try-later"} == set(poison)
    whole = [each.judged.result for patient, each in found.items() if patient not in poison and each.judged]
    assert len(whole) == 12
    assert not [result for result in whole if result.warnings]


async def test_charts_that_come_in_part_leave_the_others_whole(respx_mock: respx.MockRouter) -> None:
    """Where the server breaks on searches of some people, it is left in peace for all, and nobody else goes short."""
    people = [f"Patient/{number}" for number in range(24)]
    in_part = people[3:20:2]
    Poisoned(respx_mock, in_searches=in_part)

    found = await from_server(people)

    assert {each.error for each in found.values()} == {None}
    warned = {patient for patient, each in found.items() if each.judged and each.judged.result.warnings}
    assert warned == set(in_part)


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}


async def test_somebody_whom_the_server_does_not_hold_is_gone(respx_mock: respx.MockRouter) -> None:
    """By 404 or 410 of the FHIR server; a 404 of anything else in its place, and every other refusal, is none."""
    gone = {"deleted": httpx.Response(410), "unknown": httpx.Response(404, json=OUTCOME)}
    others = {
        "elsewhere": httpx.Response(404),
        "bad": httpx.Response(400, json=OUTCOME),
        "conflict": httpx.Response(409),
    }
    Poisoned(respx_mock, (), **gone, **others)

    found = await from_server([f"Patient/{name}" for name in gone | others])

    ends = {patient.removeprefix("Patient/"): each for patient, each in found.items()}
    refused = {name: each.judged.result.code for name, each in ends.items() if each.judged}
    assert refused == dict.fromkeys(gone, GONE)
    assert {name: each.error for name, each in ends.items()} == dict.fromkeys(gone) | dict.fromkeys(
        others, "server-refuses"
    )


async def test_no_more_connections_are_used_than_permitted(respx_mock: respx.MockRouter) -> None:
    """Many people under way keep all of them busy."""
    server = Poisoned(respx_mock)

    found = await from_server([f"Patient/{number}" for number in range(12)], connections=3)

    assert [each.error for each in found.values()] == [None] * 12
    assert server.most == 3
