"""The screening list of a study as a FHIR R4 List, in the shape that recruIT's pages and mailer read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service.eligibility.results import LISTED, Screening
from service.fhir.codings import codings_of
from service.fhir.references import reference_in, relative
from service.fhir.write import Known, put_device, put_study
from service.fhir.write_entries import Entries, Resource
from service.fhir.write_names import list_identifier, token

_MIRACUM = "https://fhir.miracum.org/uc1"
_VIEW = f"{_MIRACUM}/CodeSystem/system-determined-subject-status"
_ORDERS = "http://terminology.hl7.org/CodeSystem/list-order"


def write_list(screening: Screening, known: Known, item: str, now: datetime) -> Resource | None:
    """Return the transaction that puts right what the list says of one patient; ``None`` where it is right.

    ``item`` is the reference of the patient's ResearchSubject (of the Patient on a server that takes none),
    ``known.listing`` the List as read. Who was listed stays listed. Where the status is a person's, or stands
    nowhere else, our own view of it is the entry's flag.
    """
    old = known.listing or {}
    lines = _list(old.get("entry"))
    mine = next((entry for entry in lines if _item(entry) == item), None)
    if mine is None and screening.priority not in LISTED:
        return None
    first = {"item": {"reference": item}, "date": now.isoformat(timespec="seconds")}
    told = known.takes_subjects and known.person_status is None  # by the ResearchSubject itself
    line = _flagged(mine or first, None if told else screening.status)
    if line == mine:
        return None
    entries = Entries()
    device = put_device(entries, screening.study, known.device)
    others = [entry for entry in lines if entry is not mine]
    changed = {"source": {"reference": device}, "entry": sorted([*others, line], key=_place)}
    if known.listing is None:
        study = put_study(entries, screening.study, known.study)
        entries.create(_empty_list(screening, study) | changed, token(list_identifier(screening.study)))
    else:
        entries.amend(old, changed)
    return entries.transaction()


def _empty_list(screening: Screening, study: str) -> Resource:
    system, value = list_identifier(screening.study)
    return {
        "resourceType": "List",
        "extension": [
            {"url": f"{_MIRACUM}/StructureDefinition/belongsToStudy", "valueReference": {"reference": study}}
        ],
        "identifier": [{"system": system, "value": value}],
        "status": "current",
        "mode": "working",
        "title": f"Screening list for {screening.study.record.id}",
        "code": {
            "coding": [{"system": f"{_MIRACUM}/CodeSystem/screeningList", "code": "screening-recommendations"}],
        },
        "orderedBy": {"coding": [{"system": _ORDERS, "code": "system"}]},
    }


def _flagged(entry: Resource, view: str | None) -> Resource:
    """Return the entry with our view of a person's status as its flag, beside what others say there."""
    flag = entry["flag"] if isinstance(entry.get("flag"), dict) else {}
    codings = [coding for coding in codings_of(flag) if coding.get("system") != _VIEW]
    if view is not None:
        codings.append({"system": _VIEW, "code": view})
    rest = {name: value for name, value in flag.items() if name != "coding"} | ({"coding": codings} if codings else {})
    return {name: value for name, value in entry.items() if name != "flag"} | ({"flag": rest} if rest else {})


def _list(entries: Any) -> list[Resource]:
    """Return the lines of a list, of which other tools may have made anything."""
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _item(entry: Resource) -> str:
    """Return ``Type/id`` of what an entry is about.

    At whatever address it names it: the list is this server's and tells of its patients, and a line that a gateway
    or another tool has written out in full must not be made a second time at every screening.
    """
    return relative(reference_in(entry.get("item")) or "")


def _place(entry: Resource) -> tuple[str, str]:
    """Order by the day of listing: the same whoever wrote first."""
    return str(entry.get("date", "")), _item(entry)
