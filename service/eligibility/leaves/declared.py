"""Leaves about declarations: a person's word, consent, insurance cover, another study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.eligibility.chart import ConsentRecord, Coverage, Participation
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.leaves.verdict import Verdict, evidence, sources_of
from service.eligibility.rules import Consented, Covered, Judgement, OtherStudy
from service.eligibility.select import select
from service.eligibility.truth import Truth

_ACTIVE, _REJECTED = "active", "rejected"
_SUBJECT_STATUS = "http://hl7.org/fhir/research-subject-status"
_STUDY_STATUS = "http://hl7.org/fhir/research-study-status"


def judgement(ctx: Context, rule: Judgement) -> Verdict:
    """Leave it to a person, with the records that speak to it."""
    sources = {source for name in rule.evidence for source in _evidence(ctx, name)}
    return Verdict(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, sources=tuple(sorted(sources)))


def _evidence(ctx: Context, name: str) -> Iterator[str]:
    notion = ctx.study.notions[name]
    yield from (entry.source for entry in ctx.entries(name))
    if notion.quantity is not None:
        chosen = select(ctx, notion)
        yield from (source for candidate in chosen.group for source in candidate.sources)
        yield from (shown.source for shown in chosen.shown)
    else:
        yield from (r.source for concept in notion.concepts or (name,) for r in ctx.readings(concept))


def consent(ctx: Context, rule: Consented) -> Verdict:
    """Decide by the newest research Consent that names this study."""
    ours = [c for c in ctx.chart.consents if names_this_study(ctx, c)]
    ours = [c for c in ours if c.when is None or c.when.first <= ctx.as_of]
    if not ours:
        reason, notes = ctx.gap(ctx.study.notions[rule.consent])
        return Verdict(Truth.UNKNOWN, reason, notes=notes)
    newest = newest_consents(ctx, ours)
    answers = {_consent_says(c) for c in newest}
    effective = newest[0].when.text if newest[0].when is not None else None
    sources = tuple(sorted({c.source for c in newest}))
    if len(answers) > 1 or any(c.contested for c in newest):
        return Verdict(Truth.UNKNOWN, Reason.RECORDS_DISAGREE, effective=effective, sources=sources)
    truth = answers.pop()
    judged = Reason.NEEDS_JUDGEMENT if truth is Truth.UNKNOWN else None
    return Verdict(truth, judged, Value(newest[0].status, "", newest[0].status), effective, sources)


def newest_consents(ctx: Context, consents: Sequence[ConsentRecord]) -> Sequence[ConsentRecord]:
    """Return the newest consents and their equals; undated ones only where there is no other."""
    dated = [(c, c.when) for c in consents if c.when is not None]
    return [c for c, when in dated if not any(ctx.later(other, when) for _, other in dated)] or consents


def names_this_study(ctx: Context, record: ConsentRecord) -> bool:
    """Whether a Consent is about this study, by any of its identifiers."""
    identifiers = ctx.study.record.identifiers.values()
    return any(i in record.studies for i in identifiers) or any(i in uri for i in identifiers for uri in record.uris)


def names_a_study(ctx: Context, record: ConsentRecord) -> bool:
    """Whether a Consent is about one study, this or another, by the address of a registry."""
    registries = ctx.study.record.identifiers
    return names_this_study(ctx, record) or any(registry in uri for registry in registries for uri in record.uris)


def _consent_says(record: ConsentRecord) -> Truth:
    if record.status == _ACTIVE and record.permits is False and record.nested_permit:
        return Truth.UNKNOWN  # an opt-in form: what it permits inside is for a person to read
    if record.status == _REJECTED or (record.status == _ACTIVE and record.permits is False):
        return Truth.FALSE
    return Truth.TRUE if record.status == _ACTIVE and record.permits is True else Truth.UNKNOWN


def coverage(ctx: Context, rule: Covered) -> Verdict:
    """Say whether an active cover includes the screening date; none on record proves nothing."""
    active = [c for c in ctx.chart.coverages if c.status == _ACTIVE or c.contested]
    fits = {c: _includes(ctx, c) for c in active}
    for truth, reason, covers in (
        (Truth.TRUE, None, [c for c in active if fits[c] is True and not c.contested]),
        (Truth.UNKNOWN, Reason.RECORDS_DISAGREE, [c for c in active if c.contested]),
        (Truth.UNKNOWN, Reason.DATE_NOT_DECISIVE, [c for c in active if fits[c] is None]),
    ):
        if covers:
            return Verdict(truth, reason, sources=tuple(sorted({c.source for c in covers})))
    gap, notes = ctx.gap(ctx.study.notions[rule.coverage])
    return Verdict(Truth.UNKNOWN, gap, notes=notes)


def _includes(ctx: Context, cover: Coverage) -> bool | None:
    """Whether a cover's period includes the screening date; ``None`` where a partial date leaves that open."""
    day, start, end = ctx.as_of, cover.start, cover.end
    if (start is not None and start.first > day) or (end is not None and end.last < day):
        return False
    return True if (start is None or start.last <= day) and (end is None or end.first >= day) else None


