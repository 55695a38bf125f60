"""Leaves about numbers: one notion compared with thresholds, by one method or by two."""

from __future__ import annotations

from collections.abc import Sequence

from service.eligibility.candidate import Candidate
from service.eligibility.chart import Activity, Certainty, Entry, Standing
from service.eligibility.compare import (
    Answer,
    agree,
    candidate_answer,
    comparisons,
    gap_notes,
    over_upper_limit,
)
from service.eligibility.context import Context
from service.eligibility.derive import corrected
from service.eligibility.findings import Note, Reason
from service.eligibility.leaves.verdict import Verdict, day_of, evidence
from service.eligibility.notions import Notion
from service.eligibility.rules import ByMethod, Measure, Method
from service.eligibility.select import Selection, newest_unusable, select
from service.eligibility.show import value_of
from service.eligibility.timeline import newest_older, timeline
from service.eligibility.truth import Truth


def measure(ctx: Context, rule: Measure) -> Verdict:
    """Compare the value that counts with the rule's thresholds."""
    notion = ctx.study.notions[rule.measure]
    chosen = select(ctx, notion)
    stated = _stated(ctx, rule, chosen)
    if stated is not None:
        return stated
    if not chosen.group:
        return _unconfirmed(ctx, rule) or _nothing(chosen, rule.not_measurable == "needs-judgement")
    group: Sequence[Candidate] = chosen.group
    if rule.corrected is not None:
        group = [c for candidate in group for c in corrected(ctx, rule.corrected, candidate)]
    if rule.upper_limit is not None:
        answers = [over_upper_limit(ctx, notion, rule.upper_limit, c) for c in group]
    else:
        wanted = comparisons(rule)
        answers = [candidate_answer(c, wanted) for c in group]
    answer = agree(answers, contested=any(c.contested for c in group))
    if answer.truth is Truth.TRUE and rule.true_means == "needs-judgement":
        answer = Answer(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT)
    return _verdict(ctx, notion, answer, group, chosen.notes)


def _verdict(
    ctx: Context, notion: Notion, answer: Answer, group: Sequence[Candidate], notes: tuple[Note, ...]
) -> Verdict:
    if any(c.derived for c in group):
        notes = (*notes, Note.DERIVED)
    first = group[0]
    sources = first.sources if len(group) == 1 else tuple(sorted({s for c in group for s in c.sources}))
    return Verdict(
        answer.truth, answer.reason, value_of(notion, ctx, first), first.when.text, sources, notes, notion.id
    )


def _nothing(chosen: Selection, not_measurable_is_judged: bool) -> Verdict:
    reason = chosen.reason
    if chosen.not_measurable and not_measurable_is_judged:
        reason = Reason.NEEDS_JUDGEMENT
    first = chosen.shown[0] if chosen.shown else None
    return Verdict(
        Truth.UNKNOWN,
        reason,
        first.value if first else None,
        first.effective if first else None,
        tuple(sorted({shown.source for shown in chosen.shown})),
        chosen.notes,
    )


def _stated(ctx: Context, rule: Measure, chosen: Selection) -> Verdict | None:
    """Return true where a coded finding states the comparison and no newer value stands against it."""
    counts = [
        entry
        for entry in _statements(ctx, rule)
        if entry.certainty is Certainty.CONFIRMED
        and (when := day_of(entry)) is not None
        and all(when.first >= ctx.last_day(c.when) for c in chosen.group)
    ]
    if not counts:
        return None
    value, effective, sources = evidence(counts)
    return Verdict(Truth.TRUE, None, value, effective, sources)


def _unconfirmed(ctx: Context, rule: Measure) -> Verdict | None:
    """Return the doubt that an unconfirmed statement of the comparison leaves."""
    doubtful = [entry for entry in _statements(ctx, rule) if entry.certainty is Certainty.UNCONFIRMED]
    if not doubtful:
        return None
    value, effective, sources = evidence(doubtful)
    return Verdict(Truth.UNKNOWN, Reason.NOT_CONFIRMED, value, effective, sources)


def _statements(ctx: Context, rule: Measure) -> list[Entry]:
    """Return the active statements of the comparison inside the notion's window."""
    if rule.stated_by is None:
        return []
    window = ctx.study.notions[rule.measure].window
    return [
        entry
        for entry in ctx.entries(rule.measure)
        if rule.stated_by.tag in entry.tags
        and entry.activity is Activity.ACTIVE
        and not entry.contested
        and (when := day_of(entry)) is not None
        and (window is None or ctx.within(when, window) is True)
    ]


