"""What files that have come tell: whether each is whole, and of errors in the export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.errors import NotFhirError
from service.fhir.decode import decode
from service.fhir.lines import lines_of
from service.hospital.bulk_manifest import File, listed

_BAD = {"error", "fatal"}
_HARMLESS = {"information", "warning", "success"}


def shortcomings(folder: Path, files: Sequence[File], errors: Sequence[File]) -> list[str]:
    """Return what is missing in the files that are there, and what those of OperationOutcomes tell."""
    short = [said for file in (*files, *errors) for said in _missing(folder, file)]
    return short + [said for file in errors for said in _told(folder, file)]


def _missing(folder: Path, file: File) -> Iterator[str]:
    """A file without a length that was cut between two lines looks whole; only the manifest's count shows it."""
    if file.records is None or not (folder / file.name).exists():
        return
    with (folder / file.name).open("rb") as content:
        came = sum(1 for _ in lines_of(content))
    if came < file.records:
        yield f"{file.place}: only {came} of {file.records} records came"


def _told(folder: Path, file: File) -> Iterator[str]:
    """Information and warnings are no errors; what cannot be read may be one."""
    if not (folder / file.name).exists():
        return
    with (folder / file.name).open("rb") as content:
        tells = [_tells_error(line.data) for line in lines_of(content)]
    if tells.count(True):
        yield f"the server tells of {tells.count(True)} errors in the export"
    if tells.count(None):
        yield f"{file.place}: {tells.count(None)} lines about errors cannot be read"


def _tells_error(line: bytes | None) -> bool | None:
    """Whether it does; ``None`` where that cannot be read."""
    try:
        issues = listed(decode(line or b""), "issue")
    except NotFhirError:
        return None
    severities = {each.get("severity") if isinstance(each, dict) else None for each in issues}
    if not severities.isdisjoint(_BAD):
        return True
    return False if severities and severities <= _HARMLESS else None
