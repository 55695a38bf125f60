"""Results kept on another server than the charts': whom they are about there, and whose status stands there."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest
import respx
import stamina

from service.config import Settings, Url
from service.fhir.decode import decode
from tests.e2e.conftest import served
from tests.e2e.test_command_line import DAY, SERVER, Candor
from tests.played import Played
from tests.shelf import everything
from tests.verdicts import as_json

RESEARCH = "https://fhir.research.example/fhir"
SYSTEM = "urn:oid:1.2.250.1.71.4.2.7"
Json = dict[str, Any]


def named(id_: str, *values: str, system: str = SYSTEM) -> Json:
    """Return a Patient with identifiers."""
    identifiers = [{"system": system, "value": value} for value in values]
    return {"resourceType": "Patient", "id": id_} | ({"identifier": identifiers} if values else {})


def set_by_a_person(patient: str, status: str = "on-study") -> Json:
    """Return this study's ResearchSubject, as a person made it."""
    study = {"identifier": {"system": "https://clinicaltrials.gov", "value": "NCT06722105"}}
    about = {"individual": {"reference": f"Patient/{patient}"}, "study": study}
    return {"resourceType": "ResearchSubject", "id": "theirs", "status": status} | about


class Servers:
    """The hospital's server, with one chart, and the research server."""

    def __init__(self, router: respx.MockRouter, chart: list[Json], research: Played) -> None:
        """Play the first one; its searches by type give what the chart has."""
        self.patient, self.research = chart[0], research
        router.get(f"{SERVER}/Patient/demo-07").mock(side_effect=lambda _: httpx.Response(200, json=self.patient))
        router.post(SERVER).mock(httpx.Response(404))

        def search(_: httpx.Request, kind: str) -> httpx.Response:
            entries = [{"resource": one} for one in chart[1:] if one["resourceType"] == kind]
            return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entries})

        router.route(url__regex=rf"{SERVER}/(?P<kind>\w+)/_search").mock(side_effect=search)

    def hold(self, *resources: Json) -> None:
        """Put resources on the research server."""
        anyio.run(self.research.hold, *resources)

    def known_as(self, *values: str) -> None:
        """Give the patient of the chart identifiers."""
        self.patient = self.patient | named("demo-07", *values)

    @property
    def kept(self) -> dict[str, list[Json]]:
        """What was written to the research server."""
        return anyio.run(everything, self.research.shelf)


@pytest.fixture
def make(
    monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, sample: dict[str, Json], tmp_path: Path
) -> Callable[..., Servers]:
    """Give two servers, and the settings that name them."""
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    monkeypatch.setenv("CANDOR_FHIR_WRITE_URL", RESEARCH)

    def servers(system: str | None = None, *more: Json, knows: bool = True) -> Servers:
        if system is not None:
            monkeypatch.setenv("CANDOR_FHIR_WRITE_PATIENT_SYSTEM", system)
        chart = [entry["resource"] for entry in sample["07-diagnosis-alone"]["entry"]]
        return Servers(
            respx_mock, [*chart, *more], Played(respx_mock, RESEARCH, tmp_path / "there", knows_identifiers=knows)
        )

    return servers


def screened(candor: Candor, *options: str) -> Json:
    """Return the result of a patient of the hospital."""
    run = candor("screen", "--patient", "demo-07", *DAY, "--json", *options)
    assert run.code == 0, run.err
    return dict(json.loads(run.out))


def test_a_persons_status_is_read_where_results_are_kept(candor: Candor, make: Callable[..., Servers]) -> None:
    """Without writing back, the status that a person has set on the other server is shown."""
    make().hold(named("demo-07"), set_by_a_person("demo-07"))

    assert screened(candor)["person_status"] == "on-study"


def test_our_own_status_there_is_no_persons(candor: Candor, make: Callable[..., Servers]) -> None:
    """What we wrote to the other server is not taken for a person's word."""
    servers = make()
    servers.hold(named("demo-07"))
    assert screened(candor, "--write-back")["written"]["done"] is True

    assert screened(candor)["person_status"] is None


def test_a_status_on_the_charts_own_server_counts_too(candor: Candor, make: Callable[..., Servers]) -> None:
    """Where the other server tells of no person, one who set a status beside the chart is not passed over."""
    servers = make(None, set_by_a_person("demo-07", "withdrawn"))
    servers.hold(named("demo-07"))

    assert screened(candor)["person_status"] == "withdrawn"
    assert screened(candor, "--write-back")["person_status"] == "withdrawn"