def by_method(ctx: Context, rule: ByMethod) -> Verdict:
    """Decide by a reference method and an estimate, as the rule says where both are there."""
    reference, estimate = _ask(ctx, rule.reference), _ask(ctx, rule.estimate)
    if reference is not None and (estimate is None or rule.when_both == "reference-decides"):
        return reference
    if reference is not None and estimate is not None:
        return _both(rule, reference, estimate)
    older = _older_over(ctx, rule) if rule.when_both == "must-agree" else None
    if older is not None and (estimate is None or estimate.truth is not Truth.TRUE):
        return older
    if estimate is not None:
        alone = (rule.estimate_alone,) if rule.estimate_alone is not None else ()
        return estimate._replace(notes=(*estimate.notes, *alone))
    return _neither(ctx, rule)


def _ask(ctx: Context, method: Method) -> Verdict | None:
    notion = ctx.study.notions[method.measure]
    chosen = select(ctx, notion)
    if not chosen.group:
        return None
    wanted = comparisons(method)
    answers = [candidate_answer(c, wanted) for c in chosen.group]
    answer = agree(answers, contested=any(c.contested for c in chosen.group))
    notes = (*chosen.notes, *gap_notes(method.gap, chosen.group))
    return _verdict(ctx, notion, answer, chosen.group, notes)


def _both(rule: ByMethod, reference: Verdict, estimate: Verdict) -> Verdict:
    sources = tuple(sorted({*reference.sources, *estimate.sources}))
    notes = (*reference.notes, *estimate.notes)
    if reference.truth is estimate.truth:
        return reference._replace(sources=sources, notes=notes)
    if Truth.UNKNOWN in (reference.truth, estimate.truth):
        unknown = reference if reference.truth is Truth.UNKNOWN else estimate
        return unknown._replace(sources=sources, notes=notes)
    if rule.disagreement is not None:
        notes = (*notes, rule.disagreement)
    return reference._replace(truth=Truth.UNKNOWN, reason=Reason.NEEDS_JUDGEMENT, sources=sources, notes=notes)


def _older_over(ctx: Context, rule: ByMethod) -> Verdict | None:
    """Return a question to a person where an old reference value is over and no newer one is there."""
    notion = ctx.study.notions[rule.reference.measure]
    wanted = comparisons(rule.reference)
    newest_old = newest_older(ctx, notion)
    if not newest_old or not any(candidate_answer(c, wanted).truth is Truth.TRUE for c in newest_old):
        return None
    return _verdict(ctx, notion, Answer(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT), newest_old, ())


def _neither(ctx: Context, rule: ByMethod) -> Verdict:
    notions = [ctx.study.notions[method.measure] for method in (rule.reference, rule.estimate)]
    reference, estimate = (select(ctx, notion) for notion in notions)
    last = newest_unusable([pair for notion in notions for pair in timeline(ctx, notion).unusable])
    of_reference = estimate.reason is Reason.NO_RECORD or (last is not None and last[0].concept == notions[0].id)
    verdict = _nothing(reference if of_reference else estimate, not_measurable_is_judged=False)
    performed = _performed(ctx, rule)
    if performed or (last is not None and ctx.not_measurable(last[0])):
        sources = tuple(sorted({*verdict.sources, *performed}))
        return verdict._replace(reason=Reason.NEEDS_JUDGEMENT, sources=sources)
    return verdict


def _performed(ctx: Context, rule: ByMethod) -> list[str]:
    """Return the records that show that the examination was done inside its window."""
    found = []
    for name in rule.performed_by:
        notion = ctx.study.notions[name]
        for entry in ctx.entries(name):
            when = day_of(entry)
            done = entry.certainty is Certainty.CONFIRMED and not (entry.contested or entry.unreadable)
            if done and when is not None and (notion.window is None or ctx.within(when, notion.window) is True):
                found.append(entry.source)
    for name, tag in rule.performed_with.items():
        line = timeline(ctx, ctx.study.notions[name])
        found += [source for c in line.inside if tag in c.tags for source in c.sources]
        said = [r for r, _ in line.unusable if tag in r.tags and r.when is not None]
        found += [r.source for r in said if r.standing is not Standing.PENDING and not r.absent]
    return found
