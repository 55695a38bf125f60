"""A server that asks for a rest (Retry-After) while people are looked for: it gets it, and nobody is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
import respx

from service.errors import TryLater
from service.hospital.breaker import Breaker
from service.hospital.client import FhirClient, Server
from service.hospital.pulse import felt
from service.screening.ports import Pulled
from tests.contract.test_people import coded, hospital, select, with_codes
from tests.contract.test_people_screened import PEOPLE, Charts, screened
from tests.hospital import BASE, Json, record, searchset

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

ILL = with_codes(coded("c", "ill", "M34.0"))


class Clock:
    """Seconds that pass only where the server is left in peace."""

    def __init__(self) -> None:
        self.now, self.slept = 1_000.0, list[float]()

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the pauses last by a clock of ours."""
    clock = Clock()
    monkeypatch.setattr("service.hospital.transport.Breaker", partial(Breaker, clock=clock))
    monkeypatch.setattr("service.hospital.pulse.sleep", clock.sleep)
    monkeypatch.setattr("service.hospital.pulse.monotonic", clock)
    return clock


def rest(seconds: int, status: int = 429) -> httpx.Response:
    """Return an answer that asks for a rest."""
    return httpx.Response(status, headers={"Retry-After": str(seconds)})


def first(answer: httpx.Response, then: Callable[[Json], Json]) -> Callable[[Json], Any]:
    """Answer so once, and then as usual."""
    answers = iter([answer])
    return lambda params: next(answers, None) or then(params)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("seconds", [90, 850])
async def test_the_search_that_was_refused_is_asked_again(
    respx_mock: respx.MockRouter, clock: Clock, status: int, seconds: int
) -> None:
    """After the rest, as those that were not sent for it are."""
    hospital(respx_mock, Condition=first(rest(seconds, status), ILL))

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])
    assert sum(clock.slept) == seconds


async def test_a_research_subject_is_asked_for_again(respx_mock: respx.MockRouter, clock: Clock) -> None:
    """Whom the study knows is found after the rest, too."""
    subject = record("ResearchSubject", "s", individual={"reference": "Patient/member"})
    hospital(
        respx_mock,
        ResearchStudy=searchset(record("ResearchStudy", "r")),
        ResearchSubject=first(rest(90), lambda _: searchset(subject)),
    )

    found = await select()

    assert (found.patients, found.unread) == (["Patient/member"], [])
    assert sum(clock.slept) == 90


async def test_a_search_that_is_refused_twice_is_unread(respx_mock: respx.MockRouter, clock: Clock) -> None:
    """It is told, and the others are searched."""
    hospital(respx_mock, Condition=rest(60), Observation=searchset())

    found = await select()

    assert {each.partition(":")[0] for each in found.unread} == {"Condition"}
    assert found.seen == 7
    assert clock.slept


async def test_a_chart_that_was_refused_is_asked_for_again(respx_mock: respx.MockRouter, clock: Clock) -> None:
    """The person is screened when the others are."""
    respx_mock.get(url__startswith=f"{BASE}/Patient").respond(json=record("Patient", "0"))
    charts = Once({PEOPLE[0]: TryLater("later", 90)})

    found = await screened(charts, PEOPLE[:3])

    assert {patient for patient, each in found.items() if each.judged} == set(PEOPLE[:3])
    assert not clock.slept  # it was over


class Once(Charts):
    """Charts that go wrong the first time only."""

    async def fetch(self, patient: str) -> Pulled:
        """Fetch."""
        try:
            return await super().fetch(patient)
        finally:
            self.answers.pop(patient, None)


@pytest.mark.parametrize(
    ("answers", "slept"),
    [
        ([rest(5, 503)], [5]),
        ([rest(0, 503)], [1]),
        ([rest(5), rest(5), rest(5)], [5, 5, 5]),
        ([rest(850)], [850]),
        ([rest(600, 503)], [600]),
    ],
)
async def test_a_rest_is_waited_for(
    respx_mock: respx.MockRouter, clock: Clock, answers: list[httpx.Response], slept: list[float]
) -> None:
    """A quarter of an hour in all, and once where the server says that it is down."""
    respx_mock.get(url__startswith=f"{BASE}/Patient?").side_effect = [*answers, httpx.Response(200, json=searchset())]

    async with FhirClient(Server(base=BASE)) as client:
        assert (await felt(client)).waited

    assert clock.slept == slept


@pytest.mark.parametrize(
    "answers", [[rest(901)], [rest(5, 503)] * 2, [rest(5, 503), rest(5), rest(5, 503)], [rest(850)] * 2]
)
async def test_a_rest_that_is_too_long_is_left_to_the_run(
    respx_mock: respx.MockRouter, clock: Clock, answers: list[httpx.Response]
) -> None:
    """It ends then, to be resumed."""
    respx_mock.get(url__startswith=f"{BASE}/Patient?").side_effect = answers

    async with FhirClient(Server(base=BASE)) as client:
        with pytest.raises(TryLater):
            await felt(client)

    assert sum(clock.slept) <= 900
