"""What changed on a server since a moment: how it is asked, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx
import stamina
import structlog

from service.errors import ServerError
from service.hospital.changes import HospitalChanges
from service.hospital.client import FhirClient, Server
from service.hospital.subscriptions import Subscriptions
from service.subscriptions.ports import Change
from tests.hospital import BASE, PLAN, Hospital, record, searchset

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)
NEW = {"versionId": "2", "lastUpdated": "2026-11-23T10:00:00.5Z"}
SUBJECT = {"reference": "Patient/1"}
CRP = record("Observation", "crp", meta=NEW, subject=SUBJECT)
NOTHING = dict.fromkeys(("Patient", *PLAN.kinds), searchset())


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    """Give what plays the network."""
    with respx.mock as played:
        yield played


async def found(*, times: int = 1) -> list[Change]:
    """Return what changed."""
    async with FhirClient(Server(base=BASE, page_size=50)) as client:
        watched = HospitalChanges(client, [PLAN], Subscriptions(client, [], "x"))
        for _ in range(times):
            changes = [change async for page in watched.changes(SINCE) for change in page.found]
    return changes


async def look(reference: str) -> Change | None:
    """Return one resource."""
    async with FhirClient(Server(base=BASE)) as client:
        return await HospitalChanges(client, [PLAN], Subscriptions(client, [], "x")).look(reference)


async def test_every_type_is_asked_for(router: respx.MockRouter) -> None:
    """The Patient and the types of the plan, by time; of Observations the codes, and of none more than whose it is."""
    hospital = Hospital(router, batches=False, **NOTHING | {"Observation": searchset(CRP)})
    changes = await found()
    whole = {
        "_lastUpdated": "ge2026-11-23T10:00:00.000Z",
        "_count": "50",
        "_elements": "subject,patient,individual,beneficiary",
    }

    assert changes == [Change("Observation/crp", "2", "Patient/1")]
    assert hospital.searches == [
        (kind, whole | ({"combo-code": r"1988-5,a\,b"} if kind == "Observation" else {}))
        for kind in ("Patient", *PLAN.kinds)
    ]


async def test_a_server_that_refuses_the_question(router: respx.MockRouter) -> None:
    """It is asked for more, then for all; the next time at once as it takes it."""

    def only_plain(params: dict[str, Any]) -> dict[str, Any] | int:
        return 400 if "combo-code" in params or "_elements" in params else searchset(CRP)

    hospital = Hospital(router, batches=False, **NOTHING | {"Observation": only_plain})
    changes = await found(times=2)

    assert [change.reference for change in changes] == ["Observation/crp"]
    assert len([kind for kind, _ in hospital.searches if kind == "Observation"]) == 4


@pytest.mark.parametrize("status", [403, 404])
async def test_a_type_that_is_refused_is_left_out(router: respx.MockRouter, status: int) -> None:
    """The others are looked at; one left out is logged, and of a type that the server does not keep nothing."""
    kept = {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [{"resource": [{"type": "AdverseEvent"}]}],
    }
    refused = {"AdverseEvent": status, "Condition": status, "metadata": kept}
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(CRP)} | refused)
    with structlog.testing.capture_logs() as logged:
        changes = await found()

    assert len(changes) == 1
    assert logged == [{"event": "changes-refused", "log_level": "warning", "count": 1}]


async def test_all_pages(router: respx.MockRouter) -> None:
    """Further pages are followed to the end."""
    router.get(f"{BASE}/more").mock(return_value=httpx.Response(200, json=searchset(CRP | {"id": "hb"})))
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(CRP, following=f"{BASE}/more")})

    assert [change.reference for change in await found()] == ["Observation/crp", "Observation/hb"]


async def test_a_page_that_cannot_be_had(router: respx.MockRouter) -> None:
    """Then the look is cut short, and says so: what it missed must not be taken for seen."""
    router.get(f"{BASE}/more").mock(return_value=httpx.Response(410))
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(CRP, following=f"{BASE}/more")})
    with pytest.raises(ServerError):
        await found()


async def test_pages_that_go_round(router: respx.MockRouter) -> None:
    """A server whose pages lead to each other is not followed for ever."""
    router.get(f"{BASE}/more").mock(return_value=httpx.Response(200, json=searchset(CRP, following=f"{BASE}/more")))
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(CRP, following=f"{BASE}/more")})
    with pytest.raises(ServerError, match="without end"):
        await found()


async def test_what_did_not_change_is_passed_over(router: respx.MockRouter) -> None:
    """A server that does not know `_lastUpdated` gives everybody's: what is older is no change."""
    old = CRP | {"id": "old", "meta": {"versionId": "1", "lastUpdated": "2026-11-23T09:59:59Z"}}
    undated = CRP | {"id": "undated", "meta": {"versionId": "1"}}
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(old, undated, CRP)})

    assert [change.reference for change in await found()] == ["Observation/undated", "Observation/crp"]


async def test_a_patient_of_another_server_is_not_ours(router: respx.MockRouter) -> None:
    """A reference that leads elsewhere names nobody here; an absolute one of this server does."""
    strange = CRP | {"subject": {"reference": "https://elsewhere.example/Patient/1"}}
    own = CRP | {"id": "own", "subject": {"reference": f"{BASE}/Patient/1"}}
    Hospital(router, batches=False, **NOTHING | {"Observation": searchset(strange, own)})

    assert [change.patient for change in await found()] == [None, "Patient/1"]


async def test_one_resource(router: respx.MockRouter) -> None:
    """Its version and whose it is; without a version the time stands for it."""
    Hospital(
        router,
        batches=False,
        Observation=CRP,
        Condition=CRP | {"resourceType": "Condition", "meta": NEW | {"versionId": 3}},
    )

    assert await look("Observation/crp") == Change("Observation/crp", "2", "Patient/1")
    assert await look("Condition/crp") == Change("Condition/crp", "2026-11-23T10:00:00.5Z", "Patient/1")


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_one_that_is_not_there(router: respx.MockRouter, status: int) -> None:
    """What is deleted, unknown or no id of this server is not there."""
    Hospital(router, batches=False, Observation=status)

    assert await look("Observation/x") is None


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_one_that_may_be_there(router: respx.MockRouter, status: int) -> None:
    """Where we are not let in, or the server is down, nothing is known."""
    Hospital(router, batches=False, Observation=status)
    with pytest.raises(ServerError):
        await look("Observation/x")
