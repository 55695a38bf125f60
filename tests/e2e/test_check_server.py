"""What `check` tells of a hospital's server: one sentence each, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx

from tests.e2e.test_command_line import SERVER, Candor

WRITABLE = [{"code": "create"}, {"code": "update"}]
KINDS = (
    "AdverseEvent", "AllergyIntolerance", "Condition", "Consent", "Coverage", "Device", "DiagnosticReport",
    "GuidanceResponse", "MedicationAdministration", "MedicationRequest", "MedicationStatement", "Observation",
    "Patient", "Procedure", "Provenance", "RelatedPerson", "ResearchStudy", "ResearchSubject",
)  # fmt: skip


Play = Callable[..., None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter) -> Play:
    """Play a good server, with what a test changes of it."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)

    def play(*without: str, link: str | None = None, **elements: Any) -> None:
        resources = [{"type": kind, "interaction": WRITABLE} for kind in KINDS if kind not in without]
        statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"resource": resources}]}
        page = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "self", "url": link or SERVER}]}
        respx_mock.get(f"{SERVER}/metadata").mock(httpx.Response(200, json=statement | elements))
        respx_mock.post(url__regex=f"{SERVER}/(Patient|ResearchStudy)/_search").mock(httpx.Response(200, json=page))

    return play


def test_a_good_server(candor: Candor, play: Play) -> None:
    """Nothing is wrong, and what can be done there is said."""
    play()
    run = candor("check")

    assert run.code == 0, run.out
    for said in ("CANDOR_FHIR_URL: FHIR 4.0.1.", "ResearchSubject can be written.", "GuidanceResponse can be written."):
        assert said in run.out


@pytest.mark.parametrize("kind", ["ResearchSubject", "GuidanceResponse"])
def test_a_server_that_takes_no_results(candor: Candor, play: Play, kind: str) -> None:
    """It is told before the first result is refused, with the way out."""
    play(kind)
    run = candor("check")

    assert run.code == 3
    assert f"{kind} allows no create and no update." in run.out
    assert "set CANDOR_FHIR_WRITE_URL to another server." in run.out


@pytest.mark.parametrize("kind", ["ResearchStudy", "Device", "Provenance"])
def test_a_server_that_takes_no_part_of_a_result(candor: Candor, play: Play, kind: str) -> None:
    """A result needs the study, the software and its Provenance there, for which nothing else can be done."""
    play(kind)
    run = candor("check")

    assert run.code == 3
    assert f"{kind} allows no create." in run.out
    assert "CANDOR_FHIR_WRITE_WITHOUT" not in run.out.split(f"{kind} allows")[1].split("CANDOR_FHIR_URL:")[0]


@pytest.mark.parametrize(
    ("kind", "declared", "lacks"),
    [("ResearchSubject", ["identifier"], "individual"), ("Provenance", ["patient"], "target")],
)
def test_a_server_that_does_not_search_what_it_takes(
    candor: Candor, play: Play, kind: str, declared: list[str], lacks: str
) -> None:
    """Without these searches nobody would know what is there already: it is told before the first result."""
    resources = [{"type": each, "interaction": WRITABLE} for each in KINDS if each != kind]
    searched = {"type": kind, "interaction": WRITABLE, "searchParam": [{"name": name} for name in declared]}
    play(rest=[{"resource": [*resources, searched]}])
    run = candor("check")

    assert run.code == 3
    assert f"{kind} is not searched by {lacks}, as it declares." in run.out


def test_types_that_a_server_does_not_keep(candor: Candor, play: Play) -> None:
    """What no chart will hold is said, and is no mistake."""
    play("AdverseEvent", "Coverage")
    run = candor("check")

    assert run.code == 0, run.out
    assert "it keeps no AdverseEvent, Coverage: charts are screened without." in run.out


