"""Kleene's three-valued logic, its tables written out, and the outcome that a truth has for eligibility."""

from itertools import permutations

import pytest

from service.eligibility.findings import Leaf, Node, Reason
from service.eligibility.open import undecided
from service.eligibility.truth import Truth, all_of, any_of, negate
from tests.builders import complete_chart, empty_chart, verdict

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

AND = [(T, T, T), (T, F, F), (T, U, U), (F, T, F), (F, F, F), (F, U, F), (U, T, U), (U, F, F), (U, U, U)]
OR = [(T, T, T), (T, F, T), (T, U, T), (F, T, T), (F, F, F), (F, U, U), (U, T, T), (U, F, U), (U, U, U)]
NOT = [(T, F), (F, T), (U, U)]


@pytest.mark.parametrize(("one", "other", "both"), AND)
def test_all_of_is_kleenes_and(one: Truth, other: Truth, both: Truth) -> None:
    """False wins, then unknown, then true."""
    assert all_of([one, other]) is both


@pytest.mark.parametrize(("one", "other", "either"), OR)
def test_any_of_is_kleenes_or(one: Truth, other: Truth, either: Truth) -> None:
    """True wins, then unknown, then false."""
    assert any_of([one, other]) is either


@pytest.mark.parametrize(("truth", "opposite"), NOT)
def test_not_turns_what_is_known(truth: Truth, opposite: Truth) -> None:
    """The opposite of unknown is unknown."""
    assert negate(truth) is opposite


@pytest.mark.parametrize("order", list(permutations([T, F, U])))
def test_the_order_and_number_of_operands_do_not_matter(order: tuple[Truth, ...]) -> None:
    """Three operands in any order, or given twice, have one answer."""
    assert all_of(order) is all_of(order + order) is F
    assert any_of(order) is any_of(order + order) is T


def test_combinations_of_nothing_are_neutral() -> None:
    """All of no operands is true and any of none is false, so that adding an operand changes nothing else."""
    assert all_of([]) is T
    assert any_of([]) is F


@pytest.mark.parametrize("truth", [T, F, U])
def test_a_truth_is_no_bool(truth: Truth) -> None:
    """`if truth` would read unknown as true or as false: both are guesses."""
    with pytest.raises(TypeError, match="three values"):
        bool(truth)
    with pytest.raises(TypeError):
        _ = not truth


@pytest.mark.parametrize(("value", "truth"), [(True, T), (False, F), (None, U)])
def test_an_undecided_comparison_is_unknown(value: bool | None, truth: Truth) -> None:
    """None stands for a comparison that nobody can decide."""
    assert Truth.of(value) is truth


@pytest.mark.parametrize(
    ("criterion", "age", "truth", "outcome"),
    [
        ("I3", "1978-03-14", "true", "pass"),
        ("I3", "1950-03-14", "false", "fail"),
        ("I3", None, "unknown", "open"),
        ("E1", "1950-03-14", "true", "fail"),
        ("E1", "1978-03-14", "false", "pass"),
        ("E1", None, "unknown", "open"),
    ],
)
def test_what_a_truth_means_for_eligibility(criterion: str, age: str | None, truth: str, outcome: str) -> None:
    """An inclusion has to hold, an exclusion must not; unknown leaves either open."""
    given = verdict(complete_chart(birth=age))

    assert (given.truth(criterion), given.outcome(criterion)) == (truth, outcome)
    assert (given.open(criterion) is not None) == (outcome == "open")


def test_nothing_stops_early() -> None:
    """Every leaf of every criterion is evaluated, whatever the others say: full and empty charts have the same."""
    full, empty = verdict(complete_chart()).screening, verdict(empty_chart()).screening

    assert [r.criterion.id for r in full.criteria] == [
        *(f"I{number}" for number in range(1, 11)), *(f"E{number}" for number in range(1, 15))
    ]  # fmt: skip
    assert len(full.criteria) == len(empty.criteria)
    for one, other in zip(full.criteria, empty.criteria, strict=True):
        id_ = one.criterion.id
        rules = [leaf.rule for leaf in verdict(complete_chart()).leaves(id_)]
        assert rules == [leaf.rule for leaf in verdict(empty_chart()).leaves(id_)], id_
        assert one.criterion is other.criterion


def test_what_is_asked_twice_may_leave_nothing_for_its_neighbour() -> None:
    """In `a, or both a and b` the truth is that of `a`, whatever `b` turns out to be; asked once, both matter."""
    a, b, c = (Leaf("exists", name, name, "on record", U, Reason.NO_RECORD) for name in "abc")

    def either(first: Leaf) -> Node:
        return Node("any-of", None, U, (first, Node("all-of", None, U, (a, b))))

    assert undecided(either(a), twice=True) == [a]
    assert undecided(either(c), twice=False) == [c, a, b]
