"""Whose records an export of what changed holds: read line by line, for what changes in a day is little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from service.eligibility.entry import COUNTED, Entry
from service.eligibility.study import Study
from service.errors import NotFhirError
from service.fhir.coded import concepts_in
from service.fhir.decode import decode
from service.fhir.lines import lines_of
from service.hospital.ports import Resource
from service.subscriptions.notification import named_by


class Changed(NamedTuple):
    """Who has new records that count, and which lines could not be read."""

    people: set[str]
    unread: list[str]


def people_changed(folder: Path, study: Study, entry: Entry | None, own: Callable[[str], str | None]) -> Changed:
    """Return who has a new record of any of the entry's concepts, or a new ResearchSubject of whatever study.

    One is enough: what else the person has is older, and in no file. ``own`` gives ``Type/id`` of a reference to the
    server. Without an ``entry`` everybody of whom anything changed is named.
    """
    people, unread = set[str](), list[str]()
    for place, line in _lines(folder):
        resource = _read(line)
        if resource is None:
            unread.append(place)
            continue
        patient = named_by(resource, own).patient
        if patient is not None and (entry is None or _counts(resource, study, entry)):
            people.add(patient)
    return Changed(people, unread)


def _read(line: bytes | None) -> Resource | None:
    try:
        return None if line is None else decode(line)
    except NotFhirError:
        return None


def _counts(resource: Resource, study: Study, entry: Entry) -> bool:
    if resource.get("resourceType") == "ResearchSubject":
        return True
    return not entry.concepts.isdisjoint(concepts_in(resource, study.lexicon, COUNTED))


def _lines(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    for file in sorted(folder.glob("output-*.ndjson")):
        with file.open("rb") as content:
            for line in lines_of(content):
                yield f"{file.name}:{line.number}", line.data
