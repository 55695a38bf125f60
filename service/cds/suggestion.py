"""The one thing that a card suggests: that a person puts the patient on the study's screening list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from service.cds.phrases import Phrases
from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.fhir.references import Index, Located, identifiers, local_name
from service.fhir.write import write_subject
from service.fhir.write_names import registry_number
from service.screening.ports import Pulled

_SUBJECT, _STUDY = "ResearchSubject", "ResearchStudy"
_STATUS = "screening"  # FHIR: being evaluated; a person's act, which no screening overwrites


def may_be_listed(pulled: Pulled, study: Study, server: str | None) -> bool:
    """Whether the patient has a ResearchSubject of this study, or one of a study that cannot be told."""
    if pulled.incomplete or _SUBJECT in pulled.failed:
        return True
    index, ours = Index(pulled.resources, server), set(study.record.identifiers.values())
    subjects = [resource for resource, _ in pulled.resources if resource["resourceType"] == _SUBJECT]
    named = [_study_names(subject, index) for subject in subjects]
    return any(not names or not names.isdisjoint(ours) for names in named)


def _study_names(subject: dict[str, Any], index: Index) -> set[str]:
    reference = subject.get("study")
    told = [reference if isinstance(reference, dict) else {}, index.resolve(subject, reference) or {}]
    return {value for each in told for _, value in identifiers(each)}


def suggest(screening: Screening, records: Sequence[Located], card: UUID, words: Phrases) -> dict[str, Any]:
    """Return the suggestion; its id is the same as often as the card's is."""
    study = screening.study
    system, value = registry_number(study)
    known = next((name for each in records if (name := _is_this(study, each)) is not None), None)
    subject = write_subject(screening, known or "") | {"status": _STATUS}
    if known is None:  # the client's server knows the study, if at all, by its number
        subject["study"] = {"type": _STUDY, "identifier": {"system": system, "value": value}}
    return {
        "label": words.add,
        "uuid": str(uuid5(card, words.add)),
        "actions": [{"type": "create", "description": words.adding.format(study=study.record.id), "resource": subject}],
    }


def _is_this(study: Study, located: Located) -> str | None:
    """Return ``ResearchStudy/id`` where the record is this study's."""
    resource, full_url = located
    if resource["resourceType"] != _STUDY:
        return None
    named = {value for _, value in identifiers(resource)}
    return None if named.isdisjoint(study.record.identifiers.values()) else local_name(resource, full_url)
