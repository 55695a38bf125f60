"""Faults between us and a real FHIR server: what a caller sees, and that nothing is lost unsaid or written twice."""

from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest

from service.errors import Never, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.plan import plan_for
from service.hospital.records import fetch_chart_resources
from service.hospital.results import write_back
from service.screening.ports import Pulled
from service.study.load import default_mappings, load_vocabulary
from tests.servers.fault_proxy import (
    Fault,
    FaultProxy,
    half_done,
    latency,
    refusal,
    reset,
    reset_after,
    rewritten,
    sign_in_page,
    slow_drip,
    truncated,
)  # fmt: skip
from tests.servers.written import ABOUT_A_PATIENT, NOW, about, kinds, lines_of, load_chart, screen_on, subject_of
from tests.verdicts import shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PLAN = plan_for(shipped_study(), load_vocabulary(default_mappings()))
PATIENT = "faults"
SECONDS = 20.0  # more than the server ever takes
SHORT = 3.0


@pytest.fixture
async def proxy(server: str) -> AsyncIterator[FaultProxy]:
    """Give a proxy in front of each server in turn, on which a patient's records are."""
    load_chart(server, PATIENT)
    async with FaultProxy(server) as between:
        yield between


def names(pulled: Pulled) -> list[str]:
    """Return the references of the records, in order."""
    return sorted(f"{resource['resourceType']}/{resource['id']}" for resource, _ in pulled.resources)


async def pull(proxy: FaultProxy, *, page_size: int = 200, seconds: float = SECONDS) -> Pulled:
    """Pull the patient's records through the proxy."""
    async with FhirClient(Server(base=proxy.base, seconds=seconds, page_size=page_size)) as client:
        return await fetch_chart_resources(client, PATIENT, PLAN)


READS: dict[str, tuple[Fault, bool]] = {  # the fault, and whether the batch is tried again
    "latency": (latency(0.5), False),
    "reset before": (reset, True),
    "reset after": (reset_after, True),
    "truncated body": (truncated, True),
    "wrong content type": (rewritten(lambda answer: answer.replace(b"application/fhir+json", b"text/plain")), False),
    "429": (refusal(429, "Retry-After: 0"), True),
    "503": (refusal(503), True),
    "502 with a web page": (refusal(502), True),
    "slow drip": (slow_drip(0.2), False),
    "HTML page": (sign_in_page, False),
}


def seconds_for(name: str) -> float:
    """Return a budget that a fault without end uses up soon."""
    return SHORT if name == "slow drip" else SECONDS


@pytest.mark.parametrize("name", READS)
async def test_reading_goes_on_after_a_fault(proxy: FaultProxy, server: str, name: str) -> None:
    """After any single fault everything is read: the batch comes late, is asked again, or is replaced by searches."""
    fault, again = READS[name]
    proxy.once("batch", fault)

    pulled = await pull(proxy, seconds=seconds_for(name))

    async with FhirClient(Server(base=server)) as client:
        whole = await fetch_chart_resources(client, PATIENT, PLAN)
    assert names(pulled) == names(whole)
    assert pulled.failed == frozenset()
    assert [what.split()[-1] for what in proxy.seen].count("batch") == (2 if again else 1)


@pytest.mark.parametrize("name", READS.keys() - {"latency", "wrong content type"})
async def test_a_fault_that_stays_is_told(proxy: FaultProxy, name: str) -> None:
    """Where every answer is faulty the caller is told to try later, or what to correct, and gets no half chart."""
    proxy.once(".", READS[name][0], times=99)

    with pytest.raises(Never if name == "HTML page" else TryLater):
        await pull(proxy, seconds=seconds_for(name))


async def test_one_type_that_fails_marks_itself_alone(proxy: FaultProxy) -> None:
    """What is asked by itself and cannot be had is named; the rest is there."""
    proxy.once("batch", refusal(405))
    proxy.once("Condition", reset, times=99)

    pulled = await pull(proxy)

    assert pulled.failed == {"Condition"}
    assert "Observation" in {resource["resourceType"] for resource, _ in pulled.resources}


