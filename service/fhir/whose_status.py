"""Whose status a ResearchSubject bears: this service's or a person's. In doubt it is a person's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from service.eligibility.moment import read_when
from service.eligibility.study import Study
from service.fhir.copies import Copy, one_of_each, source_of
from service.fhir.references import Located, addresses, identifiers, reference_in, relative, version_of, without_version
from service.fhir.write_guidance import View, read_view
from service.fhir.write_names import device_identifier, guidance_identifier

Resource = dict[str, Any]

_TELLING = ("ResearchSubject", "GuidanceResponse", "Provenance")


def own_subjects(study: Study, patient: str, records: Iterable[Located]) -> frozenset[str]:
    """Return the ResearchSubjects whose status is ours, as the records of ``Patient/id`` tell, named as evidence is.

    What is not as we write it says nothing for us: then the status is a person's.
    """
    found: dict[str, list[Located]] = {kind: [] for kind in _TELLING}
    for located in records:
        if (kind := located[0]["resourceType"]) in found:
            found[kind].append(located)
    try:
        return frozenset(_own(study, patient, *(one_of_each(same) for same in found.values())))
    except (AttributeError, KeyError, TypeError):  # records that callers bring may hold anything anywhere
        return frozenset()


def _own(
    study: Study, patient: str, subjects: Iterable[Copy], guidances: Iterable[Copy], provenances: Iterable[Copy]
) -> Iterator[str]:
    ours = [each for each in guidances if guidance_identifier(study, patient) in identifiers(each.resource)]
    if len(ours) != 1 or ours[0].contested:
        return
    guidance, each_once = ours[0].resource, [copy.resource for copy in provenances]
    view = read_view(guidance)
    for subject, full_url, contested in subjects:
        if contested or not says_we_wrote(view, subject):
            continue
        names = addresses(subject, full_url, None)
        if bear_out((each for each in each_once if _targets(each, names)), guidance, subject, study):
            yield source_of(subject, full_url)


def _targets(provenance: Resource, names: set[str]) -> bool:
    written = [target["reference"] for target in provenance["target"] if "reference" in target]
    return any(without_version(each) in names or relative(each) in names for each in written)


def is_about(subject: Resource, study: Study, references: Collection[str], own: Callable[[str], str | None]) -> bool:
    """Whether a ResearchSubject belongs to ``study``, known on the server as ``references`` (``Type/id``).

    ``own`` gives ``Type/id`` of a reference to that server. At another address the same id is another server's
    study, unless the patient, by whom the server found the subject, is named by the same address: then it is the
    one by which a server behind a gateway calls itself.
    """
    named = subject.get("study")
    reference = reference_in(named) or ""
    if own(reference) in references:
        return True
    person = reference_in(subject.get("individual") or subject.get("subject")) or ""
    if relative(reference) in references and _address(reference) == _address(person):
        return True
    numbers = identifiers(named) if isinstance(named, dict) else []
    return any(value in study.record.identifiers.values() for _, value in numbers)


def _address(reference: str) -> str:
    return without_version(reference).removesuffix(relative(reference))


def versioned(subject: Resource) -> str | None:
    """Return ``ResearchSubject/id/_history/version``; ``None`` where the server tells no version."""
    version = version_of(subject)
    return f"ResearchSubject/{subject['id']}/_history/{version}" if version else None


def says_we_wrote(view: View | None, subject: Resource) -> bool:
    """Whether our own GuidanceResponse says that the subject's very status was written by us, or is about to be.

    Where there are no transactions, the result is written before the subject: what the subject holds in between
    is the version that it replaces.
    """
    if view is None or view.person_status is not None:
        return False
    return view.status == subject.get("status") or (view.replaces is not None and view.replaces == versioned(subject))


def bear_out(provenances: Iterable[Resource], guidance: Resource, subject: Resource, study: Study) -> bool:
    """Whether the Provenances of the subject agree that we wrote its status, as ``guidance`` says.

    Nobody else may have put a later change on record. And where the status was to replace one of ours, our
    Provenance of that write has to be there, for a person may have set the same after a write that was broken off.
    """
    view = read_view(guidance)
    if view is None:
        return False
    written = view.replaces in (None, versioned(subject))
    try:
        for each in provenances:
            if _is_ours(each, guidance, study):
                written = written or _is_of_this_write(each, guidance)
            elif _is_newer(each, guidance):
                return False
    except (AttributeError, KeyError, TypeError):  # what is not as FHIR has it bears out nothing
        return False
    return written


def is_finished(provenances: Iterable[Resource], guidance: Resource, study: Study) -> bool:
    """Whether a Provenance of ours, which is written last, tells of the write of this very result."""
    try:
        return any(_is_ours(each, guidance, study) and _is_of_this_write(each, guidance) for each in provenances)
    except (AttributeError, KeyError, TypeError):
        return False


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


def _is_of_this_write(provenance: Resource, guidance: Resource) -> bool:
    """By our own clock, of which the result tells the seconds; the Provenance is written last."""
    recorded, written = _instant(provenance.get("recorded")), _instant(guidance.get("occurrenceDateTime"))
    return recorded is not None and written is not None and recorded >= written


def _not_before(theirs: Any, ours: Any) -> bool:
    one, other = _instant(theirs), _instant(ours)
    return one is None or other is None or one >= other


def _instant(text: Any) -> datetime | None:
    when = read_when(text)
    return when.instant if when else None
