"""The identifiers and addresses under which this service's resources are found again (``B/…`` in the contract)."""

from __future__ import annotations

from service import __version__
from service.eligibility.study import Study

SOFTWARE = f"candor-{__version__}"


def registry_number(study: Study) -> tuple[str, str]:
    """Return system and value of the study's first identifier, e.g. its NCT number."""
    return next(iter(study.record.identifiers.items()))


def device_identifier(study: Study) -> tuple[str, str]:
    """Return system and value of this software's identifier, its version included."""
    return f"{study.base}/device", SOFTWARE


def subject_identifier(study: Study, patient: str) -> tuple[str, str]:
    """Return system and value for the ResearchSubject of ``Patient/id``."""
    return f"{study.base}/research-subject", _of_patient(study, patient)


def guidance_identifier(study: Study, patient: str) -> tuple[str, str]:
    """Return system and value for the GuidanceResponse about ``Patient/id``."""
    return f"{study.base}/guidance-response", _of_patient(study, patient)


def screening_identifier(study: Study, id_: str) -> tuple[str, str]:
    """Return system and value for one screening, by the id under which ``/api/v1/screenings`` has it."""
    return f"{study.base}/screening", id_


def list_identifier(study: Study) -> tuple[str, str]:
    """Return system and value for the study's screening list."""
    return f"{study.base}/screening-list", study.record.id


def module_uri(study: Study) -> str:
    """Return the address of the study's screening, as ``GuidanceResponse.moduleUri``."""
    return f"{study.base}/study/{study.record.id}"


def token(identifier: tuple[str, str]) -> str:
    """Write an identifier as the value of a token search parameter."""
    return "|".join(identifier)


def _of_patient(study: Study, patient: str) -> str:
    return f"{study.record.id}.{patient.rpartition('/')[2]}"
