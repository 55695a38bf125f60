"""Lines of an export of what changed that no memory holds."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from service.fhir.lines import LONGEST
from service.hospital.bulk_changes import Changed, people_changed
from tests.verdicts import as_json, shipped_study

SUBJECT = {"resourceType": "ResearchSubject", "id": "s", "individual": {"reference": "Patient/member"}}


@pytest.mark.parametrize("mebibytes", [100, 200])
def test_a_line_that_no_memory_holds_is_unread(tmp_path: Path, mebibytes: int) -> None:
    """It is told by its place, costs no more than the longest one that is read, and stops nothing."""
    with (tmp_path / "output-0.ResearchSubject.ndjson").open("wb") as file:
        file.write(b'{"resourceType":"Binary","data":"')
        file.seek(mebibytes << 20)
        file.write(b'"}\n' + as_json(SUBJECT))

    tracemalloc.start()
    try:
        found = people_changed(tmp_path, shipped_study(), None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == Changed({"Patient/member"}, ["output-0.ResearchSubject.ndjson:1"], [])
    assert most < 2.1 * LONGEST  # its parts, and these joined