def test_a_server_that_is_down_costs_no_screening(candor: Candor, make: Callable[..., Servers]) -> None:
    """When the other server cannot be asked, the result says so and is the same otherwise."""
    servers = make()
    servers.hold(named("demo-07"))
    up = screened(candor)
    servers.research.down = True
    with stamina.set_testing(True, attempts=1):
        down = screened(candor)

    assert [warning["code"] for warning in down["warnings"]] == ["records-incomplete"]
    assert down | {"warnings": [], "id": ""} == up | {"id": ""}


def test_the_patient_is_found_by_the_identifier(candor: Candor, make: Callable[..., Servers]) -> None:
    """Everything is about the one Patient there who has the chart's identifier, and evidence is named as text."""
    servers = make(SYSTEM)
    servers.known_as("ipp-1")
    servers.hold(named("there-9", "ipp-1"), named("demo-07", "ipp-2"))

    first, again = (screened(candor, "--write-back") for _ in range(2))

    kept = servers.kept
    [subject], [guidance], [provenance] = (kept[k] for k in ("ResearchSubject", "GuidanceResponse", "Provenance"))
    assert first["patient"] == "Patient/demo-07"
    assert (first["written"]["done"], again["written"]) == (True, {"done": False, "why": "unchanged"})
    assert subject["individual"] == guidance["subject"] == {"reference": "Patient/there-9"}
    assert subject["identifier"][0]["value"] == "NCT06722105.there-9"
    assert all(entity["what"].keys() == {"display"} for entity in provenance["entity"])


@pytest.mark.parametrize("options", [(), ("--write-back",)], ids=["read", "write"])
def test_each_server_is_told_what_was_read_there(
    candor: Candor, make: Callable[..., Servers], tmp_path: Path, options: Any
) -> None:
    """That the other server was asked about its patient is recorded there; the read of the chart, by its id, here."""
    servers = make(SYSTEM)
    servers.known_as("ipp-1")
    servers.hold(named("there-9", "ipp-1"))
    screened(candor, *options)

    [there] = servers.research.reads
    [here] = [json.loads(line) for line in (tmp_path / "home/reads.ndjson").read_text().splitlines()]
    read = [
        (event["agent"][1]["network"]["address"], {each["what"]["reference"] for each in event["entity"]})
        for event in (there, here)
    ]
    assert read == [(RESEARCH, {"Patient/there-9"}), (SERVER, {"Patient/demo-07"})]


def test_one_server_with_credentials_of_its_own_for_writing_is_told_once(
    candor: Candor, make: Callable[..., Servers], monkeypatch: pytest.MonkeyPatch, sample: dict[str, Json]
) -> None:
    """Where charts are read by one token and results written by another, the read is recorded by the latter."""
    servers = make()
    monkeypatch.setenv("CANDOR_FHIR_URL", RESEARCH)
    monkeypatch.setenv("CANDOR_FHIR_WRITE_TOKEN", "t")
    servers.hold(*(entry["resource"] for entry in sample["07-diagnosis-alone"]["entry"]))

    assert screened(candor, "--write-back")["written"]["done"] is True
    assert len(servers.research.reads) == 1


def test_nobody_there_is_nobody_read(candor: Candor, make: Callable[..., Servers]) -> None:
    """Where the other server does not have the patient, nothing was read of anybody."""
    servers = make(SYSTEM)
    servers.known_as("ipp-1")
    screened(candor, "--write-back")

    assert servers.research.reads == []


@pytest.mark.parametrize(
    ("ours", "there"),
    [
        (["ipp-1"], [named("there-9", "ipp-2")]),
        (["ipp-1"], [named("a", "ipp-1"), named("b", "ipp-1")]),
        (["ipp-1", "ipp-2"], [named("a", "ipp-1"), named("b", "ipp-2")]),
        ([], [named("demo-07", "ipp-1")]),
        (["ipp-1"], [named("demo-07")]),
        (["ipp-1"], [named("demo-07", "ipp-1", system="urn:oid:9")]),
    ],
    ids=["nobody", "several", "two for two", "none in the chart", "the same id alone", "another system"],
)
@pytest.mark.parametrize("options", [(), ("--write-back",)], ids=["read", "write"])
def test_nothing_goes_to_somebody_else(
    candor: Candor, make: Callable[..., Servers], ours: list[str], there: list[Json], options: Any
) -> None:
    """Where not exactly one Patient there has the identifier, nothing is written, and nobody else's status is shown."""
    servers = make(SYSTEM)
    servers.known_as(*ours)
    servers.hold(*there, set_by_a_person(there[0]["id"]))

    result = screened(candor, *options)

    assert result["written"] == ({"done": False, "why": "patient-not-on-write-server"} if options else None)
    assert result["person_status"] is None
    assert not servers.kept["GuidanceResponse"]
    assert [subject["id"] for subject in servers.kept["ResearchSubject"]] == ["theirs"]


