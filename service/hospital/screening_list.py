"""Keeps a study's screening list right, one patient's line at a time and in a write of its own.

The list is the only resource that all patients share. Inside a patient's transaction it would make each of
them fail for every other; after it, a write that is broken off is made up for by the next screening.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from service.eligibility.results import Screening
from service.eligibility.study import Study
from service.fhir.write import Known
from service.fhir.write_list import write_list
from service.fhir.write_names import list_identifier, token
from service.hospital.ports import Resource, Shelf
from service.hospital.refusals import Conflict
from service.hospital.turns import Hidden, in_turn


async def find_list(shelf: Shelf, study: Study) -> Resource | None:
    """Return the study's screening list, if there is one on a shelf that takes lists."""
    if not shelf.takes("List"):
        return None
    lists = await shelf.find("List", [("identifier", token(list_identifier(study)))])
    return min(lists, key=lambda found: str(found["id"]), default=None)


async def put_on_list(shelf: Shelf, screening: Screening, known: Known, item: str, now: datetime) -> tuple[str, ...]:
    """Make the list tell of ``item``, the patient's ResearchSubject; return the references of what was written.

    ``known.listing`` is the list as it was read with the rest. Raises ``TryLater`` and ``Never``.
    """
    if write_list(screening, known, item, now) is None:
        return ()

    hidden = Hidden()

    async def decide() -> tuple[str, ...]:
        current = known._replace(listing=await find_list(shelf, screening.study))
        transaction = write_list(screening, current, item, now)
        if transaction is None:
            return ()
        with hidden.watch(("List",) if current.listing is None else ()):
            kept = await shelf.commit(transaction)
            if any(not one.done and one.reference.startswith("List/") for one in kept):
                raise Conflict("another writer made the list at the same moment.", HTTPStatus.PRECONDITION_FAILED)
        return tuple(one.reference for one in kept if one.done)

    return await in_turn(shelf, f"List of {screening.study.record.id}", decide)
