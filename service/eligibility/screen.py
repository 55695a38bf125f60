"""Screening one chart: every criterion judged, a status recommended, and what is missing."""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import NamedTuple

from service.eligibility.chart import Chart, Warning_
from service.eligibility.context import Context
from service.eligibility.evaluate import evaluate
from service.eligibility.explain import explain
from service.eligibility.findings import Finding, Leaf, Open
from service.eligibility.leaves.declared import names_a_study, newest_consents
from service.eligibility.missing import missing
from service.eligibility.open import leaves_of, sort_of, undecided
from service.eligibility.plan import plan, untouched
from service.eligibility.recover import Recovery, recovery
from service.eligibility.results import (
    OPPOSITION,
    CriterionResult,
    FailedPrecondition,
    NotScreened,
    Outcome,
    Screening,
    Status,
)
from service.eligibility.rules import Classification, Criterion, Kind
from service.eligibility.study import Study
from service.eligibility.truth import Truth

_OUTCOMES = {
    (Kind.INCLUSION, Truth.TRUE): Outcome.PASS,
    (Kind.INCLUSION, Truth.FALSE): Outcome.FAIL,
    (Kind.INCLUSION, Truth.UNKNOWN): Outcome.OPEN,
    (Kind.EXCLUSION, Truth.TRUE): Outcome.FAIL,
    (Kind.EXCLUSION, Truth.FALSE): Outcome.PASS,
    (Kind.EXCLUSION, Truth.UNKNOWN): Outcome.OPEN,
}


def screen(
    study: Study,
    chart: Chart,
    answers: tuple[()],  # noqa: ARG001 - what people answered comes with the worklist
    as_of: date,
    *,
    own_subjects: Container[str] = (),
) -> Screening | NotScreened:
    """Screen one chart on one day.

    ``own_subjects`` are the versions of ResearchSubjects that this service wrote; any other
    status on record is a person's.
    """
    ctx = Context(study, chart, as_of)
    refused = _refused(ctx)
    if refused is not None:
        return refused
    judged = _judge_all(ctx)
    results = [one.result for one in judged]
    preconditions = _deceased(chart, as_of)
    status = _status(results, preconditions)
    fails = [result for result in results if result.outcome is Outcome.FAIL]
    recovered = _recovery(ctx, status, preconditions, fails)
    return Screening(
        study=study,
        patient=chart.person.reference,
        as_of=as_of,
        status=status,
        priority=_priority(ctx, status, results),
        person_status=_person_status(ctx, own_subjects),
        recoverable=recovered.recoverable if recovered is not None else None,
        rescreen_after=recovered.rescreen_after if recovered is not None else None,
        preconditions=preconditions,
        criteria=tuple(results),
        missing=missing(
            [(leaf, one.result.criterion.id) for one in judged for leaf in one.missing_data],
            [
                (leaf, one.result.criterion.id)
                for one in judged
                if one.result.criterion.must_pass
                for leaf in one.to_confirm
            ],
        ),
        warnings=_warnings(chart, ctx),
        without_disease=any(_absent(ctx, one.finding) for one in results),
    )


class _Judged(NamedTuple):
    """A criterion's result and the unknown leaves that could still change it, by what they wait for."""

    result: CriterionResult
    missing_data: list[Leaf]
    to_confirm: list[Leaf]


def _judge_all(ctx: Context) -> list[_Judged]:
    """Judge every criterion; one that no record touches has the same result in every such chart."""
    ready = plan(ctx.study)
    judged = []
    for criterion in ctx.study.criteria:
        if untouched(ctx, ready.rests[id(criterion.rule)]):
            known = ready.unproven.get(criterion.id)
            if known is None:
                known = ready.unproven[criterion.id] = _judge(ctx, criterion)
            judged.append(known)
        else:
            judged.append(_judge(ctx, criterion))
    return judged


def _judge(ctx: Context, criterion: Criterion) -> _Judged:
    study, finding = ctx.study, evaluate(ctx, criterion.rule)
    outcome = _OUTCOMES[criterion.kind, finding.truth]
    data: list[Leaf] = []
    words: list[Leaf] = []
    for leaf in undecided(finding, twice=criterion.id in plan(study).twice):
        (data if sort_of(study, leaf) is Open.MISSING_DATA else words).append(leaf)
    sort = Open.MISSING_DATA if data else Open.TO_CONFIRM if words else None
    sentence = explain(study, finding, outcome, sort, data or words)
    return _Judged(CriterionResult(criterion, finding.truth, outcome, sort, sentence, finding), data, words)


