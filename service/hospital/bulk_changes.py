"""Whose records an export of what changed holds: read line by line, for what changes in a day is little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from service.eligibility.entry import COUNTED, Entry
from service.eligibility.study import Study
from service.errors import NotFhirError
from service.fhir.coded import concepts_in
from service.fhir.decode import decode
from service.fhir.lines import lines_of
from service.hospital.ports import Resource
from service.hospital.whose import unowned, whose


class Changed(NamedTuple):
    """Who has new records that count, which lines could not be read, and what to tell of records of nobody."""

    people: set[str]
    unread: list[str]
    blind: list[str]


def people_changed(folder: Path, study: Study, entry: Entry | None) -> Changed:
    """Return who has a new record of any of the entry's concepts, or a new ResearchSubject of whatever study.

    One is enough: what else the person has is older, and in no file. Without an ``entry`` everybody of
    whom anything changed is named. Nothing is seen of whose the records are that count and do not tell.
    """
    people, unread, nobodys = set[str](), list[str](), Counter[str]()
    for place, line in _lines(folder):
        resource = _read(line)
        if resource is None:
            unread.append(place)
            continue
        if entry is not None and not _counts(resource, study, entry):
            continue
        owner = whose(resource)
        if owner is not None and owner.startswith("Patient/"):
            people.add(owner)
        elif owner is None and entry is not None:  # without one, nothing tells what is nobody's from what should be
            nobodys[resource["resourceType"]] += 1
    return Changed(people, unread, [unowned(kind, number) for kind, number in nobodys.items()])


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
