"""What `check` tells an operator of real servers: what is right there, and what has to be repaired."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.checkup import Finding, check
from tests.servers.fault_proxy import FaultProxy
from tests.servers.fixtures import free_port, started_medplum

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep nothing of other runs."""
    monkeypatch.setenv("CANDOR_HOME", str(tmp_path))


def of_servers(monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[Finding]:
    """Run the check and return what it says of servers."""
    for name, value in settings.items():
        monkeypatch.setenv(f"CANDOR_{name.upper()}", value)
    return [each for each in check(None) if each.what.startswith("CANDOR_FHIR")]


def bad(findings: list[Finding]) -> list[str]:
    """Return what has to be repaired, with its remedy."""
    return [f"{each.what} {each.remedy}".strip() for each in findings if not each.good]


@pytest.fixture(scope="module")
def poor() -> Iterator[str]:
    """Give a server that keeps neither results nor adverse events."""
    with started_medplum("--without=ResearchSubject,GuidanceResponse,AdverseEvent") as base:
        yield base


def test_servers_of_two_makes_are_fit(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """Both can be read and written, and their own links lead back to them."""
    told = of_servers(monkeypatch, fhir_url=server)

    assert bad(told) == []
    assert {each.what for each in told} >= {
        "CANDOR_FHIR_URL: FHIR 4.0.1.",
        "CANDOR_FHIR_URL: ResearchSubject can be written.",
        "CANDOR_FHIR_URL: GuidanceResponse can be written.",
    }


def test_a_server_without_the_types_of_results(monkeypatch: pytest.MonkeyPatch, poor: str) -> None:
    """It is told which types are lacking and what to set; what is only read is no mistake."""
    told = of_servers(monkeypatch, fhir_url=poor)

    said = bad(told)
    for line, kind in zip(said, ("ResearchSubject", "GuidanceResponse"), strict=True):
        assert line.startswith(f"CANDOR_FHIR_URL: {kind} allows no create and no update.")
        assert "set CANDOR_FHIR_WRITE_URL to another server" in line
        assert f"CANDOR_FHIR_WRITE_WITHOUT={kind}" in line
    assert any("it keeps no AdverseEvent, ResearchSubject" in each.what for each in told)


def test_a_type_that_the_site_does_without(monkeypatch: pytest.MonkeyPatch, poor: str) -> None:
    """What is said to be lacking is no mistake any more."""
    lacking = "ResearchSubject,GuidanceResponse"

    assert bad(of_servers(monkeypatch, fhir_url=poor, fhir_write_without=lacking)) == []


def test_a_write_server_beside_it_helps(monkeypatch: pytest.MonkeyPatch, poor: str, medplum: str) -> None:
    """With another server for results the same hospital is fit."""
    assert bad(of_servers(monkeypatch, fhir_url=poor, fhir_write_url=medplum)) == []


def test_a_path_that_is_none(monkeypatch: pytest.MonkeyPatch, hapi: str) -> None:
    """Beside the base URL there is no FHIR."""
    [said] = bad(of_servers(monkeypatch, fhir_url=hapi.replace("/fhir", "/fihr")))

    assert "HTTP 404" in said
    assert said.endswith("Is this the base URL of its FHIR server?")


def test_a_port_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there may come back: the check says later."""
    [told] = of_servers(monkeypatch, fhir_url=f"http://127.0.0.1:{free_port()}/fhir")

    assert told.later
    assert told.what == "CANDOR_FHIR_URL: 127.0.0.1 cannot be reached for the CapabilityStatement."
    assert told.remedy == "Check the URL, and that the server is up."


def test_a_server_that_names_itself_otherwise(monkeypatch: pytest.MonkeyPatch, hapi: str) -> None:
    """Behind a gateway under another name, links to further pages would not be followed: this is told at once."""

    async def run() -> list[str]:
        async with FaultProxy(hapi, forwards_host=False) as gateway:
            return bad(await asyncio.to_thread(of_servers, monkeypatch, fhir_url=gateway.base))

    [said] = asyncio.run(run())

    assert said.startswith("CANDOR_FHIR_URL: its links to further pages lead to another address")
