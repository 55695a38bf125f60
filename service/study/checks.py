"""Proves that a study's definitions hang together: with the protocol's words, with each other, and with logic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.eligibility.rules import Exists, Kind, LeafRule
from service.eligibility.study import Study
from service.eligibility.truth import Truth
from service.study.check_names import missing_names, unused_definitions
from service.study.check_numbers import implausible_thresholds, other_units
from service.study.coverage_of_words import find, uncovered
from service.study.definitions import Definitions, Problem
from service.study.references import walk
from service.study.satisfiable import is_computed, reachable

_KINDS = {"I": Kind.INCLUSION, "E": Kind.EXCLUSION}


def check_study(study: Study, mappings: Path) -> list[Problem]:
    """Everything that is wrong with a study's definitions, by file and line; none when they hang together."""
    definitions = Definitions(study, mappings)
    found = [problem for check in CHECKS for problem in check(definitions)]
    return sorted(found, key=lambda problem: (str(problem.file), problem.line or 0))


def criteria_as_printed(definitions: Definitions) -> Iterator[Problem]:
    """Every criterion of the protocol stands in criteria.yaml, in the protocol's order and as its kind."""
    printed = list(definitions.protocol.criteria)
    written = [criterion.id for criterion in definitions.study.criteria]
    for name in printed:
        if name not in written:
            problem = f"the protocol's criterion {name} is missing."
            yield Problem(definitions.criteria_file, None, problem, "Write its rules, or a judgement.")
    if [name for name in printed if name in written] != list(dict.fromkeys(written)):
        yield Problem(definitions.criteria_file, None, "the criteria are not in the protocol's order.", "Sort them.")
    for placed in definitions.rules:
        criterion = placed.criterion
        if placed.rule is criterion.rule and _KINDS[criterion.id[0]] is not criterion.kind:
            yield definitions.in_rules(placed, f"it is no {criterion.kind}.", f"Write {_KINDS[criterion.id[0]]}.")


def ids_stand_once(definitions: Definitions) -> Iterator[Problem]:
    """No two criteria or rules have one id."""
    seen: set[str] = set()
    for placed in definitions.rules:
        if placed.rule.id in seen:
            yield definitions.in_rules(placed, f"the id {placed.rule.id} stands twice.", "Give one of them another.")
        if placed.rule.id:
            seen.add(placed.rule.id)


def quotes_are_verbatim(definitions: Definitions) -> Iterator[Problem]:
    """Every leaf quotes words, and every quote stands in the text of its own criterion."""
    for placed in definitions.rules:
        quote = placed.rule.quote
        if quote is None and isinstance(placed.rule, LeafRule):
            yield definitions.in_rules(placed, "a leaf quotes nothing.", "Add the words that it implements as 'quote'.")
        elif quote is not None and find(quote, placed.criterion.text) is None:
            remedy = f"Copy the words from line {definitions.protocol.lines[placed.criterion.id]} of protocol.md."
            yield definitions.in_rules(placed, f"the protocol does not say '{quote}' there.", remedy)


def words_are_covered(definitions: Definitions) -> Iterator[Problem]:
    """Every word of a criterion is quoted, listed as not computed, or a connective."""
    for placed in definitions.rules:
        criterion = placed.criterion
        if placed.rule is not criterion.rule:
            continue
        for phrase in criterion.not_computed:
            if find(phrase, criterion.text) is None:
                problem = f"the protocol does not say '{phrase}', which is listed as not computed."
                yield definitions.in_rules(placed, problem, "Copy the words from protocol.md.")
        quotes = [rule.quote for rule in walk(criterion.rule) if rule.quote]
        rest = list(uncovered(criterion.text, [*quotes, *criterion.not_computed], definitions.connectives))
        if rest:
            problem = f"no rule quotes the words: {' '.join(rest)}."
            yield definitions.in_rules(placed, problem, "Quote them, or list them under 'not_computed'.")


def both_truths_are_possible(definitions: Definitions) -> Iterator[Problem]:
    """A computed criterion can come out true and can come out false."""
    for placed in definitions.rules:
        rule = placed.rule
        if rule is placed.criterion.rule and is_computed(rule):
            possible = reachable(rule, definitions.study.notions, definitions.same)
            for truth in (Truth.TRUE, Truth.FALSE):
                if truth not in possible:
                    problem = f"no chart makes it {truth.value}."
                    yield definitions.in_rules(placed, problem, "Look at its thresholds and combinations.")


def absence_has_a_reason(definitions: Definitions) -> Iterator[Problem]:
    """Where the absence of a record decides, the rule says why it may."""
    for placed in definitions.rules:
        rule = placed.rule
        if isinstance(rule, Exists) and rule.absence_means == "false" and not rule.because:
            yield definitions.in_rules(placed, "absence decides without a reason.", "Say why as 'because'.")


CHECKS = (
    criteria_as_printed,
    ids_stand_once,
    quotes_are_verbatim,
    words_are_covered,
    missing_names,
    unused_definitions,
    other_units,
    implausible_thresholds,
    both_truths_are_possible,
    absence_has_a_reason,
)
