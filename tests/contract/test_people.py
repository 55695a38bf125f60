"""People of a hospital's server: whom searches and exports of what changed name, and how they are screened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import respx

from service.discovery.model import Selection, Uncoded
from service.eligibility.entry import entry_of
from service.errors import TryLater
from service.hospital.bulk_changes import people_changed
from service.hospital.client import FhirClient, Server
from service.hospital.refusals import Refused
from service.hospital.rest_people import RestPeople
from service.hospital.spelled import spelled
from service.screening.patient import Screener
from tests.hospital import BASE, VOCABULARY, Answer, Hospital, Json, record, searchset
from tests.verdicts import as_json, shipped_reader, shipped_study

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

ICD = "http://hl7.org/fhir/sid/icd-10"
SSC = "https://trial-screening.example/fhir/CodeSystem/ssc"
SINCE = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
KNOWN = frozenset({"Patient/known"})


def coded(id_: str, patient: str, code: str, system: str = ICD, kind: str = "Condition") -> Json:
    """Return a record with a code."""
    code_ = {"coding": [{"system": system, "code": code}]}
    return record(kind, id_, code=code_, subject={"reference": f"Patient/{patient}"})


def with_codes(*records: Json) -> Callable[[Json], Json]:
    """Answer a search as a server does: with the records whose code was asked for."""

    def answer(params: Json) -> Json:
        asked = params.get("code", params.get("combo-code", "")).split(",")
        return searchset(*(each for each in records if each["code"]["coding"][0]["code"] in asked))

    return answer


async def select(since: datetime | None = None, known: frozenset[str] = frozenset()) -> Selection:
    """Select over REST."""
    async with FhirClient(Server(base=BASE)) as client:
        people = RestPeople(Screener(shipped_study(), shipped_reader()), client, VOCABULARY, since=since)
        return await people.select(known, lambda *_: None)


def hospital(router: respx.MockRouter, **answers: Answer) -> Hospital:
    """Return a server that keeps these records and nothing else that counts."""
    nothing: dict[str, Answer] = dict.fromkeys(("Observation", "Condition", "DiagnosticReport"), searchset())
    nothing |= dict.fromkeys(("ResearchStudy", "ResearchSubject"), searchset())
    nothing["metadata"] = {"resourceType": "CapabilityStatement", "rest": [{"resource": []}]}
    return Hospital(router, batches=False, **(nothing | {"Patient": searchset(total=7)} | answers))


@pytest.mark.parametrize("code", ["M34.0", "M340", "M34", "M34.81", "M3481", "M35.1"])
async def test_a_diagnosis_is_enough_in_each_spelling(respx_mock: respx.MockRouter, code: str) -> None:
    """With the dot or without, and below the code too."""
    hospital(respx_mock, Condition=with_codes(coded("c", "ill", code)))

    assert (await select()).patients == ["Patient/ill"]


def test_a_range_and_listed_descendants_are_spelled_out() -> None:
    """SNOMED's descendants are those of the table; digits follow no code but those of ICD."""
    codes = set(spelled(shipped_study().lexicon, "systemic_sclerosis"))

    assert {"89155008", "128460000", "M34", "M340", "M34.0", "M34.00", "710.1", "7101"} <= codes
    assert not {"891550080", "90291.0"} & codes


async def test_items_count_together_over_all_types(respx_mock: respx.MockRouter) -> None:
    """Raynaud (3) and telangiectasia (2) do not reach 6; sclerodactyly (4) beside it does."""
    raynaud = [coded(f"c{who}", who, "I73.0") for who in ("less", "more")]
    others = [coded("o1", "less", "telangiectasia", SSC, "Observation")]
    others += [coded("o2", "more", "sclerodactyly", SSC, "Observation")]
    hospital(respx_mock, Condition=with_codes(*raynaud), Observation=with_codes(*others))

    assert (await select()).patients == ["Patient/more"]


async def test_of_what_changed_one_item_is_enough(respx_mock: respx.MockRouter) -> None:
    """Older items are not seen; only what changed is asked for, and everybody known is taken."""
    server = hospital(respx_mock, Condition=with_codes(coded("c", "less", "I73.0")))

    assert (await select(SINCE, KNOWN)).patients == ["Patient/known", "Patient/less"]

    asked = [params for kind, params in server.searches if kind == "Condition" and "code" in params]
    assert {params["_lastUpdated"] for params in asked} == {"ge2026-11-22T01:02:03.000Z"}


async def test_codes_of_other_systems_and_negative_ones_name_nobody(respx_mock: respx.MockRouter) -> None:
    """A bare code finds them all; what they mean is looked up exactly."""
    stray = coded("c", "well", "M34.0", "urn:oid:1.2.3")
    hospital(respx_mock, Condition=with_codes(stray, coded("d", "ill", "M34.0")))

    assert (await select()).patients == ["Patient/ill"]


