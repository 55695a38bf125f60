"""Observation -> readings: one for the Observation itself and one for each component with a code of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from service.eligibility.chart import Entry, Limits, Reading, Standing
from service.eligibility.codes import Role
from service.eligibility.moment import When
from service.fhir.codings import EXAMINATIONS, Meanings, codings_of, meanings
from service.fhir.copies import Copy
from service.fhir.dates import read_effective
from service.fhir.facts import Facts, Record, doubtful
from service.fhir.references import reference_in
from service.fhir.statuses import is_void, standing_of
from service.fhir.values import NO_VALUE, Value, findings_in, read_absence, read_flags, read_limits, read_value
from service.fhir.versions import other_version

# What Observation.method may name, and the tag that a result by it carries.
_METHODS = {"echo_procedure": "echo", "rhc_procedure": "catheter"}
_OTHER_METHOD = "other-method"


class Told(Struct, frozen=True, gc=False):
    """What an Observation says for all its components."""

    source: str
    standing: Standing
    when: When | None
    tags: frozenset[str] = frozenset()
    unusable: bool = False
    unreadable: bool = False
    contested: bool = False


class Content(Struct, frozen=True, gc=False):
    """What stands in an Observation, or in one component."""

    value: Value = NO_VALUE
    flags: frozenset[str] = frozenset()
    limits: tuple[Limits, ...] = ()
    absent: str | None = None
    unusable: bool = False


class _Part(NamedTuple):
    """The Observation itself, or one component, that a value set knows."""

    path: str
    holder: dict[str, Any]
    found: Meanings


def read_observation(copy: Copy, facts: Facts) -> None:
    """Read what an Observation says about the notions of the value sets; most say nothing."""
    resource = copy.resource
    found = meanings(resource.get("code"), facts.lookup)
    if found == () and "component" not in resource and not isinstance(resource.get("interpretation"), dict):
        return
    record = Record(*copy, facts)
    foreign = other_version(resource)
    if foreign:
        record.refuse_version(foreign, coded=found is not None and bool(codings_of(resource.get("code"))))
    parts = list(_known_parts(record, found))
    if not parts:
        return
    when = read_effective(record)
    for part in parts:
        facts.identify(record, part.found, when)
    if is_void(resource):
        return
    told = Told(
        source=record.source,
        standing=standing_of(resource),
        when=when,
        tags=_method_tags(record),
        unusable=record.modified() or _about_something_else(resource),
        unreadable=foreign is not None,
        contested=record.contested,
    )
    for part in parts:
        _add_part(part, record, told)


def _known_parts(record: Record, found: Meanings | None) -> Iterator[_Part]:
    """The Observation, unless it only holds others together, and its components."""
    resource = record.resource
    components = resource.get("component", ())
    if found is None:
        record.refuse("code is not a readable CodeableConcept")
    elif found and (not (components or resource.get("hasMember")) or _has_value(resource)):
        yield _Part("", resource, found)
    if not isinstance(components, list | tuple):
        record.refuse("component is not a list")
        return
    for component in components:
        known = meanings(component.get("code"), record.facts.lookup) if isinstance(component, dict) else None
        if known is None:
            record.refuse("component.code is not a readable CodeableConcept")
        elif known:
            yield _Part("component.", component, known)


def _has_value(holder: dict[str, Any]) -> bool:
    return any(element.startswith("value") for element in holder)


def _add_part(part: _Part, record: Record, told: Told) -> None:
    path, holder, found = part
    value = read_value(holder, record, path)
    flags = read_flags(holder.get("interpretation"), record.facts.lookup)
    absent = read_absence(holder)
    # What is broken may be the very thing that mattered, whatever else can be read beside it.
    unusable = told.unusable or told.unreadable or value.broken or absent is not None
    unusable = unusable or bool(path and holder.get("modifierExtension"))
    limits = read_limits(holder, record, path)
    add_readings(record.facts, found, told, Content(value, flags, limits, absent, unusable))
    if value.coded and not unusable and may_find(found):
        _add_findings(value, record, told)


def add_readings(facts: Facts, found: Meanings, told: Told, content: Content) -> None:
    """Add what stands in an Observation or component under every concept that its code means."""
    value, flags = content.value, content.flags
    quantity, coded, date = value.quantity, value.coded, value.date
    says_something = quantity is not None or date is not None or (flags and _is_spoken(flags))
    unreadable = value.broken or told.unreadable
    for concept, role, tags, _ in found:
        answer = value.answer(concept) if coded else value.boolean
        unusable = content.unusable or not (says_something or answer is not None)
        facts.add_reading(
            Reading(
                concept, role, tags | told.tags if told.tags else tags, told.source, told.standing, told.when,
                quantity, answer, flags, content.limits, date, content.absent, value.text, unusable, unreadable,
                told.contested,
            )
        )  # fmt: skip


def _is_spoken(flags: frozenset[str]) -> bool:
    return any(flag.endswith(("positive", "negative")) for flag in flags)


def may_find(found: Meanings) -> bool:
    """Whether a coded value may itself be a finding: a diagnosis on an image, a method that answers a question.

    The coded result of a test is an answer and nothing else: a reactive screening is no diagnosis.
    """
    return any(meaning.role is Role.HINT or meaning.concept in EXAMINATIONS for meaning in found)


def _add_findings(value: Value, record: Record, told: Told) -> None:
    template = Entry(
        concept="",
        role=Role.HINT,
        tags=frozenset(),
        source=record.source,
        kind=record.kind,
        certainty=doubtful(told.standing is not Standing.PENDING),
        onset=told.when,
        text=value.text,
        contested=record.contested,
    )
    record.facts.add_entries(record, findings_in(value.coded), template)


def _method_tags(record: Record) -> frozenset[str]:
    """How the result was obtained, where the record says so; a method that is not known is another one."""
    method = record.resource.get("method")
    if not method:
        return frozenset()
    known = {_METHODS.get(meaning.concept) for meaning in meanings(method, record.facts.lookup) or ()}
    return frozenset(tag for tag in known if tag) or frozenset({_OTHER_METHOD})


def _about_something_else(resource: dict[str, Any]) -> bool:
    """Whether ``focus`` names somebody or something other than the subject: a fetus, a donor, an implant."""
    focus = resource.get("focus")
    if not isinstance(focus, list) or not focus:
        return False
    subject = reference_in(resource.get("subject"))
    return any(reference_in(each) != subject for each in focus)
