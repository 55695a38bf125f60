"""What is written about one patient, as FHIR R4."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from service import __version__
from service.eligibility.findings import Reason
from service.eligibility.results import Missing, Status
from service.fhir.whose_status import says_we_wrote
from service.fhir.write import Known, encode, write_transaction
from service.fhir.write_entries import Entries
from service.fhir.write_guidance import read_view, view_of
from tests.screenings import NOW, screening

GOLDEN = Path(__file__).parents[2] / "golden/transaction.json"

SUBJECT = {
    "resourceType": "ResearchSubject",
    "id": "s1",
    "meta": {"versionId": "7"},
    "extension": [{"url": "urn:example:note", "valueDecimal": Decimal("1.50")}],
    "status": "candidate",
    "study": {"reference": "ResearchStudy/1"},
    "individual": {"reference": "Patient/ho-001"},
}
GUIDANCE = {"resourceType": "GuidanceResponse", "id": "g1", "meta": {"versionId": "3"}}
KNOWN = Known(study="ResearchStudy/1", device="Device/1", subject=SUBJECT, guidance=GUIDANCE)


def entries(transaction: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of a transaction by resource type."""
    return {entry["resource"]["resourceType"]: entry for entry in transaction["entry"]}


def test_the_first_write_is_as_reviewed() -> None:
    """The first write of a patient makes all five resources, each found again by its identifier (golden file)."""
    written = encode(write_transaction(screening(), Known(), NOW)).decode()

    expected = GOLDEN.read_text().replace("VERSION", __version__)

    assert json.loads(written) == json.loads(expected)


def test_every_resource_fits_the_schema_of_r4(fhir_schema: Callable[[dict[str, Any]], None]) -> None:
    """First and later writes hold to HL7's JSON schema of R4."""
    for known in (Known(), KNOWN, KNOWN._replace(person_status="screening")):
        transaction = write_transaction(screening(), known, NOW)
        fhir_schema(json.loads(encode(transaction)))


def test_a_condition_is_written_as_in_an_address() -> None:
    """What would part a search, or end it, is escaped in the condition under which something is made."""
    made = Entries()
    made.create({"resourceType": "Device"}, "https://a.example/x?a=1&b#c|é 1")

    [entry] = made.transaction()["entry"]

    assert entry["request"]["ifNoneExist"] == "identifier=https://a.example/x%3Fa%3D1%26b%23c|%C3%A9+1"


def test_a_later_write_names_the_versions_it_was_decided_on() -> None:
    """What exists is written over by id, with If-Match of the version that was read; nothing is made again."""
    written = entries(write_transaction(screening(), KNOWN, NOW))

    assert written.keys() == {"ResearchSubject", "GuidanceResponse", "Provenance"}
    assert written["ResearchSubject"]["request"] == {"method": "PUT", "url": "ResearchSubject/s1", "ifMatch": 'W/"7"'}
    assert written["GuidanceResponse"]["request"] == {
        "method": "PUT",
        "url": "GuidanceResponse/g1",
        "ifMatch": 'W/"3"',
    }
    assert written["Provenance"]["resource"]["activity"]["coding"][0]["code"] == "UPDATE"


def test_a_later_write_keeps_what_others_put_into_the_subject() -> None:
    """Only the status of our ResearchSubject changes; other tools' extensions stay, their decimals as written."""
    subject = entries(write_transaction(screening(), KNOWN, NOW))["ResearchSubject"]["resource"]

    assert subject == SUBJECT | {"status": "potential-candidate"}
    assert b'"valueDecimal":1.50' in encode(subject)


def test_a_result_names_the_version_of_the_subject_that_it_replaces() -> None:
    """A status of ours that is written over is named by its version, so that it stays ours in between."""
    changed = entries(write_transaction(screening(), KNOWN, NOW))["GuidanceResponse"]["resource"]
    same = entries(write_transaction(screening(Status.CANDIDATE), KNOWN, NOW))["GuidanceResponse"]["resource"]
    persons = KNOWN._replace(person_status="candidate")
    theirs = entries(write_transaction(screening(), persons, NOW))["GuidanceResponse"]["resource"]

    views = [read_view(each) for each in (changed, same, theirs)]

    assert [each.replaces for each in views if each] == ["ResearchSubject/s1/_history/7", None, None]
    assert says_we_wrote(views[0], SUBJECT)
    assert not says_we_wrote(views[0], SUBJECT | {"meta": {"versionId": "8"}})
    assert not says_we_wrote(views[0]._replace(person_status="candidate") if views[0] else None, SUBJECT)