def _refused(ctx: Context) -> NotScreened | None:
    chart, person = ctx.chart, ctx.chart.person
    if person.replaced_by is not None:
        detail = "this patient record was replaced by another one; screen that one"
        return NotScreened(person.reference, "patient-replaced", detail, person.replaced_by)
    if chart.opposed or _denies(ctx):
        return NotScreened(person.reference, "not-permitted", "this patient's data may not be used for research")
    return None


def _denies(ctx: Context) -> bool:
    """Whether the newest research Consent that names no study denies, outside and inside."""
    general = [c for c in ctx.chart.consents if not c.studies and not names_a_study(ctx, c)]
    general = [c for c in general if c.when is None or c.when.first <= ctx.as_of]
    return any(
        c.status == "active" and c.permits is False and not c.nested_permit for c in newest_consents(ctx, general)
    )


def _deceased(chart: Chart, as_of: date) -> tuple[FailedPrecondition, ...]:
    deceased = chart.person.deceased
    if deceased is None or deceased is False:
        return ()
    if deceased is True:
        return (FailedPrecondition("deceased", None),)
    return (FailedPrecondition("deceased", deceased.text),) if deceased.first <= as_of else ()


def _status(results: list[CriterionResult], preconditions: tuple[FailedPrecondition, ...]) -> Status:
    if preconditions or any(result.outcome is Outcome.FAIL for result in results):
        return Status.INELIGIBLE
    if any(result.open is Open.MISSING_DATA for result in results):
        return Status.POTENTIAL_CANDIDATE
    shown = all(result.outcome is Outcome.PASS for result in results if result.criterion.must_pass)
    return Status.CANDIDATE if shown else Status.POTENTIAL_CANDIDATE


def _recovery(
    ctx: Context, status: Status, preconditions: tuple[FailedPrecondition, ...], fails: list[CriterionResult]
) -> Recovery | None:
    if status is not Status.INELIGIBLE:
        return None
    return Recovery(recoverable=False, rescreen_after=None) if preconditions else recovery(ctx, fails)


def _priority(ctx: Context, status: Status, results: list[CriterionResult]) -> int | None:
    """1 candidate; 2 what must be shown is shown; 3 something points that way; 4 the rest."""
    if status is Status.INELIGIBLE:
        return None
    if status is Status.CANDIDATE:
        return 1
    if all(r.truth is Truth.TRUE for r in results if r.criterion.must_pass):
        return 2
    signals = _signals(ctx)
    return 3 if any(leaf.truth is Truth.TRUE for leaf in signals) else 4


def _signals(ctx: Context) -> list[Leaf]:
    keys = plan(ctx.study).signals
    return [ctx.memo[key] for key in keys if key in ctx.memo]  # type: ignore[misc]


def _person_status(ctx: Context, own_subjects: Container[str]) -> str | None:
    """Return the status that a person has set on this study's ResearchSubject."""
    identifiers = ctx.study.record.identifiers.values()
    ours = [p for p in ctx.chart.participations if not p.identifiers.isdisjoint(identifiers)]
    people = [p for p in ours if p.source not in own_subjects]
    return min(people, key=lambda p: p.source).status if people else None


def _absent(ctx: Context, finding: Finding) -> bool:
    """Whether absence alone says that the person has not the disease: nothing is written about such a person.

    A classification answers under its diagnosis then, and under its total where a total decided.
    """
    return any(
        leaf.op == Classification.op and leaf.truth is Truth.FALSE and ctx.study.notions[leaf.notion].quantity is None
        for leaf in leaves_of(finding)
    )


def _warnings(chart: Chart, ctx: Context) -> tuple[Warning_, ...]:
    withheld = (
        Warning_("records-incomplete", kind, "it is not known whether this patient's data may be used for research")
        for kind in chart.incomplete_types & OPPOSITION
    )
    return tuple(sorted({*chart.warnings, *ctx.warnings, *withheld}))
