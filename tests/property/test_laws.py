"""Laws: what is not known never decides, order and copies do not matter, more knowledge never turns a verdict over."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.eligibility.findings import Finding, Leaf, Node, Reason
from service.eligibility.open import leaves_of, undecided
from service.eligibility.plan import walk
from service.eligibility.rules import AllOf, AnyOf, Judgement, Not, Rule, Same
from service.eligibility.truth import Truth, all_of, any_of, negate
from service.screening.document import document, encode
from tests.builders import Resource, SampleChart, complete_chart, observation, verdict
from tests.property.charts import DIAGNOSED, MEASURED, charts, diagnosis, measurement

MOST = 11  # unknown leaves of which all truths are tried
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
Tree = Any  # a leaf's number, or (operator, trees)

TREES: st.SearchStrategy[Tree] = st.recursive(
    st.integers(0, 5),
    lambda below: st.one_of(
        st.tuples(st.sampled_from(["all-of", "any-of"]), st.lists(below, min_size=1, max_size=4)),
        st.tuples(st.just("not"), st.lists(below, min_size=1, max_size=1)),
    ),
    max_leaves=12,
)
LEAVES = st.lists(st.sampled_from([T, F, U]), min_size=6, max_size=6)


def value(tree: Tree, leaves: list[Truth]) -> Truth:
    """Return the truth of a tree."""
    if isinstance(tree, int):
        return leaves[tree]
    below = [value(child, leaves) for child in tree[1]]
    return {"all-of": all_of, "any-of": any_of}[tree[0]](below) if tree[0] != "not" else negate(below[0])


@given(TREES, LEAVES, st.lists(st.sampled_from([T, F]), min_size=6, max_size=6))
def test_knowing_more_never_turns_a_decided_truth(tree: Tree, leaves: list[Truth], known: list[Truth]) -> None:
    """Kleene's monotony: whatever the unknown leaves turn out to be, a decided tree stays as it is."""
    decided = value(tree, leaves)
    told = [is_ if leaf is U else leaf for leaf, is_ in zip(leaves, known, strict=True)]

    assert decided is U or value(tree, told) is decided


@given(TREES, LEAVES)
def test_all_known_leaves_decide(tree: Tree, leaves: list[Truth]) -> None:
    """A tree is unknown only for want of a leaf, and then as Boole has it."""
    told = [F if leaf is U else leaf for leaf in leaves]

    assert value(tree, told) is not U


def screened(bundle: Resource) -> bytes:
    """Return the result as callers see it."""
    return encode(document(verdict(bundle).result, id="1"))


@given(charts(), st.randoms(use_true_random=False), st.lists(st.integers(0, 25), max_size=6))
def test_order_and_copies_do_not_matter(chart: SampleChart, random: Any, again: list[int]) -> None:
    """Shuffling the entries and giving some of them twice leaves every byte as it is."""
    bundle = chart.bundle()
    entries = [*bundle["entry"], *(bundle["entry"][index] for index in again if 0 < index < len(bundle["entry"]))]
    random.shuffle(entries)

    assert screened(bundle | {"entry": entries}) == screened(bundle)


# --- units ----------------------------------------------------------------------------------------

# A part of the sample chart, two units, how many of the second make one of the first, and values around thresholds.
UNITS = [
    ("crp", "1988-5", "mg/dL", "mg/L", "10", ("0.49", "0.5", "0.51", "< 0.5", "<= 0.6")),
    ("crp", "1988-5", "nmol/L", "mg/L", "0.105", ("47", "47.6", "47.7", "48")),
    ("hemoglobin", "718-7", "g/dL", "g/L", "10", ("7.9", "8", "8.01", "10.99", "11", "<= 8")),
    ("hemoglobin", "718-7", "mmol/L", "g/L", "16.114", ("4.96", "4.97", "6.82", "6.83")),
    ("platelets", "777-3", "10*9/L", "/mm3", "1000", ("49.999", "50", "50.001", "<= 50", "0.9", "5000.1")),
    ("neutrophils", "751-8", "10*9/L", "10*3/uL", "1", ("0.999", "1", "> 0.5")),
    ("ast", "1920-8", "ukat/L", "U/L", "60", ("0.5", "1.25", "2", "2.01", "3.5", "3.51")),
    ("egfr", "2160-0", "mg/dL", "umol/L", "88.4", ("0.09", "0.1", "0.8", "2.04", "2.05", "2.06", "< 2")),
    ("spap", "82341-9", "kPa", "mm[Hg]", "7.50062", ("4.6", "4.7", "4.8", "6.66", "6.67", "<= 6.7", "0.6", "27")),
    ("mpap", "8414-5", "kPa", "mm[Hg]", "7.50062", ("2.66", "2.67", "5.33", "5.34", ">= 5")),
]
ANY_VALUE = st.decimals(min_value=0, max_value=100, places=2).map(str)


@pytest.mark.parametrize(("part", "code", "unit", "other", "factor", "around"), UNITS)
@settings(max_examples=25)
@given(data=st.data())
def test_one_quantity_in_two_units_is_one(
    part: str, code: str, unit: str, other: str, factor: str, around: tuple[str, ...], data: st.DataObject
) -> None:
    """Written in another unit, a quantity gives the same truths for the same reasons, also on a threshold."""
    written = data.draw(st.sampled_from(around) | ANY_VALUE)
    comparator, number = written.rpartition(" ")[::2]
    converted = f"{comparator} {Decimal(number) * Decimal(factor):f}"

    assert _answers(part, code, f"{written} {unit}") == _answers(part, code, f"{converted} {other}")


