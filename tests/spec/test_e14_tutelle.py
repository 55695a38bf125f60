"""E14: tutelle on record excludes; curatelle, sauvegarde and a generic guardian are for a person."""

from typing import Any

import pytest

from tests.builders import Resource, complete_chart, concept, condition, resource, verdict
from tests.verdicts import Verdict

FR_CORE = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-contact-relationship"
PROTECTION = "https://mos.esante.gouv.fr/NOS/TRE_R217-ProtectionJuridique/FHIR/TRE-R217-ProtectionJuridique"
ROLE_CLASS = "https://mos.esante.gouv.fr/NOS/TRE_R260-HL7RoleClass/FHIR/TRE-R260-HL7RoleClass"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
TUTELLE = [f"{PROTECTION}|TUTEUR", f"{FR_CORE}|GRD", f"{FR_CORE}|WRD"]
JUDGED = [
    f"{PROTECTION}|CURATEUR", f"{PROTECTION}|MSVG", f"{FR_CORE}|CURTL", f"{FR_CORE}|SVG", f"{FR_CORE}|CUR",
    f"{V3}RoleCode|GUARD", f"{V3}RoleClass|GUARD", f"{ROLE_CLASS}|GUARD",
]  # fmt: skip
NOBODY = ["http://terminology.hl7.org/CodeSystem/v2-0131|N", f"{V3}RoleCode|MTH", f"{FR_CORE}|ECON"]


def related(code: str, **elements: Any) -> Resource:
    """Return a person who stands for the patient."""
    return resource("RelatedPerson", **({"id": "guardian", "active": True, "relationship": [concept(code)]} | elements))


def as_related(code: str, **elements: Any) -> Verdict:
    """Screen with such a RelatedPerson."""
    return verdict(complete_chart().add(related(code, **elements)))


def as_contact(code: str, **elements: Any) -> Verdict:
    """Screen with such a contact in the Patient itself."""
    return verdict(complete_chart().elements("patient", contact=[{"relationship": [concept(code)], **elements}]))


@pytest.mark.parametrize("asked", [as_related, as_contact])
@pytest.mark.parametrize("code", TUTELLE)
def test_tutelle_excludes(asked: Any, code: str) -> None:
    """By a RelatedPerson or by Patient.contact; waiting does not help."""
    got = asked(code)

    assert (got.truth("E14"), got.status, got.recoverable, got.rescreen_after) == ("true", "ineligible", False, None)


@pytest.mark.parametrize("asked", [as_related, as_contact])
@pytest.mark.parametrize("code", JUDGED)
def test_other_protections_are_judged(asked: Any, code: str) -> None:
    """Curatelle, sauvegarde, the legal representative and a generic guardian are no tutelle on record."""
    got = asked(code)

    assert (got.truth("E14"), got.open("E14"), got.reason("E14")) == ("unknown", "to-confirm", "needs-judgement")


@pytest.mark.parametrize("asked", [as_related, as_contact])
@pytest.mark.parametrize("code", NOBODY)
def test_other_relations_say_nothing(asked: Any, code: str) -> None:
    """A mother or an emergency contact is no guardian, and no record is no record of absence."""
    got = asked(code)

    assert (got.truth("E14"), got.open("E14"), got.reason("E14")) == ("unknown", "to-confirm", "no-record")


@pytest.mark.parametrize("asked", [as_related, as_contact])
@pytest.mark.parametrize(
    ("period", "truth"),
    [
        ({"start": "2020-01-01"}, "true"),
        ({"start": "2020-01-01", "end": "2027-01-01"}, "true"),
        ({"start": "2020-01-01", "end": "2026-11-01"}, "unknown"),
        ({"start": "2026-12-01"}, "unknown"),
    ],
)
def test_only_an_active_guardianship_counts(asked: Any, period: dict[str, str], truth: str) -> None:
    """Ended, or not begun, it says nothing."""
    got = asked(TUTELLE[0], period=period)

    assert got.truth("E14") == truth
    assert got.reason("E14") == ("no-record" if truth == "unknown" else None)


def test_an_inactive_related_person_is_no_guardian() -> None:
    """`active` false."""
    assert as_related(TUTELLE[0], active=False).reason("E14") == "no-record"
    assert as_related(TUTELLE[0], active=None).truth("E14") == "true"


def test_tutelle_goes_before_what_is_to_judge() -> None:
    """Two people may stand for one patient."""
    got = verdict(complete_chart().add(related(JUDGED[0], id="a"), related(TUTELLE[0], id="b")))

    assert (got.truth("E14"), got.sources("E14")) == ("true", {"RelatedPerson/b"})


def test_another_patients_guardian_is_nobody_s() -> None:
    """A reference to somebody else."""
    got = as_related(TUTELLE[0], patient={"reference": "Patient/somebody-else"})

    assert got.reason("E14") == "no-record"


def test_a_coded_legal_guardian_is_judged() -> None:
    """SNOMED CT's code does not say which protection."""
    got = verdict(complete_chart().add(condition("58626002")))

    assert (got.truth("E14"), got.open("E14"), got.reason("E14")) == ("unknown", "to-confirm", "needs-judgement")


def test_nothing_on_record_is_to_confirm() -> None:
    """Absence of a record is not a record of absence."""
    got = verdict(complete_chart())

    assert (got.truth("E14"), got.open("E14"), got.reason("E14")) == ("unknown", "to-confirm", "no-record")
