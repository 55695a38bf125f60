"""Whose status a ResearchSubject bears: this service's or a person's. In doubt it is a person's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from service.eligibility.moment import read_when
from service.eligibility.study import Study
from service.fhir.write_guidance import View
from service.fhir.write_names import device_identifier
from service.hospital.ports import Resource


def is_about(subject: Resource, study: Study, references: Collection[str]) -> bool:
    """Whether a ResearchSubject belongs to ``study``, known on the server as ``references`` (``Type/id``)."""
    named = subject.get("study", {})
    if _local(named.get("reference", "")) in references:
        return True
    return named.get("identifier", {}).get("value") in study.record.identifiers.values()


def versioned(subject: Resource) -> str | None:
    """Return ``ResearchSubject/id/_history/version``; ``None`` where the server tells no version."""
    version = subject.get("meta", {}).get("versionId")
    return f"ResearchSubject/{subject['id']}/_history/{version}" if version else None


def says_we_wrote(view: View | None, subject: Resource) -> bool:
    """Whether our own GuidanceResponse says that the subject's very status was written by us."""
    return view is not None and view.person_status is None and view.status == subject.get("status")


def others_since(provenances: Iterable[Resource], guidance: Resource, study: Study) -> bool:
    """Whether anyone else put on record, since ``guidance`` was written, that they changed the subject."""
    return any(not _is_ours(item, guidance, study) and _is_newer(item, guidance) for item in provenances)


def _is_ours(provenance: Resource, guidance: Resource, study: Study) -> bool:
    system, _ = device_identifier(study)  # of any version of this software
    author = guidance.get("performer", {}).get("reference")
    agents = [agent.get("who", {}) for agent in provenance.get("agent", [])]
    return bool(agents) and all(
        who.get("identifier", {}).get("system") == system or (author and who.get("reference") == author)
        for who in agents
    )


def _is_newer(provenance: Resource, guidance: Resource) -> bool:
    """By its author's clock or by the server's; also where the times cannot be read."""
    return any(
        _not_before(theirs, ours)
        for theirs, ours in (
            (provenance.get("recorded"), guidance.get("occurrenceDateTime")),
            (provenance.get("meta", {}).get("lastUpdated"), guidance.get("meta", {}).get("lastUpdated")),
        )
    )


def _not_before(theirs: Any, ours: Any) -> bool:
    one, other = read_when(theirs), read_when(ours)
    if one is None or other is None or one.instant is None or other.instant is None:
        return True
    return one.instant >= other.instant


def _local(reference: str) -> str:
    return "/".join(reference.split("/_history/", maxsplit=1)[0].split("/")[-2:])
