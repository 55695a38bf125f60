"""I8, the leaf about contraception in effect: what it says by itself, beside a person's word that is always open."""

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, concept, condition, prescription, procedure, resource, verdict

PILL, DEVICE_ORDERED, IMPLANT_ORDERED = "G03AA07", "G02BA03", "G03AC08"
IUD, IUD_REMOVED, IUD_FINDING, ORAL = "65200003", "JKGD004", "312081001", "5935008"
UNKNOWN_MODIFIER = [{"url": "https://forms.example/not", "valueBoolean": True}]


def in_effect(*records: Resource) -> Leaf:
    """Return the leaf about contraception in effect."""
    (leaf,) = [leaf for leaf in verdict(complete_chart().add(*records)).leaves("I8") if leaf.op == "in-effect"]
    return leaf


def statement(code: str, when: str | None = None, **elements: object) -> Resource:
    """Return what a woman is said to take."""
    taken = {"status": "active", "medicationCodeableConcept": concept(code), "effectiveDateTime": when}
    return resource("MedicationStatement", **(taken | elements))


ANSWERS = {
    "nothing": ([], "unknown", "no-record"),
    "a pill": ([prescription(PILL, "2026-06-01")], "true", None),
    "a pill of 366 days": ([prescription(PILL, "2025-11-22")], "unknown", "too-old"),
    "a pill of a month that straddles 365 days": ([prescription(PILL, "2025-11")], "unknown", "needs-judgement"),
    "a pill of a month within": ([prescription(PILL, "2025-12")], "true", None),
    "a pill of no day": ([prescription(PILL)], "unknown", "needs-judgement"),
    "a pill that was stopped": ([prescription(PILL, "2026-06-01", status="stopped")], "unknown", "no-record"),
    "a pill under review": ([prescription("G03AC03", "2026-06-01")], "unknown", "needs-judgement"),
    "copies of a pill that differ": (
        [prescription(PILL, "2026-06-01", id="pill"), prescription(PILL, "2024-06-01", id="pill")],
        "unknown", "records-disagree",
    ),
    "a pill with an unknown modifier": (
        [prescription(PILL, "2026-06-01", modifierExtension=UNKNOWN_MODIFIER)], "unknown", "no-usable-value",
    ),
    "validity that ends in the month": (
        [prescription(PILL, "2024-01-01", dispenseRequest={"validityPeriod": {"end": "2026-11"}})],
        "unknown", "needs-judgement",
    ),
    "a device ordered, which is not inserted": ([prescription(DEVICE_ORDERED, "2025-11-22")], "unknown", "too-old"),
    "a device ordered this year": ([prescription(DEVICE_ORDERED, "2025-11-23")], "true", None),
    "an implant ordered two years ago": ([prescription(IMPLANT_ORDERED, "2024-11-23")], "unknown", "too-old"),
    "a device": ([procedure(IUD, "2023-05-01")], "true", None),
    "a device of five years and a day": ([procedure(IUD, "2021-11-22")], "unknown", "too-old"),
    "a device of a month that straddles five years": ([procedure(IUD, "2021-11")], "unknown", "needs-judgement"),
    "a device removed": (
        [procedure(IUD, "2023-05-01"), procedure(IUD_REMOVED, "2026-02-01")], "unknown", "too-old",
    ),
    "a device and a removal of no day": (
        [procedure(IUD, "2023-05-01"), procedure(IUD_REMOVED)], "unknown", "needs-judgement",
    ),
    "a device and a removal of its year": (
        [procedure(IUD, "2023-05-01"), procedure(IUD_REMOVED, "2023")], "unknown", "needs-judgement",
    ),
    "a device of a year and a removal in it": (
        [procedure(IUD, "2023"), procedure(IUD_REMOVED, "2023-05-01")], "unknown", "needs-judgement",
    ),
    "a device of a day and a removal of the month that ends with it": (
        [procedure(IUD, "2023-05-31"), procedure(IUD_REMOVED, "2023-05")], "true", None,
    ),
    "a device changed in one moment": (
        [procedure(IUD_REMOVED, "2026-02-01T09:00:00+01:00"), procedure(IUD, "2026-02-01T08:00:00Z")], "true", None,
    ),
    "a device known by a finding": ([condition(IUD_FINDING, "2025-05-01")], "unknown", "needs-judgement"),
    "a finding that is past": ([condition(ORAL, "2026-05-01", clinical="resolved")], "unknown", "no-record"),
    "a finding to be confirmed": (
        [condition(ORAL, "2026-05-01", verification="unconfirmed")], "unknown", "not-confirmed",
    ),
    "a finding to be confirmed, beside a question to a person": (
        [condition(ORAL, "2026-05-01", verification="unconfirmed"), prescription(PILL)], "unknown", "not-confirmed",
    ),
    "use that goes on since long": ([condition(ORAL, "2015-05-01")], "true", None),
    "a pill said to be taken since long": ([statement(PILL, "2015-05-01")], "true", None),
    "a pill said to be taken since a year, without an end": (
        [statement(PILL, effectivePeriod={"start": "2022"})], "true", None,
    ),
    "a pill said to have been taken": ([statement(PILL, "2015-05-01", status="completed")], "unknown", "no-record"),
    "a device said to be used since six years": ([statement(DEVICE_ORDERED, "2020-05-01")], "unknown", "too-old"),
}  # fmt: skip


@pytest.mark.parametrize(("records", "truth", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_records_say_of_contraception(records: list[Resource], truth: str, reason: str | None) -> None:
    """In effect on the day, no longer in effect, or a question; never a no, for another may be used."""
    leaf = in_effect(*records)

    assert (leaf.truth.value, leaf.reason) == (truth, reason)


def test_a_prescription_that_cannot_be_read_may_be_the_one() -> None:
    """No usable value, and the note says so."""
    leaf = in_effect(resource("MedicationRequest", status="active", intent="order", medicationCodeableConcept="pill"))

    assert (leaf.reason, leaf.notes) == ("no-usable-value", ("record-unreadable",))
