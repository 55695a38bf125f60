"""Consent, participation, coverage, opposition: what stands around the chart."""

from typing import Any

import pytest

from service.eligibility.chart import ConsentRecord, Participation
from service.eligibility.vocabulary import Vocabulary
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.study.load import default_mappings, load_vocabulary
from tests.builders import Resource, bundle, concept, patient, resource
from tests.readings import chart_in, chart_of, entry
from tests.verdicts import as_json, shipped_study

SCOPE = concept("http://terminology.hl7.org/CodeSystem/consentscope|research")
NCT = [{"system": "https://clinicaltrials.gov", "value": "NCT06722105"}]


def consent(**elements: Any) -> Resource:
    """Return an active Consent of scope research that permits."""
    return resource("Consent", **{"status": "active", "scope": SCOPE, "provision": {"type": "permit"}} | elements)


def consented(*records: Resource) -> ConsentRecord:
    """Return the only consent of the chart."""
    (only,) = chart_of(*records).consents
    return only


def participation(known: Resource | None, **elements: Any) -> Participation:
    """Return how taking part in this study is read."""
    subject = resource(
        "ResearchSubject", **{"status": "on-study", "study": {"reference": "ResearchStudy/s"}} | elements
    )
    (only,) = chart_of(subject, *([resource("ResearchStudy", id="s", **known)] if known else [])).participations
    return only


def test_only_consents_to_research_count() -> None:
    """A consent to treatment, or one entered in error, says nothing here."""
    treatment = concept("http://terminology.hl7.org/CodeSystem/consentscope|treatment")

    assert chart_of(consent(scope=treatment), consent(status="entered-in-error")).consents == []


def test_an_opt_in_form_denies_outside_and_permits_inside() -> None:
    """The nested permit is seen at any depth."""
    nested = {"type": "deny", "provision": [{"type": "deny", "provision": [{"type": "permit"}]}]}

    found = consented(consent(provision=nested))

    assert (found.permits, found.nested_permit) == (False, True)
    assert consented(consent(provision={"type": "deny"})).nested_permit is False


@pytest.mark.parametrize("reference", ["ResearchStudy/s", "https://fhir.hospital.example/fhir/ResearchStudy/s"])
def test_a_study_named_by_reference_has_all_its_identifiers(reference: str) -> None:
    """The study's own record says which one it is."""
    data = [{"meaning": "instance", "reference": {"reference": reference}}]
    study = resource("ResearchStudy", id="s", identifier=NCT)

    found = consented(consent(provision={"type": "permit", "data": data}), study)

    assert found.studies == {reference, "s", "NCT06722105"}


def test_a_study_named_by_identifier() -> None:
    """A logical reference as the source of the consent, and a policy's address."""
    found = consented(consent(sourceReference={"identifier": NCT[0]}, policy=[{"uri": "https://x/NCT06722105"}]))

    assert (found.studies, found.uris) == ({"NCT06722105"}, ("https://x/NCT06722105",))


def test_a_signed_form_is_no_study() -> None:
    """A consent that only points at its document names no study; its own identifier may hold one."""
    found = consented(consent(sourceReference={"reference": "DocumentReference/9"}, identifier=NCT))

    assert (found.studies, found.uris) == (frozenset(), ("NCT06722105",))


@pytest.mark.parametrize(
    ("study", "interventional"),
    [
        ({"category": [concept(text="Interventional")]}, True),
        ({"category": [{"coding": [{"code": "x", "display": "Recherche interventionnelle"}]}]}, True),
        ({"category": [concept(text="RIPH 2")]}, True),
        ({"phase": concept("http://example.org|phase-2")}, True),
        ({"arm": [{"name": "placebo"}]}, True),
        ({"category": [concept(text="Observational")], "phase": concept("http://example.org|n-a")}, False),
        ({"category": [concept(text="non interventionnelle")]}, False),
        ({"category": [concept(text="Observational")], "arm": [{"name": "exposed"}]}, None),
        ({"title": "A study"}, None),
        (None, None),
    ],
)
def test_whether_a_study_is_interventional(study: dict[str, Any] | None, interventional: bool | None) -> None:
    """By category, phase or arm; contradicting signs, or none, leave it open."""
    assert participation(study and {"status": "active"} | study).interventional is interventional