def test_a_server_that_gives_anybody_is_not_written_to(candor: Candor, make: Callable[..., Servers]) -> None:
    """Where the server ignores the identifier, the error says so, and nobody who was not asked for is written about."""
    servers = make(SYSTEM, knows=False)
    servers.known_as("ipp-1")
    servers.hold(named("demo-07", "ipp-2"))

    run = candor("screen", "--patient", "demo-07", *DAY, "--write-back")

    assert (run.code, "ignores the parameter identifier" in run.err) == (3, True)
    assert not servers.kept["GuidanceResponse"]


def test_an_identifier_is_searched_as_it_is(candor: Candor, make: Callable[..., Servers]) -> None:
    """A comma in an identifier does not make two of it."""
    servers = make(SYSTEM)
    servers.known_as("a,b")
    servers.hold(named("there-9", "a,b"), named("there-8", "b"))

    assert screened(candor, "--write-back")["written"]["done"] is True
    assert servers.kept["ResearchSubject"][0]["individual"] == {"reference": "Patient/there-9"}


def test_on_the_charts_own_server_the_id_is_enough(
    candor: Candor, make: Callable[..., Servers], monkeypatch: pytest.MonkeyPatch, sample: dict[str, Json]
) -> None:
    """Where results are kept beside the charts, nobody is looked for by an identifier."""
    servers = make(SYSTEM)
    monkeypatch.setenv("CANDOR_FHIR_URL", f"{RESEARCH}/")
    servers.hold(*(entry["resource"] for entry in sample["07-diagnosis-alone"]["entry"]))

    assert screened(candor, "--write-back")["written"]["done"] is True
    assert "Patient" not in servers.research.asked


def test_a_bundle_is_written_about_the_patient_there(
    make: Callable[..., Servers], sample: dict[str, Json], tmp_path: Path
) -> None:
    """A Bundle that a caller brings is posted by the same way: found by identifier, and a person's status told."""
    servers = make(SYSTEM)
    servers.hold(named("there-9", "ipp-1"), set_by_a_person("there-9"))
    bundle = decode(as_json(sample["07-diagnosis-alone"]))
    bundle["entry"][0]["resource"] |= named("demo-07", "ipp-1")
    settings = Settings(
        home=tmp_path / "home", fhir_url=Url(SERVER), fhir_write_url=Url(RESEARCH), fhir_write_patient_system=SYSTEM
    )

    with served(settings) as http:
        asked, written = (
            http.post("/api/v1/screenings", json={"bundle": bundle, "as_of": DAY[1], "write_back": write}).json()
            for write in (False, True)
        )

    assert (asked["person_status"], asked["written"]) == ("on-study", None)
    assert (written["person_status"], written["written"]["done"]) == ("on-study", True)
    assert [one["subject"]["reference"] for one in servers.kept["GuidanceResponse"]] == ["Patient/there-9"]


def test_what_a_server_does_not_take_is_kept_here_for_it_alone(
    candor: Candor, make: Callable[..., Servers], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A GuidanceResponse kept here is nobody else's to read, and tells nothing of a server with the same ids."""
    servers = make()
    servers.hold(named("demo-07"))
    monkeypatch.setenv("CANDOR_FHIR_WRITE_WITHOUT", "GuidanceResponse")

    assert screened(candor, "--write-back")["written"]["done"] is True

    [file] = (tmp_path / "home" / "kept_here").rglob("*.json")
    folders = file.relative_to(tmp_path / "home" / "kept_here").parts
    assert folders[:-1] == (quote(RESEARCH, safe=""), "GuidanceResponse")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent, file.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_what_was_written_is_remembered_by_its_full_address(
    make: Callable[..., Servers], sample: dict[str, Json], tmp_path: Path
) -> None:
    """The service remembers on which server a version is that it wrote."""
    make().hold(named("demo-07"))
    settings = Settings(home=tmp_path / "home", fhir_url=Url(SERVER), fhir_write_url=Url(RESEARCH))

    with served(settings) as http:
        asked = {"bundle": decode(as_json(sample["07-diagnosis-alone"])), "as_of": DAY[1], "write_back": True}
        assert http.post("/api/v1/screenings", json=asked).json()["written"]["done"] is True

    with closing(sqlite3.connect(tmp_path / "home" / "candor.db")) as store:
        kept = store.execute("SELECT version FROM subject_versions").fetchall()
    assert kept == [(f"{RESEARCH}/ResearchSubject/NCT06722105.demo-07/_history/1",)]
