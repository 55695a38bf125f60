"""Says in plain English what a rule asks and what happens when the chart does not tell, for the review sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from service.eligibility.compare import comparisons
from service.eligibility.moment import Span
from service.eligibility.notions import Nature, Notion
from service.eligibility.quantity import decimal_text
from service.eligibility.rules import (
    Age,
    Bounds,
    ByMethod,
    Classification,
    Consented,
    Covered,
    DiagnosedWithin,
    ElapsedSince,
    Evidence,
    Exists,
    InEffect,
    Judgement,
    Measure,
    Method,
    OtherStudy,
    Pair,
    Rule,
    Same,
    Sex,
    State,
)

_WORDS = {"lt": "below", "le": "at most", "gt": "above", "ge": "at least"}
_UNITS = {"d": "days", "a": "calendar years"}
_UNKNOWN: Mapping[type[Rule], str] = {
    Judgement: "open until a person answers",
    Sex: "neither male nor female: unknown, a person decides",
    Age: "no birth date: unknown, missing data; a partial one decides where both its ends agree",
    ElapsedSince: "no date: unknown, missing data; a recorded date alone shows only that the onset was not later",
    Same: "as there",
}
Notions = Mapping[str, Notion]


def rule_in_words(rule: Rule, notions: Notions) -> str:
    """What a leaf asks, as one line."""
    return _ASKS[type(rule)](rule, notions)


def missing_in_words(rule: Rule, notions: Notions) -> str:
    """What a leaf says when the chart does not tell."""
    match rule:
        case Measure() | ByMethod() | Pair():
            return _missing_value(rule, notions)
        case Exists(absence_means="false") | Classification():
            return f"no record: false, because {rule.because}"
    return _UNKNOWN.get(type(rule), "no record: unknown, to confirm (no record of it is no record of its absence)")


def span(length: Span) -> str:
    """A length of time for people: 180 days."""
    return f"{length.length} {_UNITS[length.unit]}"


def _missing_value(rule: Measure | ByMethod | Pair, notions: Notions) -> str:
    name = {Measure: "measure", ByMethod: "by_method", Pair: "pair"}[type(rule)]
    notion = notions[getattr(rule, name)]
    said = "no usable value in its window: unknown, "
    said += "missing data" if notion.nature is Nature.MEASUREMENT else "to confirm at the bedside"
    if isinstance(rule, Measure) and rule.not_measurable == "needs-judgement":
        said += "; recorded as not measurable: a person decides"
    if isinstance(rule, ByMethod) and (rule.performed_by or rule.performed_with):
        said += "; examined without a value: a person decides"
    return said


def _bounds(bounds: Bounds, unit: str | None = None) -> str:
    said = " and ".join(f"{_WORDS[op]} {decimal_text(limit)}" for op, limit in comparisons(bounds))
    return f"{said} `{unit}`" if unit else said


def _label(name: str, notions: Notions) -> str:
    return notions[name].label["en"] if name in notions else name


def _labels(names: Iterable[str], notions: Notions) -> str:
    return ", ".join(_label(name, notions) for name in names)


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)


def _age(rule: Age, notions: Notions) -> str:
    return f"completed years of age on the screening date ({_label(rule.age, notions)}): {_bounds(rule)}"


def _diagnosed(rule: DiagnosedWithin, notions: Notions) -> str:
    return (
        f"{_label(rule.diagnosed, notions)} with an onset less than {span(rule.within)} before the screening date; "
        "an older one does not count, a recorded date alone leaves it open"
    )


def _elapsed(rule: ElapsedSince, notions: Notions) -> str:
    return (
        f"at most {span(rule.le)} since {_label(rule.elapsed_since, notions)}, else since the earliest onset of a "
        f"confirmed {_label(rule.else_onset_of, notions)}"
    )


def _judgement(rule: Judgement, notions: Notions) -> str:
    said = f"the {rule.judgement}'s word, never computed"
    if rule.evidence:
        said += f"; shown beside it: {_labels(rule.evidence, notions)}"
    if rule.evidence_of:
        said += f"; and the findings of {', '.join(rule.evidence_of)}"
    return said


def _measure(rule: Measure, notions: Notions) -> str:
    said = f"newest usable {_label(rule.measure, notions)}"
    if rule.corrected is not None:
        by = rule.corrected
        said += (
            f", corrected ({by.formula}) with the {_label(by.given, notions)} nearest to it within {span(by.within)}"
            f" (none: decided where {_number(by.low)} and {_number(by.high)} agree)"
        )
    if rule.upper_limit is not None:
        times = rule.upper_limit
        said += (
            f" above {_number(times.times)} times its own upper limit of normal (none: decided where limits of "
            f"{_number(times.low)} and {_number(times.high)} `{rule.unit}` agree)"
        )
    else:
        said += f" is {_bounds(rule, rule.unit)}"
    if rule.stated_by is not None:
        said += ", or a coded finding that says so"
    return said + ("; if so, a person decides" if rule.true_means == "needs-judgement" else "")


def _by_method(rule: ByMethod, notions: Notions) -> str:
    reference, estimate = (_method(method, rule.unit, notions) for method in (rule.reference, rule.estimate))
    if rule.when_both == "reference-decides":
        return f"{reference}; without one in its window, {estimate}"
    return f"{reference}, or {estimate}; one in its window decides, two that differ need a person"


def _method(method: Method, unit: str, notions: Notions) -> str:
    gap = "" if method.gap is None else f" (exactly {_number(method.gap)} is in neither criterion)"
    return f"{_label(method.measure, notions)} is {_bounds(method, unit)}{gap}"


def _exists(rule: Exists, notions: Notions) -> str:
    label = _label(rule.exists, notions)
    if rule.present_means == "needs-judgement":
        return f"{label} on record{'' if rule.past_means != 'nothing' else ' and active'}: a person decides"
    past = {"true": "active or past", "needs-judgement": "active; a past one needs a person", "nothing": "active"}
    said = f"{label} on record, {past[rule.past_means]}"
    if rule.severity is not None:
        said += f"; stated severity {_either(rule.severity.counts)} counts, {_either(rule.severity.refuses)} does not"
    return said


def _in_effect(rule: InEffect, notions: Notions) -> str:
    lasts = ", ".join(f"{'others' if tag == 'otherwise' else tag} {span(time)}" for tag, time in rule.lasts.items())
    return (
        f"{_label(rule.in_effect, notions)} in effect on the screening date: to its stated end, or for ({lasts}) from "
        "its start unless removed; undated: a person decides"
    )


def _state(rule: State, notions: Notions) -> str:
    parts = [
        ("True when", rule.shown_by),
        ("A person decides when", rule.suggested_by),
        ("Unless later", rule.cleared_by),
        ("False when", rule.ruled_out_by),
    ]
    said = [f"{when} {'; or '.join(_evidence(item, notions) for item in items)}" for when, items in parts if items]
    if rule.impossible_sex or rule.impossible_by:
        impossible = [rule.impossible_sex or "", _label(rule.impossible_by or "", notions)]
        said.append(f"False for {_either(word for word in impossible if word)}, where a record for it needs a person")
    return f"{_label(rule.state, notions)}: {'. '.join(said)}"


def _evidence(item: Evidence, notions: Notions) -> str:
    if item.result is not None:
        newest = "the newest " if item.newest or item.newest_of_kind else ""
        of_kind = f" ({', '.join((*item.tagged, *item.newest_of_kind))})" if item.tagged or item.newest_of_kind else ""
        said = f"{newest}{_label(item.result, notions)}{of_kind} is {'positive' if item.positive else 'negative'}"
    else:
        roles = "" if item.roles == ("match",) else f" (codes: {', '.join(item.roles)})"
        said = f"{'active ' if item.active else ''}{_label(item.entry or '', notions)}{roles} on record"
    if item.within is not None:
        said += f" within {span(item.within)}"
    if item.older_means == "needs-judgement":
        said += " (older or undated: a person decides)"
    if item.status_unstated:
        limits = ", ".join(
            f"{'others' if tag == 'otherwise' else tag} {span(time)}" for tag, time in item.status_unstated.items()
        )
        said += f" (without a stated status only for: {limits})"
    return said


def _pair(rule: Pair, notions: Notions) -> str:
    low, high = rule.false_below, rule.flagged_from
    return (
        f"newest pair of {_label(rule.pair, notions)}: {rule.first} below {_number(low.first)} and {rule.second} below "
        f"{_number(low.second)} `{rule.unit}` is false; else a person decides, and a pair of at least "
        f"{_number(high.first)} or {_number(high.second)} is shown first"
    )


def _classification(rule: Classification, notions: Notions) -> str:
    items = "; ".join(
        " or ".join(
            f"{_label(alternative.exists or alternative.measure or '', notions)}"
            f"{f' ({alternative.tagged})' if alternative.tagged else ''}"
            f"{f' at least {_number(alternative.ge)} `{alternative.unit}`' if alternative.ge is not None else ''}"
            f" {alternative.weight}"
            for alternative in item.alternatives
        )
        for item in rule.items
    )
    suspicion = rule.suspicion
    return (
        f"{_label(rule.total, notions)} of at least {rule.threshold}, or as many points from the items on record, the "
        f"highest of each line ({items}). Below, with a total of the last {span(rule.total_counts_for)}: false. Else a "
        f"confirmed diagnosis, {suspicion.score_from} points, or {_label(suspicion.measure, notions)} above "
        f"{_number(suspicion.gt)}: a person decides"
    )


def _number(number: Decimal) -> str:
    return decimal_text(number)


_ASKS: Mapping[type[Rule], Callable[[Any, Notions], str]] = {
    Age: _age,
    Sex: lambda rule, _: f"administrative gender is {_either(rule.sex)}",
    Judgement: _judgement,
    Consented: lambda *_: "the newest research Consent that names this study is active and permits",
    Covered: lambda *_: "an active Coverage whose period, if stated, includes the screening date",
    Measure: _measure,
    ByMethod: _by_method,
    Exists: _exists,
    InEffect: _in_effect,
    DiagnosedWithin: _diagnosed,
    ElapsedSince: _elapsed,
    State: _state,
    Pair: _pair,
    Classification: _classification,
    OtherStudy: lambda *_: "on study in another, interventional study whose participation has not ended",
    Same: lambda rule, _: f"the same as {rule.same_as}",
}
