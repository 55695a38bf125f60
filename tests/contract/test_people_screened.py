"""People of a hospital's server as they are screened: one that fails stops nobody, a server that is down does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import pytest
import respx
import stamina

from service.discovery.model import Found
from service.errors import Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.plan import plan_for
from service.hospital.records import fetch_chart_resources
from service.hospital.rest_people import RestPeople
from service.screening.patient import Screener
from service.screening.ports import Pulled
from tests.hospital import BASE, VOCABULARY, record, searchset
from tests.verdicts import shipped_reader, shipped_study

pytestmark = pytest.mark.anyio

DAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@dataclass
class Charts:
    """The port ``Records``: what each patient's chart is, or what goes wrong."""

    answers: dict[str, Pulled | Exception] = field(default_factory=dict)

    async def fetch(self, patient: str) -> Pulled:
        """Fetch."""
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


async def test_ten_failures_in_a_row_end_the_run() -> None:
    """The server is down; whoever was not asked for is asked when the run is resumed."""
    people = [f"Patient/{number}" for number in range(30)]

    with pytest.raises(TryLater):
        await screened(Charts(dict.fromkeys(people, TryLater("later"))), people)


async def test_no_more_connections_are_used_than_permitted(respx_mock: respx.MockRouter) -> None:
    """Many people under way keep all of them busy."""
    at_once = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await asyncio.sleep(0.001)
        at_once -= 1
        if request.method == "GET" and "/Patient/" in str(request.url):
            return httpx.Response(200, json=record("Patient", str(request.url).rpartition("/")[2]))
        return httpx.Response(405) if str(request.url) == BASE else httpx.Response(200, json=searchset())

    respx_mock.route().mock(side_effect=answer)
    plan = plan_for(shipped_study(), VOCABULARY)
    async with FhirClient(Server(base=BASE, connections=3)) as client:

        class Pulls:
            async def fetch(self, patient: str) -> Pulled:
                return await fetch_chart_resources(client, patient, plan)

        screener = Screener(shipped_study(), shipped_reader(), Pulls())
        people = RestPeople(screener, client, VOCABULARY, since=None)
        patients = [f"Patient/{number}" for number in range(12)]
        found = [each.error async for each in people.screened(patients, DAY, lambda *_: None)]

    assert found == [None] * 12
    assert most == 3
