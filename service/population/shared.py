"""Records that are nobody's but needed to read somebody's: studies, medications, histories, outcomes of an export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from service.fhir.decode import decode
from service.fhir.references import Located, local_name, reference_in, relative
from service.population.bundles import Piece

MOST_BYTES = 32 * 1024 * 1024  # of shared records kept; an export has few, whatever the number of its patients
MOST_OUTCOMES = 100  # different ones kept

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SHARED = frozenset({"Medication", "ResearchStudy"})
_SUBJECT = "ResearchSubject"
_HISTORY = ("resourceType", "id", "meta", "target", "recorded", "agent")  # who changed what and when, not from what
_REFERRING = frozenset({  # the records whose study or medication a screening follows
    "Consent", "Medication", "MedicationAdministration", "MedicationRequest", "MedicationStatement", "ResearchSubject",
})  # fmt: skip


class Shared:
    """Keeps them as JSON, within a bound; what goes beyond makes the charts that refer to it incomplete."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._histories: dict[str, list[str]] = {}  # ResearchSubject/id -> its Provenances
        self._outcomes: dict[bytes, dict[str, Any]] = {}
        self._bytes = 0
        self._dropped = self._histories_dropped = False
        self.outcomes_dropped = False

    def keep(self, piece: Piece) -> None:
        """Keep a record that is nobody's if any chart can need it."""
        found = needed(piece)
        if found is None:
            return
        resource, full_url = found
        if piece.kind == "OperationOutcome":
            self._keep_outcome(resource)
        elif name := local_name(resource, full_url):
            if piece.kind == "Provenance":
                self._keep_history(name, resource)
            else:
                self._keep_record(name, _ENCODER.encode(resource))

    def given_to(self, resources: Iterable[Located]) -> tuple[list[Located], bool]:
        """Return what a chart needs besides its own records, and whether some of that was not kept."""
        found: dict[str, Located] = {}
        lost = False
        for resource, full_url in resources:
            if resource.get("resourceType") == _SUBJECT:
                lost |= self._histories_dropped
                for name in self._histories.get(local_name(resource, full_url) or "", ()):
                    found[name] = (decode(self._records[name]), None)
        waiting = [resource for resource, _ in resources if resource.get("resourceType") in _REFERRING]
        while waiting:
            for name in _references(waiting.pop()):
                if name not in found and name in self._records:
                    found[name] = (decode(self._records[name]), None)
                    waiting.append(found[name][0])
                lost |= self._dropped and name.partition("/")[0] in _SHARED and name not in self._records
        outcomes: list[Located] = [(outcome, None) for outcome in self._outcomes.values()]
        return [*found.values(), *outcomes], lost or self.outcomes_dropped

    def _keep_record(self, name: str, data: bytes) -> None:
        if name in self._records:
            return
        if self._bytes + len(data) > MOST_BYTES:
            self._dropped = True
            return
        self._bytes += len(data)
        self._records[name] = data

    def _keep_history(self, name: str, provenance: dict[str, Any]) -> None:
        self._keep_record(name, _ENCODER.encode(provenance))
        if name not in self._records:
            self._histories_dropped = True
            return
        for subject in _subjects(provenance):
            self._histories.setdefault(subject, []).append(name)

    def _keep_outcome(self, resource: dict[str, Any]) -> None:
        """An outcome speaks of the whole export, whoever's records it is about; equal ones say it once."""
        said = _ENCODER.encode(resource.get("issue"))
        if said not in self._outcomes and len(self._outcomes) >= MOST_OUTCOMES:
            self.outcomes_dropped = True
            return
        self._outcomes.setdefault(said, resource)


def needed(piece: Piece) -> Located | None:
    """Return a record that is nobody's, cut to what charts can need of it; ``None`` where that is nothing."""
    if piece.kind not in _SHARED and piece.kind not in ("OperationOutcome", "Provenance"):
        return None
    resource, full_url = piece.records()[0]
    if piece.kind == "Provenance":  # whose a ResearchSubject's status is depends on who changed it
        if not _subjects(resource):
            return None
        resource = {key: resource[key] for key in _HISTORY if key in resource}
    return resource, full_url


def _subjects(provenance: dict[str, Any]) -> list[str]:
    return [each for each in _references(provenance.get("target")) if each.startswith(f"{_SUBJECT}/")]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if reference := reference_in(value):
            yield relative(reference)
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
