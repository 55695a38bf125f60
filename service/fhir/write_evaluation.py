"""What the FHIR operations answer: one screening as a collection, studies matched with a patient as a searchset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fhir.resources.R4B.bundle import Bundle

from service.eligibility.results import Outcome, Screening
from service.fhir.write import write_subject
from service.fhir.write_guidance import view_of, write_guidance
from service.fhir.write_names import guidance_identifier, screening_identifier, subject_identifier, token
from service.fhir.write_study import write_device, write_study

Resource = dict[str, Any]

_DEVICE = "device"  # id of the contained Device
_DIGITS = Decimal("0.0001")  # of a score


def write_evaluation(screening: Screening, id_: str, now: datetime) -> Resource:
    """Return a screening as a collection of ResearchSubject and GuidanceResponse; ``id_`` is the screening's.

    Where a person has set the status, the subject bears that one: what comes of it must not be overwritten. The
    guidance tells the machine's view in any case.
    """
    study = screening.study
    subject = write_subject(screening, f"ResearchStudy/{study.record.id}")
    subject["status"] = screening.person_status or subject["status"]
    guidance = write_guidance(screening, view_of(screening, screening.person_status), f"#{_DEVICE}", now)
    guidance["contained"].append(write_device(study) | {"id": _DEVICE})
    system, value = screening_identifier(study, id_)
    names = (subject_identifier(study, screening.patient), guidance_identifier(study, screening.patient))
    return _checked(
        {
            "resourceType": "Bundle",
            "identifier": {"system": system, "value": value},
            "type": "collection",
            "timestamp": now.isoformat(timespec="milliseconds"),
            "entry": [
                {"fullUrl": uuid5(NAMESPACE_URL, token(name)).urn, "resource": resource}
                for name, resource in zip(names, (subject, guidance), strict=True)
            ],
        }
    )


def write_match(screenings: Sequence[Screening], base: str, operation: str) -> Resource:
    """Return the studies that one patient was screened for, the best match first.

    ``base`` is the address of our own FHIR server, ``operation`` what was called below it.
    """
    scored = sorted(((match_score(each), each.study) for each in screenings), key=lambda pair: -pair[0])
    return _checked(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(scored),
            "link": [{"relation": "self", "url": f"{base}/{operation}"}],
            "entry": [
                {
                    "fullUrl": f"{base}/ResearchStudy/{study.record.id}",
                    "resource": write_study(study) | {"id": study.record.id},
                    "search": {"mode": "match", "score": score},
                }
                for score, study in scored
            ],
        }
    )


def match_score(screening: Screening) -> Decimal:
    """Return the share of criteria that pass, from 0 to 1; 0 where one fails, or the person has died."""
    outcomes = [each.outcome for each in screening.criteria]
    if Outcome.FAIL in outcomes or screening.preconditions:
        return Decimal(0)
    return (Decimal(outcomes.count(Outcome.PASS)) / len(outcomes)).quantize(_DIGITS).normalize() + 0


def _checked(bundle: Resource) -> Resource:
    Bundle.model_validate(bundle)
    return bundle
