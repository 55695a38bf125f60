"""The report of a run: what came of everybody, and what is new since the last run with the values that made it so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec

from service.discovery.because import because
from service.discovery.model import GONE, NOT_PERMITTED, Ended, Facts
from service.eligibility.findings import Open
from service.eligibility.results import LISTED, Outcome, Status
from service.eligibility.study import Study
from service.fhir.coverage import Tally, counted, merge
from service.screening.document import Document

NOT_IN_SOURCE = "not-in-source"  # in the place of a status
OUTCOMES = ("pass", "fail", "missing_data", "to_confirm")  # of a criterion, as the funnel counts them
_SOON = timedelta(days=7)
_MOST_UNITS = 10

_OPEN = {Open.MISSING_DATA.value: "missing_data", Open.TO_CONFIRM.value: "to_confirm"}
_STATUSES = (Status.CANDIDATE, Status.POTENTIAL_CANDIDATE, Status.INELIGIBLE)
_PRIORITIES = (1, 2, 3, 4)


class ReportMaker:
    """Makes the report out of people, a page at a time and each person once; no document is held."""

    def __init__(self, study: Study, as_of: date) -> None:
        self.taken = 0  # people of the run
        self._study, self._soon = study, as_of + _SOON
        self._by_status: Counter[str] = Counter()
        self._by_priority: Counter[int] = Counter()
        self._funnel = {criterion.id: dict.fromkeys(OUTCOMES, 0) for criterion in study.criteria}
        self._missing: Counter[str] = Counter()  # by notion: of how many people on the list
        self._unlocks: defaultdict[str, set[str]] = defaultdict(set)
        self._new, self._lost, self._changed = list[Document](), list[Document](), list[Document]()
        self._due, self._failed = list[Document](), list[Document]()
        self._coverage: dict[str, Tally] = {}
        self._not_permitted = 0

    def take(self, people: Iterable[Ended]) -> None:
        """Tell of people of the run."""
        for one in people:
            self.taken += 1
            merge(self._coverage, one.coverage)
            if one.error == GONE:
                self.miss([(one.patient, one.before)])
            if one.found and one.document is not None:  # else nothing is known, and nothing has changed
                self._compare(one.patient, one.before, one.document)
                if _judged(one.document):
                    self._count(one.document)
            refusal = _refusal(one.document)
            if refusal == NOT_PERMITTED:  # whoever may not be screened is no fault, and is not called for it
                self._not_permitted += 1
            elif error := one.error or refusal:
                self._failed.append({"patient": one.patient, "error": error})

    def miss(self, people: Iterable[tuple[str, Document | None]]) -> None:
        """Tell of people who are not in the source any more, with what the last run kept of them."""
        for patient, before in people:
            if _listed(before):
                self._lost.append({"patient": patient, "status": NOT_IN_SOURCE, "priority": None, "because": []})

    def _count(self, document: Document) -> None:
        self._by_status[document["status"]] += 1
        if document["priority"] is not None:
            self._by_priority[document["priority"]] += 1
        for each in document["criteria"]:
            if (counts := self._funnel.get(each["id"])) is not None:
                counts[_OPEN[each["open"]] if each["outcome"] == Outcome.OPEN else each["outcome"]] += 1
        if document["rescreen_after"] is not None and date.fromisoformat(document["rescreen_after"]) <= self._soon:
            self._due.append({"patient": document["patient"], "rescreen_after": document["rescreen_after"]})
        if _listed(document):
            for notion in {gap["notion"] for gap in document["missing"]}:
                self._missing[notion] += 1
            for gap in document["missing"]:
                self._unlocks[gap["notion"]].update(gap["unlocks"])

    def _compare(self, patient: str, before: Document | None, after: Document) -> None:
        """Tell how somebody stands now who is on the list, or was."""
        now, then = _standing(after), _standing(before) if before is not None else None
        entry = {"patient": patient, **now}
        why = because(before, after) if before is not None and _judged(before) and _judged(after) else []
        if _listed(after) and not _listed(before):
            self._new.append(entry | {"because": why})
        elif _listed(before) and not _listed(after):
            self._lost.append(entry | {"because": why})
        elif _listed(after) and (why or now != then):
            self._changed.append({"patient": patient, "from": then, "to": now, "because": why})

    def report(self, facts: Facts) -> dict[str, Any]:
        """Return the report as JSON values."""
        order, selection = list(self._funnel), facts.selection
        return {
            "run": facts.run,
            "study": facts.study,
            "as_of": facts.as_of.isoformat(),
            "source": facts.source,
            "engine": facts.engine,
            "seen": selection.seen,
            "selected": len(selection.patients),
            "screened": self._by_status.total(),
            "by_status": {status.value: self._by_status[status] for status in _STATUSES},
            "by_priority": {str(priority): self._by_priority[priority] for priority in _PRIORITIES},
            "funnel": [{"id": id_, **counts} for id_, counts in self._funnel.items()],
            "new": sorted(self._new, key=_patient),
            "lost": sorted(self._lost, key=_patient),
            "changed": sorted(self._changed, key=_patient),
            "missing": [
                {"notion": notion, "patients": number, "unlocks": sorted(self._unlocks[notion], key=order.index)}
                for notion, number in sorted(self._missing.items(), key=lambda one: (-one[1], one[0]))
            ],
            "rescreen_due": sorted(self._due, key=lambda one: (one["rescreen_after"], one["patient"])),
            "failed": sorted(self._failed, key=_patient),
            "coverage": [_covered(id_, self._coverage.get(id_, Tally())) for id_ in counted(self._study)],
            "unread": [*selection.unread, *selection.blind],
            "seconds": facts.seconds,
            "uncoded_conditions": msgspec.to_builtins(selection.uncoded),
            "not_permitted": self._not_permitted,
            "since": facts.since.isoformat() if facts.since else None,
            "dry_run": facts.dry_run,
            "timings": dict(facts.timings),
        }


def _judged(document: Document) -> bool:
    return "error" not in document


def _refusal(document: Document | None) -> str | None:
    """Return the code of why somebody is not screened."""
    return None if document is None or _judged(document) else document["error"]["code"]


def _listed(document: Document | None) -> bool:
    """Whether somebody is on the list, as on the screening list and on cards."""
    return document is not None and _judged(document) and document["priority"] in LISTED


def _standing(document: Document) -> Document:
    """Return status and priority; of somebody who cannot be screened, the code of why."""
    if (refusal := _refusal(document)) is not None:
        return {"status": NOT_IN_SOURCE if refusal == GONE else refusal, "priority": None}
    return {"status": document["status"], "priority": document["priority"]}


def _patient(entry: Document) -> str:
    patient: str = entry["patient"]
    return patient


def _covered(notion: str, tally: Tally) -> Document:
    most = sorted(tally.unreadable_units.items(), key=lambda one: (-one[1], one[0]))[:_MOST_UNITS]
    return {
        "notion": notion,
        "known_codes": tally.known_codes,
        "local_only": tally.local_only,
        "unreadable_units": [{"unit": unit, "n": number} for unit, number in most],
    }
