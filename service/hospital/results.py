"""Writes a result back: nothing of a person's is overwritten, nothing is doubled, nothing unchanged is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.errors import Never, ServerError
from service.fhir.statuses import status_of
from service.fhir.whose_status import bear_out, is_about, is_finished, says_we_wrote, versioned
from service.fhir.write import Known, write_transaction
from service.fhir.write_guidance import read_view, view_of
from service.fhir.write_names import device_identifier, guidance_identifier, registry_number, subject_identifier, token
from service.hospital.matching import shows
from service.hospital.ports import Kept, Params, Resource, Shelf, SubjectVersions
from service.hospital.refusals import Conflict
from service.hospital.screening_list import find_list, put_on_list
from service.hospital.turns import Hidden, in_turn
from service.screening.ports import Why, Written

_ABOUT_THE_PATIENT = ("ResearchSubject/", "GuidanceResponse/")
_NOT_SAID = "unknown"  # a person's subject without a status, as those of R5 are


async def write_back(
    shelf: Shelf,
    screening: Screening,
    *,
    now: datetime,
    versions: SubjectVersions | None = None,
    as_text: bool = False,
    listed: bool = True,
) -> Written:
    """Make the server tell what the screening says, and say what was written or why nothing was.

    ``now`` is the time of writing, with its offset; ``versions`` remembers which versions were ours;
    ``as_text`` for a server on which the records used have other ids: see ``write_provenance``; not ``listed``
    where the screening list is to stay as it is.
    Raises ``TryLater`` (also when other writers are first every time) and ``Never``.
    """
    hidden = Hidden()

    async def decide() -> Written:
        known, listing = await asyncio.gather(
            _look_up(shelf, screening.study, screening.patient, versions), find_list(shelf, screening.study)
        )
        with hidden.watch(known.absent):
            known = known._replace(listing=listing)
            return await _tell(shelf, screening, known, now, versions, as_text=as_text, listed=listed)

    return await in_turn(shelf, screening.patient, decide)


async def person_status(
    shelf: Shelf, study: Study, patient: str, *, versions: SubjectVersions | None = None
) -> str | None:
    """Return the status that a person has set on this study's ResearchSubject of ``Patient/id``, if any."""
    return (await _look_up(shelf, study, patient, versions)).person_status


async def _tell(
    shelf: Shelf,
    screening: Screening,
    known: Known,
    now: datetime,
    versions: SubjectVersions | None,
    *,
    as_text: bool,
    listed: bool,
) -> Written:
    if screening.without_disease and not _has_result(known):
        return Written(done=False, why=Why.NO_DISEASE)
    kept: list[Kept] = []
    if not await _is_unchanged(shelf, screening, known):
        if known.subject is None and known.guidance is None and not await shelf.holds(screening.patient):
            return Written(done=False, why=Why.NOT_THERE)
        kept = await _write_result(shelf, screening, known, now, versions, as_text=as_text)
    item = f"ResearchSubject/{known.subject['id']}" if known.subject else _made(kept, "ResearchSubject")
    known = known._replace(
        study=known.study or _made(kept, "ResearchStudy"),
        device=known.device or _made(kept, "Device"),
    )
    written = tuple(one.reference for one in kept if one.done)
    if not known.takes_subjects:
        item = screening.patient
    # Where the server did not tell the place of what it made, it tells the next screening.
    if listed and item is not None and shelf.takes("List"):
        written += await put_on_list(shelf, screening, known, item, now)
    why = None if written else Why.UNCHANGED
    return Written(done=bool(written), resources=written, why=why, person_status=known.person_status)


async def _write_result(
    shelf: Shelf,
    screening: Screening,
    known: Known,
    now: datetime,
    versions: SubjectVersions | None,
    *,
    as_text: bool,
) -> list[Kept]:
    """Write what is about the patient alone. Raises ``Conflict`` where another writer was first with any of it."""
    kept = await shelf.commit(write_transaction(screening, known, now, as_text=as_text))
    for one in kept:
        if versions is not None and one.done and one.version and one.reference.startswith("ResearchSubject/"):
            await versions.wrote(f"{one.reference}/_history/{one.version}")
    if any(not one.done and one.reference.startswith(_ABOUT_THE_PATIENT) for one in kept):
        await _take_back(shelf, kept)
        raise Conflict("another writer made the result at the same moment.", HTTPStatus.PRECONDITION_FAILED)
    return kept


def _made(kept: Iterable[Kept], kind: str) -> str | None:
    return next((one.reference for one in kept if one.reference.startswith(f"{kind}/")), None)


