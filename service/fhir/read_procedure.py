"""Procedure, DiagnosticReport, ImagingStudy and Flag -> entries."""

from __future__ import annotations

from collections.abc import Iterable

from service.eligibility.chart import Certainty, Entry
from service.eligibility.codes import Role
from service.eligibility.moment import When
from service.fhir.codings import EXAMINATIONS, Meanings, codings_of, meanings, united, words
from service.fhir.copies import Copy
from service.fhir.dates import read_date, read_effective, read_interval, read_period
from service.fhir.facts import Facts, Record, doubtful
from service.fhir.statuses import is_void, status_of
from service.fhir.versions import other_version

_DONE = {"Procedure": {"completed"}, "ImagingStudy": {"available"}, "Flag": {"active"}} | {
    "DiagnosticReport": {"final", "amended", "corrected", "appended"}
}


def read_procedure(copy: Copy, facts: Facts) -> None:
    """Read what was done."""
    found = meanings(copy.resource.get("code"), facts.lookup) if copy.resource.get("code") else ()
    foreign = other_version(copy.resource)
    if found == () and not foreign:
        return
    record = _record(copy, facts, found)
    if foreign:
        record.refuse_version(foreign, coded=found is not None and bool(codings_of(copy.resource.get("code"))))
    _add(record, found, read_interval(record, "performed"))


def read_report(copy: Copy, facts: Facts) -> None:
    """Read which examination is reported, and what it concludes as far as that is coded."""
    resource = copy.resource
    conclusions = resource.get("conclusionCode")
    concluded = _of_all(conclusions if isinstance(conclusions, list) else (), facts)
    about = meanings(resource.get("code"), facts.lookup)
    if about is None or concluded is None or (conclusions and not isinstance(conclusions, list)):
        _record(copy, facts, None)
    found = united(_examinations(about or ()), concluded or ())
    if found:
        record = Record(*copy, facts)
        _add(record, found, read_effective(record))


def read_imaging(copy: Copy, facts: Facts) -> None:
    """Read which examination an image is of."""
    procedures = copy.resource.get("procedureCode")
    found = _examinations(_of_all(procedures if isinstance(procedures, list) else (), facts) or ())
    if found:
        record = Record(*copy, facts)
        _add(record, found, read_date(record, "started"))


def read_flag(copy: Copy, facts: Facts) -> None:
    """Read a flag that is up, and whether it is the site's sign of opposition to research."""
    code = copy.resource.get("code")
    found = meanings(code, facts.lookup)
    opposed = any((coding.get("system"), coding.get("code")) in facts.vocabulary.opposition_codes
                  for coding in codings_of(code))  # fmt: skip
    if opposed or found is None or found:
        record = _record(copy, facts, found)
        start, end = read_period(record, "period")
        _add(record, found, start, end)
        if opposed and not is_void(copy.resource):
            facts.chart.opposed = True


def _record(copy: Copy, facts: Facts, found: Meanings | None) -> Record:
    record = Record(*copy, facts)
    if found is None:
        record.refuse("its code is not a readable CodeableConcept")
    return record


def _of_all(concepts: Iterable[object], facts: Facts) -> Meanings | None:
    found: Meanings = ()
    for concept in concepts:
        known = meanings(concept, facts.lookup)
        if known is None:
            return None
        found = united(found, known)
    return found


def _examinations(found: Meanings) -> Meanings:
    return tuple(meaning for meaning in found if meaning.concept in EXAMINATIONS)


def _add(record: Record, found: Meanings | None, when: When | None, until: When | None = None) -> None:
    if is_void(record.resource):
        record.facts.identify(record, found or (), when)
        return
    if record.modified():
        record.break_off("modifierExtension changes the record in a way that is not known")
    record.facts.add_entries(record, found or (), _entry(record, when, until))


def _entry(record: Record, when: When | None, until: When | None) -> Entry:
    status = status_of(record.resource)
    return Entry(
        concept="",
        role=Role.HINT,
        tags=frozenset(),
        source=record.source,
        kind=record.kind,
        certainty=doubtful(status in _DONE[record.kind]) if status else Certainty.UNCONFIRMED,
        onset=when,
        until=until,
        status=status,
        text=words(record.resource.get("code")),
        contested=record.contested,
        unreadable=record.unreadable,
    )
