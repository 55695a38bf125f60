"""Who wrote a result, when, by which rules and from which records, as a FHIR R4 Provenance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.eligibility.results import Screening
from service.fhir.write_guidance import View
from service.fhir.write_names import device_identifier, module_uri

_OPERATIONS = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def write_provenance(
    screening: Screening,
    view: View,
    *,
    targets: Sequence[str],
    device: str,
    now: datetime,
    first: bool,
    as_text: bool = False,
) -> dict[str, Any]:
    """Return the Provenance of one write; ``first`` when it creates the result rather than changes it.

    With ``as_text`` the records are named by text alone, for a server that does not hold them.
    """
    system, value = device_identifier(screening.study)
    sources = dict.fromkeys(source for criterion in view.criteria.values() for source in criterion.evidence)
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": now.isoformat(timespec="milliseconds"),
        "policy": [f"{module_uri(screening.study)}/rules/{screening.study.rulebook.hash}"],
        "activity": {"coding": [{"system": _OPERATIONS, "code": "CREATE" if first else "UPDATE"}]},
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANTS, "code": "assembler"}]},
                # The identifier tells our Provenances from other people's when the Device is not at hand.
                "who": {"reference": device, "identifier": {"system": system, "value": value}},
            }
        ],
    }
    entities = [{"role": "source", "what": _record(source, as_text=as_text)} for source in sources]
    return provenance | ({"entity": entities} if entities else {})


def named_by_text(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return a Provenance whose records are named by text alone."""
    entities = [entity | {"what": {"display": entity["what"]["display"]}} for entity in provenance.get("entity", [])]
    return provenance | ({"entity": entities} if entities else {})


def _record(source: str, *, as_text: bool) -> dict[str, str]:
    return {"display": source} if as_text else {"reference": source, "display": source}
