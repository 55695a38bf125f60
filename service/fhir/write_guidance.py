"""The machine's view of one patient as a FHIR R4 GuidanceResponse, and that view read back from one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from service.eligibility.findings import Finding, Leaf
from service.eligibility.results import Screening
from service.fhir.write_missing import data_requirements
from service.fhir.write_names import guidance_identifier, module_uri

Resource = dict[str, Any]

_RESULT = "result"  # id of the contained Parameters


class CriterionView(NamedTuple):
    """One criterion, as far as a change of it is a change of the result."""

    truth: str
    outcome: str
    open: str | None
    reasons: tuple[str, ...]  # of the leaves, each once, in the order of the tree
    evidence: tuple[str, ...]  # versioned references; as text, for servers strip versions from references


class View(NamedTuple):
    """What the service thinks of a patient, without dates."""

    status: str
    priority: int | None
    rules: str  # version and hash
    criteria: dict[str, CriterionView]
    person_status: str | None = None  # the status that a person had set when this was written
    replaces: str | None = None  # the version of the ResearchSubject, ours, over which the status is written

    def same_as(self, other: View) -> bool:
        """Whether nothing changed: the version of the rules and a person's status do not count, their hash does."""
        return self[:2] == other[:2] and self._hash == other._hash and self.criteria == other.criteria

    @property
    def _hash(self) -> str:
        return self.rules.rpartition(" ")[2]


def view_of(screening: Screening, person_status: str | None = None, replaces: str | None = None) -> View:
    """Return the view that a screening gives."""
    rulebook = screening.study.rulebook
    return View(
        screening.status,
        screening.priority,
        f"{rulebook.version} {rulebook.hash}",
        {
            result.criterion.id: CriterionView(
                result.truth.value,
                result.outcome,
                result.open,
                tuple(dict.fromkeys(leaf.reason.value for leaf in leaves(result.finding) if leaf.reason)),
                tuple(dict.fromkeys(source for leaf in leaves(result.finding) for source in leaf.sources)),
            )
            for result in screening.criteria
        },
        person_status,
        replaces,
    )


def leaves(finding: Finding) -> Iterator[Leaf]:
    """Give the leaves of a finding in the order of the tree."""
    if isinstance(finding, Leaf):
        yield finding
    else:
        for child in finding.children:
            yield from leaves(child)


def write_guidance(screening: Screening, view: View, device: str, now: datetime) -> Resource:
    """Return the GuidanceResponse; ``device`` is the reference of its author."""
    system, value = guidance_identifier(screening.study, screening.patient)
    wanted = data_requirements(screening)
    guidance = {
        "resourceType": "GuidanceResponse",
        "contained": [{"resourceType": "Parameters", "id": _RESULT, "parameter": _write_view(view)}],
        "identifier": [{"system": system, "value": value}],
        "moduleUri": module_uri(screening.study),
        "status": "data-required" if wanted else "success",
        "subject": {"reference": screening.patient},
        "occurrenceDateTime": now.isoformat(timespec="seconds"),
        "performer": {"reference": device},
        "outputParameters": {"reference": f"#{_RESULT}"},
    }
    return guidance | ({"dataRequirement": wanted} if wanted else {})


def read_view(guidance: Resource) -> View | None:
    """Read the view back; ``None`` for a GuidanceResponse that holds none as we write it."""
    try:
        return _read_view(guidance)
    except (AttributeError, KeyError, TypeError):  # a server may hold anything anywhere
        return None


def _read_view(guidance: Resource) -> View | None:
    contained = guidance.get("contained", [])
    parameters = next((item for item in contained if item.get("resourceType") == "Parameters"), None)
    if parameters is None:
        return None
    values: dict[str, Any] = {}
    criteria: dict[str, CriterionView] = {}
    for parameter in parameters.get("parameter", []):
        if "part" in parameter:
            criteria[parameter["name"]] = _read_criterion(parameter["part"])
        else:
            values[parameter["name"]] = _value(parameter)
    status, rules = values.get("status"), values.get("rules")
    if not (isinstance(status, str) and isinstance(rules, str)):
        return None
    return View(status, values.get("priority"), rules, criteria, values.get("person-status"), values.get("replaces"))


def _write_view(view: View) -> list[Resource]:
    parameters: list[Resource] = [{"name": "status", "valueCode": view.status}]
    if view.priority is not None:
        parameters.append({"name": "priority", "valuePositiveInt": view.priority})
    parameters.append({"name": "rules", "valueString": view.rules})
    if view.person_status is not None:
        parameters.append({"name": "person-status", "valueCode": view.person_status})
    if view.replaces is not None:
        parameters.append({"name": "replaces", "valueString": view.replaces})
    parameters += ({"name": id_, "part": _write_criterion(criterion)} for id_, criterion in view.criteria.items())
    return parameters


def _write_criterion(criterion: CriterionView) -> list[Resource]:
    parts: list[Resource] = [
        {"name": "truth", "valueCode": criterion.truth},
        {"name": "outcome", "valueCode": criterion.outcome},
    ]
    if criterion.open is not None:
        parts.append({"name": "open", "valueCode": criterion.open})
    parts += ({"name": "reason", "valueCode": reason} for reason in criterion.reasons)
    parts += ({"name": "evidence", "valueString": source} for source in criterion.evidence)
    return parts


def _read_criterion(parts: list[Resource]) -> CriterionView:
    values: dict[str, list[str]] = {}
    for part in parts:
        values.setdefault(part["name"], []).append(_value(part))
    first = {name: found[0] for name, found in values.items()}
    reasons, evidence = tuple(values.get("reason", ())), tuple(values.get("evidence", ()))
    return CriterionView(first.get("truth", ""), first.get("outcome", ""), first.get("open"), reasons, evidence)


def _value(parameter: Resource) -> Any:
    return next((value for name, value in parameter.items() if name.startswith("value")), None)