async def test_a_page_that_comes_twice(proxy: FaultProxy) -> None:
    """A server that leads in a circle doubles no record, and its type is incomplete."""
    first: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        first.append(answer)
        return answer

    proxy.once("batch", refusal(405))
    proxy.once("Observation/_search", rewritten(keep))
    proxy.once("_getpages", rewritten(lambda _: first[0]))

    pulled = await pull(proxy, page_size=5)

    assert "Observation" in pulled.failed
    assert len(set(names(pulled))) == len(names(pulled))


async def test_the_token_is_never_brought_to_another_server(proxy: FaultProxy, server: str) -> None:
    """Links and redirects to a second listener on the same machine are not followed: it hears nothing at all."""
    async with FaultProxy(server) as other:
        astray = (
            rewritten(
                lambda answer: answer.replace(proxy.base.encode() + b"?_getpages", other.base.encode() + b"?_getpages")
            ),
            refusal(307, f"Location: {other.base}/Patient/{PATIENT}"),
            refusal(302, f"Location: //127.0.0.1:{other.base.split(':')[2]}"),
        )
        proxy.once("batch", refusal(405))
        for fault, kind in zip(astray, ("Observation", "Condition", "Procedure"), strict=True):
            proxy.once(f"{kind}/_search", fault)
        pulled = await pull(proxy, page_size=5)

    assert {"Observation", "Condition", "Procedure"} <= pulled.failed
    assert other.seen == []


class Renewed:
    """Credentials that are renewed whenever a server rejects them."""

    number = 0

    async def header(self) -> str:
        """Return the newest."""
        return f"Bearer {self.number}"

    async def rejected(self, header: str) -> bool:
        """Take the next, unless another request has done so."""
        self.number += header == f"Bearer {self.number}"
        return True


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_a_token_that_expires_in_between(proxy: FaultProxy, server: str, write: bool) -> None:
    """A 401 in the middle of the work costs one renewal, and nothing is lost or doubled."""
    patient = load_chart(server, f"expired-{write}".lower())
    proxy.once(" transaction$" if write else " batch$", refusal(401))
    credentials = Renewed()

    async with FhirClient(Server(base=proxy.base, credentials=credentials)) as client:
        result = await screen_on(client, patient)
        await write_back(HospitalShelf(client), result, now=NOW)

    assert credentials.number == 1
    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)


WRITES: dict[str, tuple[Fault, type[Exception] | None]] = {
    "latency": (latency(0.5), None),
    "reset before": (reset, TryLater),
    "reset after": (reset_after, TryLater),
    "truncated body": (truncated, TryLater),
    "wrong content type": (rewritten(lambda answer: answer.replace(b"application/fhir+json", b"text/plain")), None),
    "HTML page": (sign_in_page, Never),
    "429": (refusal(429, "Retry-After: 0"), None),
    "503": (refusal(503), TryLater),
    "slow drip": (slow_drip(0.2), TryLater),
    "half a transaction": (half_done("GuidanceResponse", "Provenance"), TryLater),
    "all but the subject": (half_done("ResearchSubject", "Provenance"), TryLater),
}


@pytest.mark.parametrize("name", WRITES)
async def test_writing_after_a_fault_completes_and_doubles_nothing(proxy: FaultProxy, server: str, name: str) -> None:
    """What was not certainly done is not sent again by itself; the next run finds what is there and adds the rest."""
    fault, error = WRITES[name]
    patient = load_chart(server, f"fault-{name}".lower().replace(" ", "-"))
    proxy.once(" transaction$", fault)

    async with FhirClient(Server(base=server)) as client:
        result = await screen_on(client, patient)
    async with FhirClient(Server(base=proxy.base, seconds=seconds_for(name))) as client:
        with pytest.raises(error) if error else nullcontext():
            await write_back(HospitalShelf(client), result, now=NOW)
    async with FhirClient(Server(base=proxy.base)) as client:
        await write_back(HospitalShelf(client), result, now=NOW)
        last = await write_back(HospitalShelf(client), result, now=NOW)

    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)
    assert subject_of(server, patient)["status"] == result.status
    assert len(lines_of(server, patient)) == 1
    assert last.why == "unchanged"