def test_a_server_that_takes_no_subject_gets_none() -> None:
    """Where a server is said to take none, no ResearchSubject is written, and the Provenance is about the result."""
    written = entries(write_transaction(screening(), Known(takes_subjects=False), NOW))

    assert "ResearchSubject" not in written
    assert len(written["Provenance"]["resource"]["target"]) == 1


def test_a_subject_with_the_right_status_is_not_written() -> None:
    """Where the status stays, the subject gets no new version, and the Provenance is about both all the same."""
    written = entries(write_transaction(screening(Status.CANDIDATE), KNOWN, NOW))

    assert "ResearchSubject" not in written
    assert written["Provenance"]["resource"]["target"] == [
        {"reference": "ResearchSubject/s1"},
        {"reference": "GuidanceResponse/g1"},
    ]


def test_a_persons_status_is_left_out_and_told() -> None:
    """Beside a person's status the machine's view is written, with the status it leaves alone."""
    known = KNOWN._replace(person_status="screening")

    written = entries(write_transaction(screening(), known, NOW))

    assert "ResearchSubject" not in written
    view = read_view(written["GuidanceResponse"]["resource"])
    assert view is not None
    assert (view.status, view.person_status) == ("potential-candidate", "screening")


def test_the_view_read_back_is_the_view_written() -> None:
    """Status, priority, rules and every criterion's parts survive the way through Parameters."""
    guidance = entries(write_transaction(screening(), Known(), NOW))["GuidanceResponse"]["resource"]

    assert read_view(guidance) == view_of(screening())


def test_parameters_of_somebody_else_are_no_view() -> None:
    """A GuidanceResponse without our Parameters is not read as a view."""
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "dose", "valueString": "1 mg"}]}

    assert read_view(GUIDANCE) is None
    assert read_view(GUIDANCE | {"contained": [parameters]}) is None


def test_what_is_missing_is_asked_for() -> None:
    """A missing DLCO is asked for by its LOINC codes and its window; with nothing missing, the status is success."""
    guidance = entries(write_transaction(screening(), Known(), NOW))["GuidanceResponse"]["resource"]
    complete = screening()._replace(missing=())

    [wanted] = guidance["dataRequirement"]

    assert guidance["status"] == "data-required"
    assert wanted["type"] == "Observation"
    assert {coding["system"] for coding in wanted["codeFilter"][0]["code"]} == {"http://loinc.org"}
    assert wanted["dateFilter"][0]["valueDuration"]["value"] == 456
    done = entries(write_transaction(complete, Known(), NOW))["GuidanceResponse"]["resource"]
    assert done["status"] == "success"
    assert "dataRequirement" not in done


def test_codes_are_asked_for_where_the_type_has_them(fhir_schema: Callable[[dict[str, Any]], None]) -> None:
    """A filter names an element that R4 gives the type; of other types no codes are asked for, of some nothing."""
    every = tuple(Missing(name, Reason.NO_RECORD, ("E3",)) for name in screening().study.notions)
    transaction = write_transaction(screening()._replace(missing=every), Known(), NOW)
    wanted = entries(transaction)["GuidanceResponse"]["resource"]["dataRequirement"]

    paths = {(each["type"], part["path"]) for each in wanted for part in each.get("codeFilter", [])}
    whole = {each["type"] for each in wanted} - {kind for kind, _ in paths}

    fhir_schema(json.loads(encode(transaction)))
    coded = ("AllergyIntolerance", "Condition", "DiagnosticReport", "Observation", "Procedure")
    assert paths == {
        *((kind, "code") for kind in coded),
        *((kind, "medication") for kind in ("MedicationAdministration", "MedicationRequest", "MedicationStatement")),
        ("AdverseEvent", "event"),
    }
    assert whole == {"Consent", "Coverage", "RelatedPerson", "ResearchSubject"}


def test_records_that_the_server_does_not_hold_are_named_by_text() -> None:
    """As text, the Provenance names the records without a reference that a server would look up."""
    provenance = entries(write_transaction(screening(), Known(), NOW, as_text=True))["Provenance"]["resource"]

    assert [entity["what"] for entity in provenance["entity"]] == [{"display": "Observation/ho-001-mrss/_history/1"}]
