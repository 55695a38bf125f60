"""The naive way to find people in a folder, and what the sieve says instead: who they are, and each one's document."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from service.discovery.model import Selection
from service.eligibility.codes import Role
from service.eligibility.entry import entry_of
from service.fhir.references import identifiers
from service.population.people import LocalPeople
from service.population.sources import open_source
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.screening.ports import Pulled
from tests.verdicts import AS_OF

_DAY = date.fromisoformat(AS_OF)


class Answer(NamedTuple):
    """Documents by patient, and what could not be read."""

    documents: dict[str, bytes]
    unread: list[str]


def naive(screener: Screener, folder: Path, known: Collection[str] = ()) -> Answer:
    """Parse everything, and screen whom the entry lets in, who is in the study, and who is known."""
    entry, source = entry_of(screener.study), open_source(folder)
    assert entry is not None
    ours = set(screener.study.record.identifiers.values())
    documents = {}
    for chart in source.patients():
        resources = [resource for resource, _ in chart.resources]
        found = {
            meaning.concept
            for system, code in _codings(resources)
            for meaning in screener.study.lexicon.meanings(system, code)
            if meaning.role in {Role.MATCH, Role.REVIEW}
        }
        if entry.lets_in(found & entry.concepts) or chart.patient in known or _takes_part(resources, ours):
            result = screener.screen_records(Pulled(chart.resources, incomplete=chart.incomplete), chart.patient, _DAY)
            documents[chart.patient] = encode(document(result, id=""))
    return Answer(documents, sorted(map(str, source.problems)))


def sieved(screener: Screener, folder: Path, work: Path, known: Collection[str] = (), **sizes: int) -> Answer:
    """Have the local engine do it."""
    return asyncio.run(_sieved(LocalPeople(screener, folder, work, **sizes), known))


async def _sieved(people: LocalPeople, known: Collection[str]) -> Answer:
    selection: Selection = await people.select(frozenset(known), _untold)
    documents = {}
    async for found in people.screened(selection.patients, _DAY, _untold):
        assert found.judged is not None, found.error
        documents[found.patient] = encode(document(found.judged.result, id=""))
    assert selection.patients == sorted(documents)
    return Answer(documents, sorted(selection.unread))


def _untold(stage: str, done: int, total: int | None) -> None:
    """Hear of progress."""


def _takes_part(resources: list[dict[str, Any]], ours: set[str]) -> bool:
    """Whether a ResearchSubject is of our study, or may be."""
    studies = {f"ResearchStudy/{each['id']}": each for each in resources if each["resourceType"] == "ResearchStudy"}
    for each in (each for each in resources if each["resourceType"] == "ResearchSubject"):
        named = {value for _, value in identifiers(studies.get(each["study"]["reference"], {}))}
        if not named or named & ours:
            return True
    return False


def _codings(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("code"), str) and isinstance(value.get("system"), str):
            yield value["system"], value["code"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _codings(each)
