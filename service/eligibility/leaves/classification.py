"""A leaf about classification criteria: an explicit total, a weighted score, or a mere diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from service.eligibility.candidate import Candidate
from service.eligibility.chart import Certainty, Entry, Standing
from service.eligibility.codes import Role
from service.eligibility.compare import candidate_answer
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.positive import present
from service.eligibility.leaves.verdict import Verdict, sources_of
from service.eligibility.quantity import Comparison
from service.eligibility.rules import Alternative, Classification
from service.eligibility.select import select
from service.eligibility.show import value_of
from service.eligibility.timeline import older, timeline
from service.eligibility.truth import Truth


class Score(NamedTuple):
    """The weights of the items on record, and the records that show them."""

    points: int
    sources: tuple[str, ...]


def classification(ctx: Context, rule: Classification) -> Verdict:
    """Decide by total and score; a diagnosis code needs a person; without any, absence decides."""
    score = score_of(ctx, rule)
    by_total = _total(ctx, rule, score)
    if by_total is not None:
        return by_total
    so_far = Value(str(score.points), "{score}", f"score {score.points}")
    if score.points >= rule.threshold:
        return Verdict(Truth.TRUE, None, so_far, None, score.sources, (Note.DERIVED,))
    entries = ctx.entries(rule.classification)
    reason = _diagnosis(entries)
    if reason is not None:
        counted = [e for e in entries if e.role in (Role.MATCH, Role.REVIEW)]
        onset = min((e.onset.text for e in counted if e.onset is not None), default=None)
        sources = tuple(sorted({*score.sources, *sources_of(counted)}))
        broken = reason is Reason.NO_USABLE_VALUE
        notes = (Note.RECORD_UNREADABLE,) if broken else ()
        return Verdict(Truth.UNKNOWN, reason, so_far, onset, sources, notes)
    suspected = _suspected(ctx, rule, score)
    if suspected is not None:
        return suspected._replace(value=so_far)
    unread = _unread(ctx, rule)
    return unread if unread is not None else Verdict(Truth.FALSE, sources=score.sources)


def _unread(ctx: Context, rule: Classification) -> Verdict | None:
    """Return what forbids to decide by absence: records withheld, not readable, not usable, or not decisive."""
    total = ctx.study.notions[rule.total]
    newest = select(ctx, total)
    if newest.group and candidate_answer(newest.group[0], _reaching(rule)).truth is Truth.UNKNOWN:
        first, sources = newest.group[0], tuple(sorted({source for c in newest.group for source in c.sources}))
        value, why = value_of(total, ctx, first), Reason.VALUE_NOT_DECISIVE
        return Verdict(Truth.UNKNOWN, why, value, first.when.text, sources, newest.notes, total.id)
    for name in (rule.total, rule.suspicion.measure):
        notion = ctx.study.notions[name]
        chosen = select(ctx, notion)
        line = timeline(ctx, notion)
        unusable = any(reading.standing is not Standing.PENDING for reading, _ in line.unusable)
        if not chosen.group and (line.undated or unusable or line.review) and not older(ctx, notion):
            seen, sources = chosen.shown[0], tuple(sorted({shown.source for shown in chosen.shown}))
            return Verdict(Truth.UNKNOWN, chosen.reason, seen.value, seen.effective, sources, chosen.notes, name)
    items = [a.exists or a.measure or rule.classification for item in rule.items for a in item.alternatives]
    for name in (rule.classification, rule.total, rule.suspicion.measure, *items):
        reason, notes = ctx.gap(ctx.study.notions[name])
        if reason is not Reason.NO_RECORD:
            return Verdict(Truth.UNKNOWN, reason, notes=notes)
    return None


def score_of(ctx: Context, rule: Classification) -> Score:
    """Return the score from the items on record: of each item the highest alternative counts."""
    points, sources = 0, set[str]()
    for item in rule.items:
        best = 0
        for alternative in item.alternatives:
            shown = _shown(ctx, alternative)
            if shown and alternative.weight >= best:
                best = alternative.weight
                sources.update(shown)
        points += best
    return Score(points, tuple(sorted(sources)))


def _shown(ctx: Context, alternative: Alternative) -> tuple[str, ...]:
    if alternative.exists is not None:
        return sources_of(present(ctx, ctx.study.notions[alternative.exists], alternative.tagged))
    if alternative.measure is None or alternative.ge is None:
        return ()
    wanted: Sequence[tuple[Comparison, Decimal]] = (("ge", alternative.ge),)
    found = [c for c in _ever(ctx, alternative.measure) if candidate_answer(c, wanted).truth is Truth.TRUE]
    return tuple(sorted({source for c in found for source in c.sources}))


def _ever(ctx: Context, name: str) -> list[Candidate]:
    """Return the usable values of any age."""
    notion = ctx.study.notions[name]
    line = timeline(ctx, notion)
    return [c for c in (*line.inside, *line.undated, *older(ctx, notion)) if not c.contested]


def _reaching(rule: Classification) -> Sequence[tuple[Comparison, Decimal]]:
    """Return the comparison that a total has to meet."""
    return (("ge", Decimal(rule.threshold)),)


def _total(ctx: Context, rule: Classification, score: Score) -> Verdict | None:
    """Return what the newest explicit total decides; an older one below the threshold is set aside."""
    notion = ctx.study.notions[rule.total]
    chosen = select(ctx, notion)
    if not chosen.group:
        return None
    newest = chosen.group[0]
    answers = {candidate_answer(c, _reaching(rule)).truth for c in chosen.group}
    value, sources = value_of(notion, ctx, newest), tuple(sorted({s for c in chosen.group for s in c.sources}))
    if len(answers) > 1 or any(c.contested for c in chosen.group):
        if score.points >= rule.threshold:
            return None
        return Verdict(
            Truth.UNKNOWN, Reason.RECORDS_DISAGREE, value, newest.when.text, sources, chosen.notes, notion.id
        )
    if answers == {Truth.TRUE}:
        return Verdict(Truth.TRUE, None, value, newest.when.text, sources, chosen.notes, notion.id)
    recent = all(ctx.within(c.when, rule.total_counts_for) is True for c in chosen.group)
    if answers == {Truth.FALSE} and recent and score.points < rule.threshold:
        both = tuple(sorted({*sources, *score.sources}))
        return Verdict(Truth.FALSE, None, value, newest.when.text, both, chosen.notes, notion.id)
    return None


def _diagnosis(entries: Sequence[Entry]) -> Reason | None:
    """Return why a diagnosis on record leaves the classification open; ``None`` without one."""
    found = [e for e in entries if e.role in (Role.MATCH, Role.REVIEW)]
    if not found:
        return None
    matches = [e for e in found if e.role is Role.MATCH]
    if any(e.certainty is Certainty.CONFIRMED and not (e.contested or e.unreadable) for e in matches):
        return Reason.NEEDS_JUDGEMENT
    if any(e.contested for e in matches):
        return Reason.RECORDS_DISAGREE
    if any(e.unreadable for e in matches):
        return Reason.NO_USABLE_VALUE
    return Reason.NOT_CONFIRMED if matches else Reason.NEEDS_JUDGEMENT


def _suspected(ctx: Context, rule: Classification, score: Score) -> Verdict | None:
    """Return a question to a person where the records make one think of an uncoded diagnosis."""
    notion = ctx.study.notions[rule.suspicion.measure]
    found = [c for c in _ever(ctx, notion.id) if candidate_answer(c, (("gt", rule.suspicion.gt),)).truth is Truth.TRUE]
    if score.points < rule.suspicion.score_from and not found:
        return None
    sources = tuple(sorted({*score.sources, *(s for c in found for s in c.sources)}))
    return Verdict(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, None, None, sources, (rule.suspicion.note,))
