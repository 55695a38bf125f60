"""A result as a card for a clinician: only where it is worth an interruption, and never more than information.

https://cds-hooks.hl7.org/2.0/#card-attributes
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from service.cds.markdown import escape, table
from service.cds.phrases import LANGUAGES, Phrases
from service.cds.suggestion import may_be_listed, suggest
from service.eligibility.findings import Open
from service.eligibility.results import CriterionResult, Outcome, Screening
from service.eligibility.study import Study
from service.fhir.write_guidance import view_of
from service.fhir.write_names import module_uri, registry_number
from service.screening.ports import Pulled

_MOST = 139  # characters of a summary, which has fewer than 140
_ORDER = {Open.MISSING_DATA: 0, Open.TO_CONFIRM: 1, None: 2}  # what somebody can do something about comes first
_REGISTRY = "https://clinicaltrials.gov"


def card_id(screening: Screening, patient: str, caller: str, user: str) -> UUID:
    """Return the id of a card, the same for the same clinician and patient as long as the result is unchanged."""
    view, study = view_of(screening), screening.study
    result = (view.status, view.priority, study.rulebook.hash, view.criteria)
    name = msgspec.json.encode((study.record.id, patient, caller, user, result))
    return uuid5(uuid5(NAMESPACE_URL, module_uri(study)), name.decode())


def write_card(
    screening: Screening, pulled: Pulled, id_: UUID, *, worklist: str, server: str | None, language: str
) -> dict[str, Any]:
    """Return the card of a result that is worth one."""
    words, study = LANGUAGES[language], screening.study
    card: dict[str, Any] = {
        "uuid": str(id_),
        "summary": _summary(screening, words, language),
        "detail": _detail(screening, words, language),
        "indicator": "info",
        "source": {
            "label": words.source,
            "topic": {
                "system": f"{study.base}/CodeSystem/cds-topic",
                "code": "trial-eligibility",
                "display": words.topic,
            },
        },
    }
    if not screening.permission_unknown and not may_be_listed(pulled, study, server):
        card |= {
            "suggestions": [suggest(screening, pulled.resources, id_, words)],
            "selectionBehavior": "at-most-one",
        }
    reasons = f"{study.base}/CodeSystem/cds-override-reason"
    card["overrideReasons"] = [
        {"code": code, "system": reasons, "display": display} for code, display in words.overrides.items()
    ]
    card["links"] = [{"label": words.worklist, "url": worklist, "type": "absolute"}]
    if (page := _registry_page(study)) is not None:
        card["links"].append({"label": words.registry, "url": page, "type": "absolute"})
    return card


def short_title(study: Study, language: str) -> str:
    """Return the study's name for people, in English where it has none in the language."""
    titles = study.record.short_title
    return titles.get(language) or titles["en"]


def _summary(screening: Screening, words: Phrases, language: str) -> str:
    record = screening.study.record
    counts = words.counts.format(passed=_count(screening, Outcome.PASS), open=_count(screening, Outcome.OPEN))
    begun = words.summaries[screening.priority or 0].format(
        study=f"{record.id} ({short_title(screening.study, language)}"
    )
    room = _MOST - len(f"): {counts}.")
    if len(begun) > room:
        begun = f"{begun[: room - 1].rstrip()}…"
    return f"{begun}): {counts}."


def _detail(screening: Screening, words: Phrases, language: str) -> str:
    record, rules = screening.study.record, screening.study.rulebook
    results = sorted(screening.criteria, key=lambda result: _ORDER[result.open])
    told = [
        words.study_status.format(status=words.statuses.get(record.status, record.status)),
        table((words.criterion, words.assessment), _rows(results, language)),
    ]
    if screening.person_status is not None:
        told.append(words.person_status.format(status=escape(screening.person_status)))
    if screening.warnings:
        told.append(words.unreadable.format(count=len(screening.warnings)))
    signed = words.signed if rules.reviewed else words.unsigned
    told.append(words.rules.format(version=rules.version, signed=signed))
    return "\n\n".join(told)


def _rows(results: Iterable[CriterionResult], language: str) -> Iterable[tuple[str, str]]:
    return (
        (
            f"{result.criterion.id} {result.criterion.title.get(language) or result.criterion.title['en']}",
            result.explanation,
        )
        for result in results
    )


def _count(screening: Screening, outcome: Outcome) -> int:
    return sum(result.outcome is outcome for result in screening.criteria)


def _registry_page(study: Study) -> str | None:
    system, number = registry_number(study)
    return f"{_REGISTRY}/study/{number}" if system == _REGISTRY else None