def _answers(part: str, code: str, written: str) -> list[tuple[str, str, Truth, Reason | None]]:
    """Return every leaf's truth and reason with this value in that place."""
    record = observation(code, written, "2026-11-10", high="40 U/L" if part == "ast" else None)
    given = verdict(complete_chart().drop(part).add(record))
    return [
        (result.criterion.id, leaf.rule, leaf.truth, leaf.reason)
        for result in given.screening.criteria
        for leaf in given.leaves(result.criterion.id)
    ]


# --- more knowledge -------------------------------------------------------------------------------

# Where another value of the same thing stands in for a notion, its own record supersedes it: that is no new knowledge
# beside the old but newer or better knowledge in its place.
STANDS_IN = {
    "egfr": {"creatinine_serum"}, "creatinine_serum": {"egfr"}, "bmi": {"weight", "height"},
    "weight": {"bmi", "height"}, "height": {"bmi", "weight"}, "pasp_echo": {"mpap_rhc"}, "mpap_rhc": {"pasp_echo"},
}  # fmt: skip
# Absence decides in I4; E8 is false by a negative test only as long as nothing else says otherwise.
BY_ABSENCE = {"I4": {F}, "E8": {F}}
NEW = [(kind.notion, measurement(kind)) for kind in MEASURED] + [(name, diagnosis(code)) for name, code in DIAGNOSED]


@pytest.mark.parametrize(("notion", "record"), NEW, ids=[notion for notion, _ in NEW])
@settings(max_examples=20)
@given(data=st.data())
def test_a_record_of_something_new_never_turns_a_verdict_over(
    notion: str, record: st.SearchStrategy[Resource], data: st.DataObject
) -> None:
    """Where nothing was on record of a notion nor stood in for it, a record makes no true false and no false true."""
    chart = data.draw(charts(frozenset({notion, *STANDS_IN.get(notion, ())})))
    before, after = verdict(chart), verdict(chart.add(data.draw(record)))
    for result in before.screening.criteria:
        id_ = result.criterion.id
        was, is_ = result.truth, after.finding(id_).truth
        if was is not U and was not in BY_ABSENCE.get(id_, set()):
            assert is_ in (was, U), f"{id_} was {was.value}:\n{before.show(id_)}\nand is\n{after.show(id_)}"


# --- what is missing ------------------------------------------------------------------------------


def asked(tree: Tree, leaves: list[Truth], seen: set[int]) -> tuple[Rule, Finding]:
    """Return a tree as rules and as their findings; a leaf that comes again is the same leaf asked twice."""
    if isinstance(tree, int):
        name, truth = f"leaf-{tree}", leaves[tree]
        rule: Rule = Judgement(id=name, judgement="investigator", notion=name)
        if tree in seen:
            rule = Same(same_as=name)
        seen.add(tree)
        return rule, Leaf("judgement", name, name, "", truth, Reason.NEEDS_JUDGEMENT if truth is U else None)
    rules, findings = zip(*(asked(child, leaves, seen) for child in tree[1]), strict=True)
    combined = {"all-of": AllOf, "any-of": AnyOf}
    whole = Not(child=rules[0]) if tree[0] == "not" else combined[tree[0]](children=rules)
    return whole, Node(tree[0], None, value(tree, leaves), findings)


def answer(finding: Finding, told: dict[Leaf, Truth]) -> Truth:
    """Return the truth of a finding with these truths for its unknown leaves."""
    if isinstance(finding, Leaf):
        return told.get(finding, finding.truth)
    below = [answer(child, told) for child in finding.children]
    if finding.op == "not":
        return negate(below[0])
    return all_of(below) if finding.op == "all-of" else any_of(below)


def can_change(finding: Finding, one: Leaf, others: list[Leaf]) -> bool:
    """Whether, for some truths of the others, the finding differs with that leaf alone."""
    for truths in product([T, F], repeat=len(others)):
        told = dict(zip(others, truths, strict=True))
        if answer(finding, told | {one: T}) is not answer(finding, told | {one: F}):
            return True
    return False


@given(TREES, LEAVES)
def test_a_leaf_is_open_when_it_alone_can_change_the_whole(tree: Tree, leaves: list[Truth]) -> None:
    """By trying all truths of the unknown leaves: no leaf too many and none too few, also where one is asked twice."""
    rule, finding = asked(tree, leaves, set())
    unknown = list(dict.fromkeys(one for one in leaves_of(finding) if one.truth is U))
    could = {one for one in unknown if can_change(finding, one, [other for other in unknown if other != one])}

    found = undecided(finding, twice=any(isinstance(one, Same) for one in walk(rule)))

    assert len(found) == len(set(found))
    assert set(found) == (could if finding.truth is U else set())


@given(charts())
def test_missing_names_only_what_could_change_its_criterion(chart: SampleChart) -> None:
    """By trying all truths of the unknown leaves; a criterion that misses data has something listed."""
    given = verdict(chart)
    listed = {(entry.notion, entry.reason, id_) for entry in given.missing for id_ in entry.unlocks}
    for result in given.screening.criteria:
        id_ = result.criterion.id
        unknown = list(dict.fromkeys(one for one in given.leaves(id_) if one.truth is U))
        if len(unknown) > MOST:
            continue
        named = {(notion, reason) for notion, reason, criterion in listed if criterion == id_}
        could = {
            (one.notion, one.reason)
            for one in unknown
            if can_change(result.finding, one, [other for other in unknown if other != one])
        }
        assert named <= could, f"{id_} names {named - could}:\n{given.show(id_)}"
        assert (result.open is None) == (result.truth is not U)
        if result.open is not None and result.open.value == "missing-data":
            assert named, id_