@pytest.mark.parametrize(
    "link", ["http://fhir.hospital.example/r4/ResearchStudy", "https://localhost:8080/fhir?page=2"]
)
def test_links_that_lead_elsewhere(candor: Candor, play: Play, link: str) -> None:
    """A server that names itself otherwise than the setting does would lose every page but the first."""
    play(link=link)
    run = candor("check")

    assert run.code == 3
    assert "its links to further pages lead to another address" in run.out
    assert "Set the URL by which the server names itself" in run.out


@pytest.mark.parametrize("version", ["3.0.2", "4.3.0", "5.0.0"])
def test_another_version_of_fhir(candor: Candor, play: Play, version: str) -> None:
    """Only R4 is read."""
    play(fhirVersion=version)
    run = candor("check")

    assert run.code == 3
    assert f"FHIR {version}. An R4 (4.0.1) endpoint is needed; ask for its URL." in " ".join(run.out.split())


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (httpx.Response(404, text="Not found"), 3, "HTTP 404. Is this the base URL of its FHIR server?"),
        (httpx.Response(200, text="<html>", headers={"Content-Type": "text/html"}), 3, "is this the base URL"),
        (httpx.Response(200, json={"resourceType": "Patient"}), 3, "by no CapabilityStatement"),
        (httpx.Response(200, json={"name": "an API"}), 3, "is this the base URL of its FHIR server?"),
        (httpx.Response(301, headers={"Location": f"{SERVER}/fhir"}), 3, "configure the URL that it leads to"),
        (httpx.Response(401), 3, "HTTP 401. Check the token."),
        (httpx.Response(403), 3, "HTTP 403. Ask for the scope that allows it."),
        (
            httpx.ConnectError("x"),
            75,
            "cannot be reached for the CapabilityStatement. Check the URL, and that the server",
        ),
    ],
    ids=["no such path", "web page", "other resource", "other JSON", "redirect", "token", "scope", "nobody there"],
)
def test_a_wrong_address_or_way_in(
    candor: Candor,
    monkeypatch: pytest.MonkeyPatch,
    respx_mock: respx.MockRouter,
    answer: httpx.Response | Exception,
    code: int,
    said: str,
) -> None:
    """Each has its sentence and what to do; only what may pass by itself is 75."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    respx_mock.get(f"{SERVER}/metadata").mock(side_effect=[answer] * 9)
    run = candor("check")

    assert run.code == code
    assert said in " ".join(run.out.split())


def test_what_the_server_is_known_not_to_take(candor: Candor, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that the site has said to be lacking is no fault, and what is done instead is said."""
    monkeypatch.setenv("CANDOR_FHIR_WRITE_WITHOUT", "ResearchSubject, GuidanceResponse")
    play("ResearchSubject", "GuidanceResponse")
    run = candor("check")

    assert run.code == 0, run.out
    assert "ResearchSubject is not written there: the status stands in the GuidanceResponse" in run.out
    assert "GuidanceResponse is not written there: what it would hold is kept under CANDOR_HOME." in run.out


def test_what_is_written_where_it_can_be(candor: Candor, play: Play) -> None:
    """A server without List, AuditEvent and transactions is good, and what that means is said beforehand."""
    kinds = [{"type": kind, "interaction": WRITABLE} for kind in KINDS]
    play(rest=[{"resource": kinds, "interaction": [{"code": "batch"}]}])
    run = candor("check")

    assert run.code == 0, run.out
    assert "List allows no create and no update: nobody is put on a screening list." in run.out
    assert "AuditEvent allows no create: reads are recorded under CANDOR_HOME." in run.out
    assert "it declares no transactions" in run.out


def test_the_way_out_for_a_server_that_lacks_a_type(candor: Candor, play: Play) -> None:
    """The remedy names the setting by which results go there all the same, and what it means."""
    play("GuidanceResponse")
    run = candor("check")

    assert "With CANDOR_FHIR_WRITE_WITHOUT=GuidanceResponse, what it would hold is kept under CANDOR_HOME." in run.out
