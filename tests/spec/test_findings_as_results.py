"""Signs and diagnoses that stand in an Observation: what counts, what leaves the leaf open, which reason is told."""

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, condition, observation, verdict

SIGN, EXAMINATION, PREMATURE_BEATS, UNCONFIRMED = "cmr-lge", "24748-6", "17338001", "unconfirmed"
PRESENT = observation(SIGN, value=True, id="sign")
ABSENT = observation(SIGN, value=False, id="sign")
BROKEN = observation(SIGN, id="sign", valueCodeableConcept="yes")
UNDATED = observation(SIGN, value=True, when=None, id="sign")
CODED = condition(SIGN, "2025-01-01", id="coded", verification=UNCONFIRMED)


def sign(*records: Resource, notion: str = "cardiac_mri") -> Leaf:
    """Return the leaf about signs of the heart's MRI, or about another notion."""
    return verdict(complete_chart().add(*records)).leaf("I5.b.3", notion)


def shown(leaf: Leaf) -> tuple[object, ...]:
    """Return what a leaf says, without its value."""
    return leaf.truth.value, leaf.reason, leaf.effective, leaf.sources, leaf.notes


OPEN = {
    "copies that differ": (
        [PRESENT, ABSENT], ("unknown", "records-disagree", "2026-11-02", ("Observation/sign",), ()),
    ),
    "an answer that cannot be read": (
        [BROKEN], ("unknown", "no-usable-value", "2026-11-02", ("Observation/sign",), ("record-unreadable",)),
    ),
    "no date": ([UNDATED], ("unknown", "date-not-decisive", None, ("Observation/sign",), ())),
    "absent": ([ABSENT], ("unknown", "no-record", None, (), ())),
    "the examination only": ([observation(EXAMINATION, value=True)], ("unknown", "no-record", None, (), ())),
    "an examination whose answer cannot be read": (
        [observation(EXAMINATION, valueCodeableConcept="yes")], ("unknown", "no-record", None, (), ()),
    ),
    "copies that differ, of an examination": (
        [observation(EXAMINATION, value=True, id="e"), observation(EXAMINATION, value=False, id="e")],
        ("unknown", "no-record", None, (), ()),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "wanted"), OPEN.values(), ids=OPEN)
def test_what_leaves_a_sign_open(records: list[Resource], wanted: tuple[object, ...]) -> None:
    """Its reason, with the record; an examination says nothing of what it found."""
    assert shown(sign(*records)) == wanted


def test_a_sign_is_there() -> None:
    """Present is true, whatever else is doubtful."""
    leaf = sign(PRESENT, CODED, observation("cmr-t1t2", None, None))

    assert shown(leaf) == ("true", None, "2026-11-02", ("Observation/sign",), ("confirm-attribution",))


@pytest.mark.parametrize("records", [[UNDATED], [BROKEN]], ids=["undated", "unreadable"])
def test_a_diagnosis_to_be_confirmed_is_told_first(records: list[Resource]) -> None:
    """What waits for its confirmation goes before what says little."""
    leaf = sign(*records, CODED)

    assert (leaf.reason, leaf.sources) == ("not-confirmed", ("Condition/coded",))


def test_copies_that_differ_are_told_before_a_diagnosis_to_be_confirmed() -> None:
    """One of them may be all that is needed."""
    leaf = sign(PRESENT, ABSENT, CODED)

    assert (leaf.reason, leaf.sources) == ("records-disagree", ("Observation/sign",))


def test_a_finding_under_review_is_for_a_person() -> None:
    """Premature beats, answered yes; a diagnosis to be confirmed is told before it."""
    beats = observation(PREMATURE_BEATS, value=True, id="beats")
    block = condition("44103008", "2025-01-01", id="coded")
    waiting = condition("25569003", "2025-01-01", id="waiting", verification=UNCONFIRMED)
    alone, two = sign(beats, notion="ventricular_arrhythmia"), sign(beats, block, notion="ventricular_arrhythmia")
    behind = sign(beats, waiting, notion="ventricular_arrhythmia")

    assert shown(alone) == ("unknown", "needs-judgement", "2026-11-02", ("Observation/beats",), ())
    assert (two.reason, two.sources) == ("needs-judgement", ("Condition/coded", "Observation/beats"))
    assert (behind.reason, behind.sources) == ("not-confirmed", ("Condition/waiting",))


def test_of_diagnoses_that_leave_it_open_one_kind_is_told() -> None:
    """Copies that differ before what is unreadable or to be confirmed, and that before what is under review."""
    copies = [condition("25569003", f"202{year}-01-01", id="copy") for year in (4, 5)]
    waiting = condition("25569003", "2025-01-01", id="waiting", verification=UNCONFIRMED)
    review = condition("44103008", "2025-01-01", id="review")
    broken = condition("25569003", "2025-01-01", id="broken", modifierExtension=[{"url": "https://forms.example/not"}])

    def told(*records: Resource) -> tuple[object, ...]:
        leaf = sign(*records, notion="ventricular_arrhythmia")
        return leaf.reason, leaf.sources, leaf.notes

    assert told(*copies, waiting) == ("records-disagree", ("Condition/copy",), ())
    assert told(*copies, broken)[:2] == ("records-disagree", ("Condition/copy",))
    assert told(review, waiting) == ("not-confirmed", ("Condition/waiting",), ())
    assert told(broken) == ("no-usable-value", ("Condition/broken",), ("record-unreadable",))
    assert told(review) == ("needs-judgement", ("Condition/review",), ())
