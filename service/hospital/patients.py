"""The patient of a chart on another server, where the same person has another id."""

from __future__ import annotations

from service.eligibility.chart import Person
from service.hospital.plan import escape
from service.hospital.ports import Shelf


async def find_patient(shelf: Shelf, person: Person, system: str) -> str | None:
    """Return ``Patient/id`` of the only Patient there with an identifier of ``system`` that the person has.

    ``None`` where the person has no such identifier, where nobody there has it, and where several have: a result
    must not go to somebody else. Raises ``TryLater`` and ``Never``.
    """
    wanted = {value for of, value in person.identifiers if of == system and value}
    if not wanted:
        return None
    anyof = ",".join(sorted(f"{escape(system)}|{escape(value)}" for value in wanted))
    found = await shelf.find("Patient", [("identifier", anyof)])
    named = {f"Patient/{patient['id']}" for patient in found}
    return named.pop() if len(named) == 1 else None
