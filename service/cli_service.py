"""``candor screen --service URL``: a running service judges, by its own settings and rules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from service.cli_output import output_for, progress
from service.client import Candor, Refused, Wanted
from service.config import Settings
from service.eligibility.results import NotScreened, Screening
from service.errors import InputError
from service.output import JsonLines
from service.population.reading import PatientRecords
from service.population.sources import Source, open_source
from service.screeners import load
from service.screening.document import Document
from service.screening.stored import decode, read_document

OF_A_PATIENT = {"not-permitted", "patient-not-found", "patient-replaced", "patient-unreadable"}
_SETTINGS = {401, 403}  # refused by who asks
# Tells the service that some of the records could not be read: no absence decides then.
_INCOMPLETE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "incomplete"}]}


class Asked(NamedTuple):
    """What the command line asked for: the patients of a source, or one of the hospital's."""

    source: Path | None
    patient: str | None  # Patient/id
    day: date
    study: str | None
    write_back: bool


def screen_by(url: str, settings: Settings, asked: Asked, *, json: bool) -> bool:
    """Print what the service answers; whether everybody was screened, and everything read.

    Raises as the client does; what is refused as ``InputError``, unless it is for who asks.
    """
    source = open_source(asked.source) if asked.source is not None else None
    whole = True
    with ExitStack() as stack:
        service = stack.enter_context(Candor(url, token=settings.service_token))
        moved = stack.enter_context(progress(source)) if source is not None else lambda: None
        output = output_for(json=json)
        for patient, wanted in _wanted(source, asked):
            answer = _answer(service, patient, wanted)
            whole = whole and not isinstance(answer, NotScreened)
            if isinstance(answer, bytes) and isinstance(output, JsonLines):
                output.line(answer)
            else:
                output.put(*(_read(answer, settings) if isinstance(answer, bytes) else (answer,)))
            moved()
        output.end()
    for unread in source.problems if source is not None else ():
        sys.stderr.write(f"{unread}\n")
    return whole and not (source is not None and source.problems)


def _wanted(source: Source | None, asked: Asked) -> Iterator[tuple[str, Wanted]]:
    common: Wanted = {"as_of": asked.day}
    if asked.study is not None:
        common["study"] = asked.study
    if source is None:
        patient = str(asked.patient)
        yield patient, {**common, "patient": patient, "write_back": asked.write_back}
        return
    found = False
    for records in source.patients(asked.patient):
        found = True
        yield records.patient, {**common, "bundle": _bundle(records)}
    if not found:
        raise InputError("SOURCE holds no such patient.", "patient-not-found")


def _bundle(records: PatientRecords) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"resource": resource} | ({"fullUrl": full_url} if full_url else {}) for resource, full_url in records.resources
    ]
    if records.incomplete:
        entries.append({"resource": _INCOMPLETE})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _answer(service: Candor, patient: str, wanted: Wanted) -> bytes | NotScreened:
    try:
        return service.screen_bytes(**wanted)
    except Refused as error:
        if error.code in OF_A_PATIENT:
            return NotScreened(patient, error.code, error.detail, error.replaced_by)
        if error.status in _SETTINGS:
            raise
        raise InputError(str(error), error.code) from None


def _read(answer: bytes, settings: Settings) -> tuple[Screening, Document | None]:
    """Read an answer back, for which the study's criteria have to be known here too."""
    document = decode(answer)
    try:
        study = load(settings, document["study"])
        return read_document(document, study, without_disease=False), document["written"]
    except (InputError, KeyError):
        raise InputError("The service judges by criteria that are not known here: ask for --json.") from None
