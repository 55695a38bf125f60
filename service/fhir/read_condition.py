"""Condition and AllergyIntolerance -> entries: how certain, whether active, since when, how severe."""

from __future__ import annotations

from typing import Any

from service.eligibility.chart import Activity, Certainty, Entry
from service.eligibility.codes import Role
from service.fhir.codings import Meanings, codes, codings_of, meanings, united, words
from service.fhir.copies import Copy
from service.fhir.dates import read_date, read_interval
from service.fhir.facts import Facts, Record
from service.fhir.statuses import is_void, status_of
from service.fhir.versions import other_version

_ACTIVE = {"active", "recurrence", "relapse"}
_PAST = {"remission", "inactive", "resolved"}
_CONFIRMED = {"confirmed"}
_UNCONFIRMED = {"unconfirmed", "provisional", "differential", "presumed"}
_SEVERITY = "condition_severity"


def read_condition(copy: Copy, facts: Facts) -> None:
    """Read a diagnosis; one without a code, or with text alone, is no fact."""
    resource = copy.resource
    _read_statement(copy, facts, meanings(resource["code"], facts.lookup) if resource.get("code") else ())


def read_allergy(copy: Copy, facts: Facts) -> None:
    """Read an allergy or intolerance: what it is to, and the substances of its reactions."""
    resource = copy.resource
    found = meanings(resource["code"], facts.lookup) if resource.get("code") else ()
    reactions = resource.get("reaction")
    for reaction in reactions if isinstance(reactions, list) else ():
        substance = reaction.get("substance") if isinstance(reaction, dict) else None
        found = united(found or (), meanings(substance, facts.lookup) or ()) if substance else found
    _read_statement(copy, facts, found)


def _read_statement(copy: Copy, facts: Facts, found: Meanings | None) -> None:
    foreign = other_version(copy.resource)
    if found == () and not foreign:
        return
    record = Record(*copy, facts)
    if found is None:
        record.refuse("code is not a readable CodeableConcept")
    if foreign:
        record.refuse_version(foreign, coded=found is not None and bool(codings_of(copy.resource.get("code"))))
    if found:
        _add(record, found)


def _add(record: Record, found: Meanings) -> None:
    resource = record.resource
    onset = read_interval(record, "onset")
    recorded = read_date(record, "recordedDate")
    if is_void(resource):
        record.facts.identify(record, found, onset or recorded)
        return
    if record.modified():
        record.break_off("modifierExtension changes the record in a way that is not known")
    certainty = _certainty(record)
    activity, given = _activity(record)
    entry = Entry(
        concept="",
        role=Role.HINT,
        tags=frozenset(),
        source=record.source,
        kind=record.kind,
        certainty=certainty,
        activity=activity,
        activity_given=given,
        onset=onset,
        recorded=recorded,
        until=read_interval(record, "abatement"),
        severity=_severity(record),
        status=status_of(resource),
        text=words(resource.get("code")),
        contested=record.contested,
        unreadable=record.unreadable,
    )
    record.facts.add_entries(record, found, entry)


def _certainty(record: Record) -> Certainty:
    """Confirmed or not stated counts; a status that is in none of FHIR's codes makes the record unreadable."""
    status = record.resource.get("verificationStatus")
    known = _spoken(record, "verificationStatus", status, _CONFIRMED | _UNCONFIRMED)
    return Certainty.UNCONFIRMED if known & _UNCONFIRMED else Certainty.CONFIRMED


def _activity(record: Record) -> tuple[Activity, bool]:
    """Whether it goes on, and whether a clinicalStatus says so. An abatement with a day is for the evaluator."""
    resource = record.resource
    known = _spoken(record, "clinicalStatus", resource.get("clinicalStatus"), _ACTIVE | _PAST)
    if known:
        return (Activity.ACTIVE if known & _ACTIVE else Activity.PAST), True
    abated = any(element.startswith("abatement") and resource[element] not in (None, False) for element in resource)
    dated = abated and read_interval(record, "abatement") is not None
    return (Activity.PAST if abated and not dated else Activity.ACTIVE), False


def _spoken(record: Record, element: str, status: Any, known: set[str]) -> set[str]:
    """The codes of a status that FHIR R4 knows."""
    if not status or isinstance(status, str):  # a string is of another version, which is said elsewhere
        return set()
    spoken = known.intersection(codes(status))
    if not spoken:
        record.break_off(f"{element} has no code of FHIR R4")
    return spoken


def _severity(record: Record) -> frozenset[str]:
    found = meanings(record.resource.get("severity"), record.facts.lookup) or ()
    tags = (meaning.tags for meaning in found if meaning.concept == _SEVERITY)
    return frozenset().union(*tags)
