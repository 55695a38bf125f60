"""Searches of a hospital's server for people where it refuses, ignores, cuts short or fails: what is found and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import respx

from tests.contract.test_people import SINCE, coded, concluded, hospital, select, with_codes
from tests.hospital import BASE, Answer, Json, record, searchset

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

ILL = coded("c", "ill", "M34.0")
SSC = "https://trial-screening.example/fhir/CodeSystem/ssc"


def component(code: str) -> Json:
    """Return an Observation that has a code in a component only."""
    return record(
        "Observation",
        "panel",
        code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        component=[{"code": {"coding": [{"system": SSC, "code": code}]}}],
        subject={"reference": "Patient/ill"},
    )


def panels(**answers: Answer) -> Callable[[Json], Any]:
    """Answer searches of Observation by their parameter; a server that has no ``combo-code`` by default."""

    def answer(params: Json) -> Any:
        for name, given in ({"combo-code": 400, "code": searchset()} | answers).items():
            if name in params:
                return given
        return searchset()

    return answer


async def test_components_are_searched_by_themselves(respx_mock: respx.MockRouter) -> None:
    """Where a server does not search by both codes at once, nobody is missed whose code stands in a component."""
    hospital(respx_mock, Observation=panels(**{"component-code": searchset(component("mrss-total"))}))

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])


@pytest.mark.parametrize("answer", [400, 404, searchset(coded("o", "well", "J45", kind="Observation"))])
async def test_components_that_cannot_be_searched_are_told_of(respx_mock: respx.MockRouter, answer: Answer) -> None:
    """Refused or ignored: the rest is found; that people may be missing is told once and looked for no more."""
    with_code = searchset(coded("o", "ill", "mrss-total", SSC, "Observation"))
    hospital(respx_mock, Observation=panels(**{"component-code": answer, "code": with_code}))

    found = await select()

    assert found.patients == ["Patient/ill"]
    assert found.blind == ["Observation: the codes of components were not searched, for the server does not do that."]
    assert found.unread == []


@pytest.mark.parametrize("status", [400, 404])
async def test_a_type_that_is_not_kept_is_not_told_of(respx_mock: respx.MockRouter, status: int) -> None:
    """Nothing is missing of it."""
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": [{"type": "Condition"}]}]}
    hospital(respx_mock, Observation=status, Condition=with_codes(ILL), metadata=statement)

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])


async def test_the_servers_clock_tells_up_to_when_all_was_seen(respx_mock: respx.MockRouter) -> None:
    """By what it said before the first search, less what may have been under way."""
    dated = httpx.Response(200, json=searchset(total=7), headers={"Date": "Sun, 22 Nov 2026 01:00:00 GMT"})
    hospital(respx_mock, Patient=dated)

    assert (await select()).until == datetime(2026, 11, 22, 0, 55, tzinfo=UTC)


async def test_a_page_made_earlier_counts(respx_mock: respx.MockRouter) -> None:
    """A server that answers from what it kept, or two whose clocks differ."""
    dated = httpx.Response(200, json=searchset(total=7), headers={"Date": "Sun, 22 Nov 2026 01:00:00 GMT"})
    kept = searchset(meta={"lastUpdated": "2026-11-22T01:50:00+01:00"})
    hospital(respx_mock, Patient=dated, Condition=kept)

    assert (await select()).until == datetime(2026, 11, 22, 0, 45, tzinfo=UTC)


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
async def test_our_own_clock_is_read_before_the_searches(respx_mock: respx.MockRouter, headers: dict[str, str]) -> None:
    """And not trusted to go as the server's does."""
    hospital(respx_mock, Patient=httpx.Response(200, json=searchset(total=7), headers=headers))
    before = datetime.now(UTC)

    until = (await select()).until

    assert until is not None
    assert timedelta(0) <= until + timedelta(minutes=10) - before < timedelta(seconds=5)


async def test_a_search_cut_short_is_told_of(respx_mock: respx.MockRouter) -> None:
    """What came counts; that the server told of more is told."""

    def answer(params: Json) -> Json:
        page = with_codes(ILL)(params)
        return page | {"total": 3 if page["entry"] else 0}

    hospital(respx_mock, Condition=answer)

    found = await select()

    assert found.patients == ["Patient/ill"]
    assert found.unread == ["Condition: fhir.hospital.example told of 3 records that match, and gave 1."]


async def test_what_was_deleted_between_two_pages_is_not_missing(respx_mock: respx.MockRouter) -> None:
    """The search is asked once more; a total that holds then, or is smaller than what came, is nothing to tell."""
    totals = iter([2, 1, 0])

    def answer(params: Json) -> Json:
        page = with_codes(ILL)(params)
        return page | {"total": next(totals)} if page["entry"] else page

    hospital(respx_mock, Condition=answer)

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])
    assert list(totals) == [0]