async def _take_back(shelf: Shelf, kept: Iterable[Kept]) -> None:
    """Delete our Provenance of a write that wrote neither subject nor result: the other writer's tells of theirs."""
    done = [one.reference for one in kept if one.done]
    if any(reference.startswith(_ABOUT_THE_PATIENT) for reference in done):
        return
    for reference in done:
        if reference.startswith("Provenance/"):
            with suppress(ServerError):  # a server that lets nobody delete keeps one Provenance too many
                await shelf.remove(reference)


async def _look_up(shelf: Shelf, study: Study, patient: str, versions: SubjectVersions | None) -> Known:
    known = await _look(shelf, study, patient, versions)
    if (
        known.guidance is not None and known.subject is None and known.takes_subjects
    ):  # made between the searches, or deleted by a person
        known = await _look(shelf, study, patient, versions)
    return known


async def _look(shelf: Shelf, study: Study, patient: str, versions: SubjectVersions | None) -> Known:
    _, number = registry_number(study)
    studies, devices, subjects, guidances = await asyncio.gather(
        shelf.find("ResearchStudy", [("identifier", number)]),
        shelf.find("Device", [("identifier", token(device_identifier(study)))]),
        _find_taken(shelf, "ResearchSubject", [("individual", patient)]),
        shelf.find("GuidanceResponse", [("identifier", token(guidance_identifier(study, patient)))]),
    )
    references = {f"ResearchStudy/{resource['id']}" for resource in studies}
    guidance = min(guidances, key=_id, default=None)
    candidates = [subject for subject in sorted(subjects, key=_id) if is_about(subject, study, references, shelf.own)]
    if not candidates:
        candidates = await _find_ours(shelf, study, patient, references)
    persons = [subject for subject in candidates if await _is_persons(shelf, subject, guidance, study, versions)]
    subject = next(iter(persons or candidates), None)
    return Known(
        study=min(references, default=None),
        device=f"Device/{min(map(_id, devices))}" if devices else None,
        subject=subject,
        guidance=guidance,
        person_status=(status_of(persons[0]) or _NOT_SAID) if persons else None,
        takes_subjects=shelf.takes("ResearchSubject"),
    )


async def _find_taken(shelf: Shelf, kind: str, params: Params) -> list[Resource]:
    return await shelf.find(kind, params) if shelf.takes(kind) else []


async def _find_ours(shelf: Shelf, study: Study, patient: str, references: set[str]) -> list[Resource]:
    """Look by our identifier, which the search by patient may miss. Raises ``Never`` where somebody else has it."""
    named = await _find_taken(shelf, "ResearchSubject", [("identifier", token(subject_identifier(study, patient)))])
    for subject in named:
        elsewhere = references and not is_about(
            subject, study, references, shelf.own
        )  # without: the study was just made
        if elsewhere or shows(subject, [("individual", patient)]) is False:
            raise Never(
                "The ResearchSubject that bears our identifier for this patient does not name this patient and study, "
                "as after a merge of patients: nothing is written. Put it right, or delete it or that identifier."
            )
    return named


def _has_result(known: Known) -> bool:
    """Whether the patient has a ResearchSubject of this study, or what stands for one on a server that takes none."""
    return (known.subject if known.takes_subjects else known.guidance) is not None


async def _is_persons(
    shelf: Shelf, subject: Resource, guidance: Resource | None, study: Study, versions: SubjectVersions | None
) -> bool:
    version = versioned(subject)
    if versions is not None and version is not None and await versions.ours(version):
        return False
    if guidance is None or not says_we_wrote(read_view(guidance), subject):
        return True
    return not bear_out(await _provenances(shelf, subject), guidance, subject, study)


async def _provenances(shelf: Shelf, subject: Resource) -> list[Resource]:
    return await shelf.find("Provenance", [("target", f"ResearchSubject/{subject['id']}")])


async def _is_unchanged(shelf: Shelf, screening: Screening, known: Known) -> bool:
    if not _has_result(known) or known.guidance is None:
        return False
    if known.subject is not None and known.person_status is None and known.subject.get("status") != screening.status:
        return False
    stored = read_view(known.guidance)
    if stored is None or not stored.same_as(view_of(screening)):
        return False
    if known.subject is None or known.person_status is None or stored.person_status is not None:
        return True
    # Where there are no transactions, a person may have been first between the result and the subject.
    return is_finished(await _provenances(shelf, known.subject), known.guidance, screening.study)


def _id(resource: Resource) -> str:
    return str(resource["id"])