def other_study(ctx: Context, rule: OtherStudy) -> Verdict:
    """Say whether the person takes part in another interventional study now."""
    said = [s for p in ctx.chart.participations if (s := _takes_part(ctx, rule, p)) is not None]
    for reason in (None, Reason.NEEDS_JUDGEMENT, Reason.RECORDS_DISAGREE):
        ones = [s for s in said if s.reason is reason]
        if ones:
            statuses = ", ".join(sorted({s.record.status for s in ones}))
            sources = tuple(sorted({s.record.source for s in ones}))
            notes = tuple(note for s in ones for note in s.notes)
            truth = Truth.TRUE if reason is None else Truth.UNKNOWN
            return Verdict(truth, reason, Value(statuses, "", statuses), None, sources, notes)
    notion = ctx.study.notions[rule.other_study]
    recorded = [e for e in ctx.entries(notion.id) if e.role in (Role.MATCH, Role.REVIEW) and e.activity == "active"]
    if recorded:
        value, effective, _ = evidence(recorded)
        return Verdict(Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT, value, effective, sources_of(recorded))
    gap, unread = ctx.gap(notion)
    return Verdict(Truth.UNKNOWN, gap, notes=unread)


class _Part(NamedTuple):
    """A participation that matters: certain without a reason, else a question."""

    record: Participation
    reason: Reason | None
    notes: tuple[Note, ...] = ()


def _takes_part(ctx: Context, rule: OtherStudy, record: Participation) -> _Part | None:
    if not record.identifiers.isdisjoint(ctx.study.record.identifiers.values()) or record.interventional is False:
        return None
    if record.contested:
        return _Part(record, Reason.RECORDS_DISAGREE)
    role, tags = _status(ctx, rule, _SUBJECT_STATUS, record.status)
    ended = record.end is not None and record.end.last < ctx.as_of
    to_come = record.start is not None and record.start.first > ctx.as_of
    if role not in (Role.MATCH, Role.REVIEW) or ended or to_come:
        return None
    notes = rule.judged_notes if "pending" in tags else ()
    over = record.study_status is not None and _status(ctx, rule, _STUDY_STATUS, record.study_status)[0] is Role.REVIEW
    may_have_ended = record.end is not None and record.end.first < ctx.as_of
    certain = role is Role.MATCH and record.interventional is True and not (over or may_have_ended)
    return _Part(record, None if certain else Reason.NEEDS_JUDGEMENT, notes)


def _status(ctx: Context, rule: OtherStudy, system: str, code: str) -> tuple[Role | None, frozenset[str]]:
    for meaning in ctx.study.lexicon.meanings(system, code):
        if meaning.concept == rule.other_study:
            return meaning.role, meaning.tags
    return None, frozenset()