def concluded(params: Json) -> Json:
    """Answer a search by conclusions with a report that has one."""
    report = record(
        "DiagnosticReport",
        "r",
        code={"coding": [{"system": "http://loinc.org", "code": "24627-2"}]},
        conclusionCode=[{"coding": [{"system": ICD, "code": "J84.1"}]}],
        subject={"reference": "Patient/diagnosticreport"},
    )
    return searchset(report) if "J84.1" in params.get("conclusion", "").split(",") else searchset()


@pytest.mark.parametrize(
    ("answer", "found"),
    [(concluded, ["Patient/diagnosticreport"]), (lambda p: 400 if "conclusion" in p else searchset(), [])],
)
async def test_a_report_is_found_by_its_conclusion(
    respx_mock: respx.MockRouter, answer: Answer, found: list[str]
) -> None:
    """Where the server looks there; one that does not tells nothing less by it."""
    hospital(respx_mock, DiagnosticReport=answer)

    selection = await select(SINCE)

    assert (selection.patients, selection.unread) == (found, [])


async def test_a_search_by_conclusions_that_is_cut_short_is_told_of(respx_mock: respx.MockRouter) -> None:
    """A page that is no more there says nothing of what the server searches by."""

    def answer(params: Json) -> Answer:
        if "page" in params:
            return 410
        return searchset(following="DiagnosticReport?page=2") if "conclusion" in params else searchset()

    hospital(respx_mock, DiagnosticReport=answer)

    assert {each.partition(":")[0] for each in (await select()).unread} == {"DiagnosticReport"}


async def test_all_pages_count(respx_mock: respx.MockRouter) -> None:
    """People of a second page are found."""

    def answer(params: Json) -> Json:
        if "page" in params:
            return searchset(coded("d", "second", "M34.0"))
        return searchset(coded("c", "first", "M34.0"), following="Condition?page=2")

    hospital(respx_mock, Condition=answer)

    assert (await select()).patients == ["Patient/first", "Patient/second"]


async def test_subjects_of_the_study_are_taken(respx_mock: respx.MockRouter) -> None:
    """Whoever has a ResearchSubject of it, by the study's identifiers."""
    subject = record("ResearchSubject", "s", individual={"reference": "Patient/member"})

    def subjects(params: Json) -> Json:
        return searchset(subject) if params.get("study") == "ResearchStudy/r" else searchset()

    server = hospital(respx_mock, ResearchStudy=searchset(record("ResearchStudy", "r")), ResearchSubject=subjects)

    assert (await select()).patients == ["Patient/member"]
    assert "NCT06722105" in dict(server.searches)["ResearchStudy"]["identifier"]


async def test_what_is_counted(respx_mock: respx.MockRouter) -> None:
    """People, and Conditions without a code, where the server tells."""

    def conditions(params: Json) -> Json:
        return searchset(total=3 if "code:missing" in params else 90)

    hospital(respx_mock, Condition=conditions)

    selection = await select()

    assert (selection.seen, selection.uncoded) == (7, Uncoded(3, 90, sampled=False))


async def test_a_search_that_fails_is_told_and_loses_nothing_else(respx_mock: respx.MockRouter) -> None:
    """It is unread by its type, without anything of what was asked."""
    hospital(respx_mock, Condition=with_codes(coded("c", "ill", "M34.0")), Observation=500)

    selection = await select()

    assert selection.patients == ["Patient/ill"]
    assert selection.unread
    assert {each.partition(":")[0] for each in selection.unread} == {"Observation"}


async def test_a_server_that_ignores_codes_is_not_read_to_its_end(respx_mock: respx.MockRouter) -> None:
    """It would give everybody's records: that search is unread."""
    hospital(respx_mock, Condition=searchset(coded("c", "well", "J45"), following="Condition?page=2"))

    selection = await select()

    assert selection.patients == []
    assert {each.partition(":")[0] for each in selection.unread} == {"Condition"}


@pytest.mark.parametrize(("status", "error"), [(503, TryLater), (403, Refused)])
async def test_where_all_searches_fail_the_run_does(
    respx_mock: respx.MockRouter, status: int, error: type[Exception]
) -> None:
    """It does not end with nobody found."""
    hospital(respx_mock, Condition=status, Observation=status, DiagnosticReport=status)

    with pytest.raises(error):
        await select()


def test_one_new_record_is_enough_in_an_export_of_what_changed(tmp_path: Path) -> None:
    """An item, a diagnosis, a ResearchSubject; a Patient alone is no reason. A line that is broken is told."""
    subject = record("ResearchSubject", "s", individual={"reference": f"{BASE}/Patient/member"})
    item, ill = coded("c", "less", "I73.0"), coded("d", "ill", "M34.81")
    lines = [as_json(each) for each in (item, ill, subject, record("Patient", "p"), coded("e", "well", "J45"))]
    (tmp_path / "output-000000.Condition.ndjson").write_bytes(b"\n".join([*lines, b"", b'{"resourceType":']))
    study = shipped_study()

    found = people_changed(tmp_path, study, entry_of(study))

    assert found.people == {"Patient/less", "Patient/ill", "Patient/member"}
    assert found.unread == ["output-000000.Condition.ndjson:7"]
