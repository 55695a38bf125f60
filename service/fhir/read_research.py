"""Consent -> what was agreed to; ResearchSubject with its ResearchStudy -> in which studies somebody takes part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.eligibility.chart import ConsentRecord, Participation
from service.eligibility.vocabulary import Vocabulary
from service.fhir.codings import codes, codings_of, said
from service.fhir.copies import Copy, version_of
from service.fhir.dates import read_date, read_period
from service.fhir.facts import Facts, Record
from service.fhir.references import identifiers, reference_in, without_version
from service.fhir.statuses import is_void, status_of
from service.fhir.versions import other_version

_RESEARCH = "research"
_STUDY = "ResearchStudy"
_PERMITS = {"permit": True, "deny": False}
_NO_PHASE = "n-a"


def read_consent(copy: Copy, facts: Facts) -> None:
    """Read a Consent of scope research: whether it permits, and which studies it names."""
    resource = copy.resource
    if is_void(resource) or _RESEARCH not in codes(resource.get("scope")):
        return
    record = Record(*copy, facts)
    foreign = other_version(resource)
    if foreign or record.modified():
        record.refuse(foreign or "modifierExtension changes the record in a way that is not known")
        return
    outer, *nested = list(_provisions(resource.get("provision"))) or [{}]
    facts.chart.consents.append(
        ConsentRecord(
            source=record.source,
            status=status_of(resource),
            permits=_permits(outer),
            nested_permit=any(_permits(provision) for provision in nested),
            when=read_date(record, "dateTime"),
            studies=frozenset(_studies_named(record, (outer, *nested))),
            uris=tuple(sorted(set(_policies(resource)))),
            contested=copy.contested,
        )
    )


def _provisions(outer: Any) -> Iterator[dict[str, Any]]:
    """The provision and all that are nested in it, the outer one first."""
    waiting = [outer]
    while waiting:
        provision = waiting.pop()
        if isinstance(provision, dict):
            yield provision
            inner = provision.get("provision")
            waiting.extend(inner if isinstance(inner, list) else [])


def _permits(provision: dict[str, Any]) -> bool | None:
    kind = provision.get("type")
    return _PERMITS.get(kind.strip().lower()) if isinstance(kind, str) else None


def _studies_named(record: Record, provisions: tuple[dict[str, Any], ...]) -> Iterator[str]:
    for provision in provisions:
        data = provision.get("data")
        for each in data if isinstance(data, list) else ():
            yield from _study_named(record, each.get("reference") if isinstance(each, dict) else None)
    yield from _study_named(record, record.resource.get("sourceReference"))


def _study_named(record: Record, reference: Any) -> Iterator[str]:
    """Every name of the study that a Reference means; a reference to a form or a record names no study."""
    if not isinstance(reference, dict):
        return
    written = reference_in(reference)
    study = record.facts.index.resolve(record.resource, reference)
    kind = study.get("resourceType") if study else reference.get("type")
    if written and kind is None:
        kind = _STUDY if f"{_STUDY}/" in written else "another"
    if kind in (None, _STUDY):
        yield from _names(written, reference, study)


def _names(written: str | None, reference: dict[str, Any], study: dict[str, Any] | None) -> Iterator[str]:
    if written:
        yield written
        yield without_version(written).rpartition("/")[2]
    yield from (value for _, value in identifiers(reference))
    yield from (value for _, value in identifiers(study or {}))


def _policies(resource: dict[str, Any]) -> Iterator[str]:
    """What the Consent rests on, and its own identifiers: each may carry a study's identifier inside."""
    policies = resource.get("policy")
    for policy in policies if isinstance(policies, list) else ():
        if isinstance(policy, dict) and said(uri := policy.get("uri")):
            yield uri
    rule = resource.get("policyRule")
    spoken = [rule.get("text")] if isinstance(rule, dict) else []
    yield from filter(said, [*spoken, *(coding.get("code") for coding in codings_of(rule))])
    yield from (value for _, value in identifiers(resource))


def read_participation(copy: Copy, facts: Facts) -> None:
    """Read a ResearchSubject with what the source says about its study."""
    resource = copy.resource
    if is_void(resource):
        return
    record = Record(*copy, facts)
    foreign = other_version(resource)
    if foreign or record.modified():
        record.refuse(foreign or "modifierExtension changes the record in a way that is not known")
        return
    reference = resource.get("study")
    study = facts.index.resolve(resource, reference)
    written = reference_in(reference)
    named = _names(written, reference, study) if isinstance(reference, dict) else ()
    start, end = read_period(record, "period")
    facts.chart.participations.append(
        Participation(
            source=record.source,
            status=status_of(resource),
            start=start,
            end=end,
            study=written or "",
            identifiers=frozenset(named) - {written},
            interventional=_interventional(study, facts.vocabulary) if study else None,
            study_status=status_of(study) or None if study else None,
            version=version_of(resource),
            contested=copy.contested,
        )
    )


def _interventional(study: dict[str, Any], vocabulary: Vocabulary) -> bool | None:
    """By the words of its category, a phase, or an arm; ``None`` where nothing says so, or both."""
    text = " | ".join(_category_words(study)).lower()
    observational = any(word in text for word in vocabulary.observational_words)
    for word in vocabulary.observational_words:  # "non-interventional" holds the other word
        text = text.replace(word, "")
    interventional = (
        any(word in text for word in vocabulary.interventional_words)
        or any(phase != _NO_PHASE for phase in codes(study.get("phase")))
        or bool(study.get("arm"))
    )
    if interventional and observational:
        return None
    return interventional or (False if observational else None)


def _category_words(study: dict[str, Any]) -> Iterator[str]:
    categories = study.get("category")
    for category in categories if isinstance(categories, list) else ():
        if isinstance(category, dict):
            found = [coding.get(key) for coding in codings_of(category) for key in ("code", "display")]
            yield from filter(said, [category.get("text"), *found])
