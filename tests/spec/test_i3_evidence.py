"""I3, the evidence: what the leaves about sex and age show of the Patient, and why they are open."""

import pytest

from tests.builders import SampleChart, complete_chart, observation, verdict
from tests.verdicts import AS_OF

Shown = tuple[str, str | None, tuple[str, str, str] | None, str | None, str, str]

UNREADABLE = observation("718-7", "12 g/dL") | {"code": "718-7"}
SEX, AGE = 0, 1
CASES: dict[str, tuple[SampleChart, int, Shown]] = {
    "a woman": (complete_chart(), SEX, ("true", None, ("female", "", "female"), None, "Patient/p", "")),
    "a man": (complete_chart(gender="male"), SEX, ("true", None, ("male", "", "male"), None, "Patient/p", "")),
    "no sex": (complete_chart(gender=None), SEX, ("unknown", "needs-judgement", None, None, "Patient/p", "")),
    "completed years": (
        complete_chart(), AGE, ("true", None, ("48", "a", "1978-03-14"), "1978-03-14", "Patient/p", ""),
    ),
    "born on the day of screening": (
        complete_chart(birth=AS_OF), AGE, ("false", None, ("0", "a", AS_OF), AS_OF, "Patient/p", ""),
    ),
    "not born yet": (
        complete_chart(birth="2026-11-24"), AGE,
        ("unknown", "no-usable-value", None, "2026-11-24", "Patient/p", ""),
    ),
    "no birth date": (complete_chart(birth=None), AGE, ("unknown", "no-record", None, None, "Patient/p", "")),
    "a birth date that cannot be read": (
        complete_chart(birth="in spring"), AGE,
        ("unknown", "no-usable-value", None, None, "Patient/p", "record-unreadable"),
    ),
    "no birth date, beside another record that cannot be read": (
        complete_chart(birth=None).add(UNREADABLE), AGE, ("unknown", "no-record", None, None, "Patient/p", ""),
    ),
    "no birth date in a record that is inactive": (
        complete_chart(birth=None, active=False), AGE, ("unknown", "no-record", None, None, "Patient/p", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chart", "place", "wanted"), CASES.values(), ids=CASES)
def test_what_the_patient_record_shows(chart: SampleChart, place: int, wanted: Shown) -> None:
    """The gender, or the completed years with the birth date as written; always the Patient as the source."""
    leaf = verdict(chart).leaves("I3")[place]
    value = leaf.value and (leaf.value.text, leaf.value.unit, leaf.value.as_received)

    assert (
        leaf.truth.value, leaf.reason, value, leaf.effective, " ".join(leaf.sources), " ".join(leaf.notes),
    ) == wanted  # fmt: skip
