"""E12: whether somebody can consent is a person's word; what speaks to it is shown."""

import pytest

from tests.builders import Resource, complete_chart, concept, condition, resource, verdict

TUTEUR = "https://mos.esante.gouv.fr/NOS/TRE_R217-ProtectionJuridique/FHIR/TRE-R217-ProtectionJuridique|TUTEUR"
EVIDENCE = {
    "dementia": condition("F03", "2024-01-01", id="shown"),
    "Alzheimer's disease": condition("G30.9", "2024-01-01", id="shown"),
    "dementia in SNOMED CT": condition("52448006", "2024-01-01", id="shown"),
    "intellectual disability": condition("F71", "2024-01-01", id="shown"),
    "legal protection": resource("RelatedPerson", id="shown", relationship=[concept(TUTEUR)]),
}


@pytest.mark.parametrize("record", EVIDENCE.values(), ids=EVIDENCE)
def test_evidence_is_shown_and_never_decides(record: Resource) -> None:
    """Dementia, incapacity codes and legal protection stand beside the question."""
    got = verdict(complete_chart().add(record))

    assert (got.truth("E12"), got.open("E12"), got.reason("E12")) == ("unknown", "to-confirm", "needs-judgement")
    assert got.sources("E12") == {f"{record['resourceType']}/shown"}


def test_without_evidence_it_is_a_person_s_word_all_the_same() -> None:
    """Nobody is able to consent by default."""
    got = verdict(complete_chart())

    assert (got.truth("E12"), got.open("E12"), got.reason("E12")) == ("unknown", "to-confirm", "needs-judgement")
    assert got.sources("E12") == set()
