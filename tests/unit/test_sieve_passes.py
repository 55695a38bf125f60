"""What the first pass tells the second: how many Patients there are, and where only references concern people."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.eligibility.entry import entry_of
from service.population.look import Looking
from service.population.pick import Picking
from service.population.scan import Sample, Unit
from tests.verdicts import shipped_study

USUAL = b'{"resourceType":"Patient","id":"a"}'
OTHERS = (
    b' {"resourceType":"Patient","id":"b"}',
    b'{"resourceType" : "Patient","id":"c"}',
    b'{"id":"d","resourceType":"Patient"}',
    b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"e"}}]}',
)
REFERRING = b'{"resourceType":"Observation","subject":{"reference":"Patient/a","type":"Patient"}}'
PERSON = frozenset({"Patient/a"})


def looking(sample: int, block: int) -> Looking:
    """Return the first pass over the shipped study."""
    entry = entry_of(shipped_study())
    assert entry is not None
    return Looking(shipped_study().lexicon, entry.concepts, Sample(sample), block)


@pytest.mark.parametrize("sample", [0, 40, 1_000_000])
@pytest.mark.parametrize("block", [30, 100, 1_000_000])
def test_each_patient_is_counted_once(tmp_path: Path, sample: int, block: int) -> None:
    """However the line is written, and in whichever block and sample it stands."""
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(b"\n".join([USUAL, *OTHERS, USUAL, REFERRING, USUAL]))
    size = path.stat().st_size

    look = looking(sample, block)
    parts = [look(Unit(0, str(path), at, min(at + 50, size), 50)).people for at in range(0, size, 50)]

    assert look(Unit(0, str(path), 0, None, size)).people == sum(parts) == 7


@pytest.mark.parametrize(
    "line",
    [
        *(USUAL, *OTHERS),
        b'{"resourceType":"Medication","id":"m"}',
        b'{"resourceType":"OperationOutcome","issue":[]}',
        b'{"resourceType":"Provenance","target":[{"reference":"ResearchSubject/s"}]}',
        b'{"resourceType":"ResearchStudy","id":"s"}',
        b'{"resourceType":"Observation","subject":{"reference":"\\u0050atient/a"}}',
    ],
)
def test_a_part_is_plain_where_only_references_concern_people(tmp_path: Path, line: bytes) -> None:
    """A Patient, something of everybody or an escaped letter is looked for by more than references."""
    path = tmp_path / "Observation.ndjson"
    unit = Unit(0, str(path), 0, None, 0)
    look = looking(0, 1_000_000)

    for data, plain in ((REFERRING, True), (REFERRING + b"\n" + line, False), (REFERRING, True)):
        path.write_bytes(data + b"\n")
        assert look(unit).plain is plain


@pytest.mark.parametrize("others", [0, 1_500, 3_000])
def test_references_are_found_in_a_plain_part(tmp_path: Path, others: int) -> None:
    """Of however many people."""
    path, work = tmp_path / "Observation.ndjson", tmp_path / "work"
    work.mkdir()
    references = (b"Patient/a", b"Patient\\/a", b"https://h.example/Patient/a/_history/2", b" Patient/a ")
    lines = [b'{"resourceType":"Observation","subject":{"reference":"%b"}}' % each for each in references]
    path.write_bytes(b"\n".join([*lines, REFERRING.replace(b"Patient/a", b"Patient/ab"), USUAL]) + b"\n")
    unit = Unit(0, str(path), 0, None, 0)
    wanted = PERSON | {f"Patient/{number:x}.of-others" for number in range(others)}

    picked = Picking(work, wanted, (), frozenset({unit}), Sample(0))(unit)

    assert picked.present == PERSON
    (written,) = work.glob("[!.]*")
    assert written.read_bytes().splitlines()[:4] == lines
