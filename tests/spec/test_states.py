"""E2, E7 and E8, states weighed from many records: what does not count hides nothing, what is doubtful is told."""

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, condition, observation, verdict

PREGNANT, DELIVERY, SEPSIS, HIV = "Z34.9", "O80", "A41.9", "B24"
HCG, STATUS, SEROLOGY, SURFACE_ANTIGEN, VIRUS_DNA = "2118-8", "11449-6", "56888-1", "5196-1", "29615-2"
DAY, NOON = "2026-11-10", "2026-11-10T12:00:00+01:00"
UNKNOWN_MODIFIER = [{"url": "https://forms.example/not", "valueBoolean": True}]


def state(criterion: str, *records: Resource) -> Leaf:
    """Return the leaf about the state that a criterion asks for."""
    return verdict(complete_chart().add(*records)).leaves(criterion)[0]


def result(code: str, flag: str | None, when: str | None = NOON, **elements: object) -> Resource:
    """Return a laboratory result, positive or negative."""
    return observation(code, None, when, flag=flag, **elements)


def test_a_record_that_does_not_count_hides_none_that_does() -> None:
    """Whatever stands first: one that is over, one without a status and old, one outside its window."""
    over, unstated = condition(SEPSIS, DAY, clinical="resolved"), condition(SEPSIS, "2026-01-01", clinical=None)
    now, old, recent = condition(SEPSIS, DAY), condition(DELIVERY, "2025-06-01"), condition(DELIVERY, "2026-10-01")

    for records in ([over, now], [now, over], [unstated, now], [now, unstated]):
        assert state("E7", *records).reason == "needs-judgement"
    for records in ([old, recent], [recent, old]):
        assert state("E2", *records).reason == "needs-judgement"


def test_a_code_under_review_without_a_date_is_for_a_person() -> None:
    """A delivery on no day may be a recent one."""
    leaf = state("E2", condition(DELIVERY))

    assert (leaf.truth.value, leaf.reason, leaf.notes) == ("unknown", "needs-judgement", ("flagged",))


def test_what_is_too_long_ago_leaves_no_doubt() -> None:
    """Copies of a delivery of last year that differ say nothing of today."""
    copies = [condition(DELIVERY, f"2025-0{month}-01", id="delivery") for month in (5, 6)]

    assert state("E2", *copies).reason == "no-record"


@pytest.mark.parametrize(("criterion", "code"), [("E2", HCG), ("E8", SEROLOGY), ("E7", SURFACE_ANTIGEN)])
def test_copies_of_a_result_that_differ_disagree(criterion: str, code: str) -> None:
    """Nobody can tell whether it was positive."""
    leaf = state(criterion, result(code, "POS", id="copy"), result(code, "NEG", id="copy"))

    assert (leaf.truth.value, leaf.reason, leaf.sources) == ("unknown", "records-disagree", ("Observation/copy",))


def test_all_results_that_disagree_are_shown() -> None:
    """A test and a status that both contradict themselves at one time."""
    tests = result(HCG, "POS", id="a"), result(HCG, "NEG", id="b")
    statuses = result(STATUS, "POS", id="c"), result(STATUS, "NEG", id="d")
    leaf = state("E2", *tests, *statuses)

    assert leaf.reason == "records-disagree"
    assert leaf.sources == tuple(f"Observation/{name}" for name in "abcd")


def test_of_two_kinds_of_test_each_may_disagree() -> None:
    """Copies of the antigen that differ beside two results of the virus that do."""
    antigen = result(SURFACE_ANTIGEN, "POS", id="a"), result(SURFACE_ANTIGEN, "NEG", id="a")
    virus = result(VIRUS_DNA, "DET", id="b"), result(VIRUS_DNA, "ND", id="c")
    leaf = state("E7", *antigen, *virus)

    assert (leaf.reason, leaf.sources) == ("records-disagree", ("Observation/a", "Observation/b", "Observation/c"))


@pytest.mark.parametrize(
    ("criterion", "code", "flag", "reason"),
    [
        ("E7", SURFACE_ANTIGEN, "POS", "date-not-decisive"),
        ("E7", SURFACE_ANTIGEN, "NEG", "no-record"),
        ("E2", HCG, "POS", "date-not-decisive"),
        ("E2", HCG, "NEG", "date-not-decisive"),
        ("E8", SEROLOGY, "NEG", "date-not-decisive"),
    ],
)
def test_a_result_without_a_date_is_open_where_its_date_would_matter(
    criterion: str, code: str, flag: str, reason: str
) -> None:
    """A negative hepatitis test rules nothing out, whenever it was."""
    leaf = state(criterion, result(code, flag, None))

    assert (leaf.truth.value, leaf.reason) == ("unknown", reason)


@pytest.mark.parametrize(("criterion", "code"), [("E2", PREGNANT), ("E7", SEPSIS), ("E8", HIV)])
def test_a_statement_that_cannot_be_read_may_be_the_very_one(criterion: str, code: str) -> None:
    """No usable value, the note, and the record; a negative test does not outweigh it."""
    broken = condition(code, DAY, id="broken", modifierExtension=UNKNOWN_MODIFIER)
    negatives = result(HCG, "NEG"), result(SEROLOGY, "NEG")

    for records in ([broken], [broken, *negatives]):
        leaf = state(criterion, *records)
        assert (leaf.truth.value, leaf.reason) == ("unknown", "no-usable-value")
        assert (leaf.sources, leaf.notes) == (("Condition/broken",), ("record-unreadable",))


def test_a_result_that_cannot_be_read_does_not_outweigh_a_newer_negative_one() -> None:
    """An older one is nothing; a newer one is told of."""
    broken = observation(HCG, None, "2026-11-09", valueCodeableConcept="positive")
    newer = observation(HCG, None, "2026-11-11", valueCodeableConcept="positive")
    negative = result(HCG, "NEG", DAY)

    assert (state("E2", broken, negative).truth.value, state("E2", broken, negative).notes) == ("false", ())
    assert state("E2", newer, negative).truth.value == "false"
    assert set(state("E2", newer, negative).notes) == {"newer-unusable", "record-unreadable"}


@pytest.mark.parametrize("criterion", ["E2", "E7", "E8"])
def test_an_observation_that_cannot_be_read_may_be_a_test(criterion: str) -> None:
    """Nothing was found, but a result could not be read: no usable value, and the note says so."""
    leaf = state(criterion, observation("718-7", "12 g/dL") | {"code": "718-7"})

    assert (leaf.truth.value, leaf.reason, leaf.notes) == ("unknown", "no-usable-value", ("record-unreadable",))


def test_a_result_alone_that_cannot_be_read_is_shown() -> None:
    """A broken one with the note, one in words without."""
    broken = observation(HCG, None, DAY, id="hcg", valueCodeableConcept="positive")
    words = observation(HCG, None, DAY, id="hcg", valueString="see report")

    for record, notes in ((broken, ("record-unreadable",)), (words, ())):
        leaf = state("E2", record)
        assert (leaf.reason, leaf.sources, leaf.notes) == ("no-usable-value", ("Observation/hcg",), notes)