async def test_a_match_that_is_not_shown_is_told_of(respx_mock: respx.MockRouter) -> None:
    """An entry without a resource, also where no total is told."""
    hidden = searchset()
    hidden["entry"] = [{"fullUrl": f"{BASE}/Condition/secret", "search": {"mode": "match"}}]
    hospital(respx_mock, Condition=hidden)

    assert (await select()).unread == ["Condition: fhir.hospital.example told of 1 records that match, and gave 0."]


async def test_an_answer_that_is_no_bundle_is_told_of(respx_mock: respx.MockRouter) -> None:
    """It is not taken for a search that found nobody."""
    hospital(respx_mock, Condition=record("OperationOutcome", "x", issue=[]))

    assert (await select()).unread == [
        "Condition: fhir.hospital.example answered a search of Condition with no Bundle."
    ]


@pytest.mark.parametrize("kind", ["DiagnosticReport", "Condition", "Observation"])
async def test_a_type_that_is_down_hides_nobody_of_the_others(respx_mock: respx.MockRouter, kind: str) -> None:
    """Its failures have the server left in peace for all; they are searched after that, and only it is unread."""
    ill: dict[str, Answer] = {
        "Condition": with_codes(coded("c", "condition", "M34.0")),
        "DiagnosticReport": concluded,
        "Observation": with_codes(coded("o", "observation", "mrss-total", SSC, "Observation")),
    }
    server = hospital(respx_mock, **ill | {kind: 503})

    found = await select(SINCE)

    assert found.patients == sorted("Patient/" + each.lower() for each in ill if each != kind)
    assert {each.partition(":")[0] for each in found.unread} == {kind}
    assert found.seen == 7
    assert "ResearchStudy" in dict(server.searches)


async def test_a_server_that_takes_no_posted_search_is_asked_in_parts(respx_mock: respx.MockRouter) -> None:
    """No URL is longer than what any server takes, no code is left out, and only the first is posted in vain."""
    asked, posted = list[str](), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if request.method == "POST":
            posted.append(url)
            return httpx.Response(405)
        if len(url) > 2_000:
            return httpx.Response(414)
        asked.append(url)
        return httpx.Response(200, json=searchset(ILL) if "/Condition?" in url and "M34.0%2C" in url else searchset())

    respx_mock.route(url__startswith=f"{BASE}/metadata").respond(json=hospital_statement())
    respx_mock.route(url__startswith=f"{BASE}/").mock(side_effect=answer)

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])
    assert len(posted) == len({urlsplit(each).path for each in asked})
    codes = {code for url in asked if "/Condition?" in url for code in url.partition("code=")[2].split("%2C")}
    assert len(codes) > 3_000


def hospital_statement() -> Json:
    """Return what a server says that tells nothing of types."""
    return {"resourceType": "CapabilityStatement", "rest": [{"resource": []}]}


async def test_the_largest_total_holds(respx_mock: respx.MockRouter) -> None:
    """A later page that tells of fewer takes back nothing."""
    pages = {"1": searchset(ILL, following=f"{BASE}/Condition?page=2", total=3), "2": searchset(ILL, total=1)}
    hospital(respx_mock, Condition=lambda params: pages[params.get("page", "1")] if asks(params) else searchset())

    found = await select()

    assert found.patients == ["Patient/ill"]
    assert found.unread == ["Condition: fhir.hospital.example told of 3 records that match, and gave 1."]


@pytest.mark.parametrize("id_", [["c"], {"value": "c"}, 7, None])
async def test_an_id_that_is_none_stops_nothing(respx_mock: respx.MockRouter, id_: object) -> None:
    """The record counts for its person, and as given."""
    hospital(
        respx_mock, Condition=lambda params: searchset(ILL | {"id": id_}, total=1) if asks(params) else searchset()
    )

    found = await select()

    assert (found.patients, found.unread) == (["Patient/ill"], [])


def asks(params: Json) -> bool:
    """Whether a search is for the code of ``ILL``, or its next page."""
    return "page" in params or "M34.0" in params.get("code", "").split(",")


async def test_a_large_hospital_has_many_pages(respx_mock: respx.MockRouter) -> None:
    """More than any chart has are followed to the last one."""

    def answer(params: Json) -> Json:
        page = int(params.get("page", "1"))
        following = f"{BASE}/Condition?page={page + 1}" if page <= 2_100 else None
        return searchset(coded(f"c{page}", f"p{page}", "M34.0"), following=following) if asks(params) else searchset()

    hospital(respx_mock, Condition=answer)

    found = await select()

    assert (len(found.patients), found.unread) == (2_101, [])
