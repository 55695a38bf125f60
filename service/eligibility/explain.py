"""One plain sentence a criterion for a clinician: what decided it, or what keeps it open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from service.eligibility.findings import Finding, Leaf, Open, Reason
from service.eligibility.phrases import LANGUAGES, Phrases
from service.eligibility.results import Outcome
from service.eligibility.rules import Age, Sex
from service.eligibility.study import Study
from service.eligibility.truth import Truth

_NAMED = 3  # facts in one sentence; the findings hold them all
_DAY = 10  # characters of a date


def explain(
    study: Study,
    finding: Finding,
    outcome: Outcome,
    sort: Open | None,
    open_leaves: Sequence[Leaf],
    language: str = "en",
) -> str:
    """Return the sentence for one criterion; ``open_leaves`` of one ``sort`` keep it open."""
    words = LANGUAGES[language]
    leaves = open_leaves if outcome is Outcome.OPEN else _deciding(finding)
    parts = list(dict.fromkeys(_phrase(study, leaf, words, language) for leaf in leaves))
    named = parts[:_NAMED]
    if len(parts) > _NAMED:
        named.append(words.more.format(count=len(parts) - _NAMED))
    return words.outcomes[outcome, sort].format(parts="; ".join(named))


def _deciding(node: Finding) -> Iterator[Leaf]:
    """Yield the leaves that make a decided finding what it is."""
    if isinstance(node, Leaf):
        yield node
        return
    wanted = node.truth
    if node.op == "not":
        wanted = node.children[0].truth
    for child in node.children:
        if child.truth is wanted:
            yield from _deciding(child)


def _phrase(study: Study, leaf: Leaf, words: Phrases, language: str) -> str:
    if leaf.value is None and leaf.effective is None:
        return _without_value(study, leaf.notion, leaf.reason, leaf.truth is Truth.TRUE, language)
    label = _label(study, leaf.notion, language)
    if leaf.reason is None and leaf.value is not None and leaf.op in (Age.op, Sex.op):
        return (words.age if leaf.op == Age.op else words.sex).format(text=leaf.value.text)
    value, received = "", None
    if leaf.value is not None:
        text, unit, received = leaf.value
        written = f"{text} {unit}".strip() if text else received
        value = words.value.format(value=written) if written else ""
    if leaf.effective and leaf.effective != received:  # a date that is the value is said once
        value += words.on_day.format(day=leaf.effective[:_DAY])
    if leaf.reason is not None:
        return words.reasons[leaf.reason].format(label=label, value=value)
    return label + value


@lru_cache(maxsize=4096)
def _without_value(study: Study, notion: str, reason: Reason | None, present: bool, language: str) -> str:
    """Return the phrase for a leaf that shows nothing: the same for every patient, and most are such."""
    words, label = LANGUAGES[language], _label(study, notion, language)
    if reason is not None:
        return words.reasons[reason].format(label=label, value="")
    return (words.recorded if present else words.absent).format(label=label)


def _label(study: Study, name: str, language: str) -> str:
    notion = study.notions.get(name)
    return notion.label.get(language, name) if notion is not None else name