def test_what_is_known_of_a_participation() -> None:
    """Status, end, the study's identifiers and status, the version."""
    found = participation(
        {"status": "completed", "identifier": NCT},
        status="On-Study ", period={"start": "2025-01-01", "end": "2026-06-30"}, meta={"versionId": "2"},
    )  # fmt: skip

    assert (found.status, found.end and found.end.text, found.study_status) == ("on-study", "2026-06-30", "completed")
    assert (found.study, found.identifiers, found.version) == ("ResearchStudy/s", {"s", "NCT06722105"}, "2")


def test_a_contained_study() -> None:
    """The study may travel inside the participation."""
    inside = [{"resourceType": "ResearchStudy", "id": "in", "status": "active", "identifier": NCT, "arm": [{}]}]

    found = participation(None, study={"reference": "#in"}, contained=inside)

    assert ("NCT06722105" in found.identifiers, found.interventional) == (True, True)


def test_of_two_copies_of_a_study_the_later_one_is_meant() -> None:
    """Whichever comes first."""
    subject = resource("ResearchSubject", status="on-study", study={"reference": "ResearchStudy/s"})
    early = resource("ResearchStudy", id="s", status="active", meta={"versionId": "1"})
    late = resource("ResearchStudy", id="s", status="completed", meta={"versionId": "2"})

    for studies in ((early, late), (late, early)):
        (found,) = chart_of(subject, *studies).participations
        assert found.study_status == "completed"


def test_coverage_and_its_period() -> None:
    """Status and both ends; the beneficiary is the patient."""
    (found,) = chart_of(resource("Coverage", status="active", period={"start": "2026-01-01"})).coverages

    assert (found.status, found.start and found.start.text, found.end) == ("active", "2026-01-01", None)


def test_a_site_s_flag_of_opposition() -> None:
    """A flag of the site's code, while it is up."""
    flag = ("https://flags.hospital.example", "research-opposition")
    shipped = load_vocabulary(default_mappings())
    words = {name: getattr(shipped, name) for name in shipped.__slots__}
    reader = Reader(shipped_study().lexicon, Vocabulary(**words | {"opposition_codes": (flag,)}))

    def opposed(status: str) -> bool:
        up = resource("Flag", status=status, code=concept("|".join(flag)))
        return reader.read_bundle(decode(as_json(bundle(patient(), up)))).opposed

    assert (opposed("active"), opposed("inactive")) == (True, False)


@pytest.mark.parametrize(
    ("issue", "incomplete"),
    [
        ({"severity": "error", "code": "processing"}, True),
        ({"severity": "warning", "code": "suppressed"}, True),
        ({"severity": "information", "code": "informational"}, False),
    ],
)
def test_a_source_that_says_it_is_cut_short(issue: dict[str, str], incomplete: bool) -> None:
    """Errors and withheld records make the chart incomplete; information does not."""
    chart = chart_of(resource("OperationOutcome", issue=[issue]))

    assert chart.incomplete is incomplete
    assert [warning.code for warning in chart.warnings] == ["records-incomplete"] * incomplete


def test_a_failed_search_of_a_batch() -> None:
    """An entry without a resource may carry why; a searchset inside a batch response is read."""
    inner = bundle(patient(), consent()) | {"type": "searchset"}
    failed = {"response": {"status": "403", "outcome": {"resourceType": "OperationOutcome", "issue": [
        {"severity": "error", "code": "forbidden"}]}}}  # fmt: skip
    batch = {"resourceType": "Bundle", "type": "batch-response", "entry": [{"resource": inner}, failed]}

    chart = chart_in(batch)

    assert (len(chart.consents), chart.incomplete) == (1, True)


def test_guardian_codes_need_their_system() -> None:
    """A bare GRD means nothing."""
    related = resource("RelatedPerson", relationship=[{"coding": [{"code": "GRD"}]}])

    with pytest.raises(KeyError):
        entry(chart_of(related), "guardianship_tutelle")
