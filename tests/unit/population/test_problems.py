"""What cannot be read is named by file and line, costs nobody else a record, and marks whose chart it may be."""

import gzip
from pathlib import Path

import pytest

from service.population import ndjson
from service.population.sources import Source, Unread, open_source
from tests.builders import bundle, condition, observation, patient, resource
from tests.verdicts import as_json

GOOD = b'{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n'
OF_B = b'{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/b"}'


def told(source: Source) -> list[tuple[str, int | None]]:
    """Return the problems' files, by name, and lines."""
    return [(Path(problem.file).name, problem.line) for problem in source.problems]


@pytest.mark.parametrize("broken", [OF_B, OF_B + b',"x":NaN}', OF_B + b',"x":925.}', OF_B + b',"x":"\xff"}'])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_broken_line_is_refused_alone_and_marks_its_patient(tmp_path: Path, broken: bytes, order: str) -> None:
    """The lines around it count; the patient that it names has records missing, the other has none."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    rows = {name: as_json(condition("M34.0", id=name, subject={"reference": f"Patient/{name}"})) for name in order}
    (tmp_path / "Condition.ndjson").write_bytes(b"\n".join([b"", broken, *rows.values()]))
    source = open_source(tmp_path)

    found = {one.patient: (len(one.resources), one.incomplete) for one in source.patients()}

    assert found == {"Patient/a": (2, False), "Patient/b": (2, True)}
    assert told(source) == [("Condition.ndjson", 2)]


def test_a_number_beyond_all_bounds_loses_one_record(tmp_path: Path) -> None:
    """It is JSON, so the line is found to be bad only when it is decoded: named all the same, whatever the order."""
    bad = OF_B + b',"x":1e99999999999999999999}'
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    for number, rows in enumerate([[bad], [bad, OF_B.replace(b"Patient/b", b"Patient/a") + b"}", bad]]):
        (tmp_path / "Condition.ndjson").write_bytes(b"\n".join(rows))
        source = open_source(tmp_path)

        found = {one.patient: (len(one.resources), one.incomplete) for one in source.patients()}

        assert found == {"Patient/a": (1 + number, False), "Patient/b": (1, True)}
        assert told(source) == [("Condition.ndjson", line) for line in ([1], [1, 3])[number]]


def test_a_file_that_does_not_parse_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    """Nothing of a broken Bundle counts; whoever it names has records missing."""
    (tmp_path / "good.json").write_bytes(as_json(bundle(patient(id="a"), condition("M34.0"))))
    (tmp_path / "bad.json").write_bytes(as_json(bundle(patient(id="b"), condition("M34.0")))[:-3])
    (tmp_path / "also.json").write_bytes(as_json(bundle(patient(id="b"))))
    source = open_source(tmp_path)

    found = {one.patient: one.incomplete for one in source.patients()}

    assert found == {"Patient/a": False, "Patient/b": True}
    assert told(source) == [("bad.json", None)]


def test_a_line_of_50_megabytes_is_read_and_one_beyond_the_limit_is_not(tmp_path: Path) -> None:
    """What follows an endless line still counts."""
    (tmp_path / "all.ndjson").write_bytes(
        GOOD
        + OF_B + b',"text":"' + b"x" * 50_000_000 + b'"}\n'
        + OF_B + b',"text":"' + b"x" * (ndjson.LONGEST + 100) + b'"}\n'
        + OF_B + b"}\n"
    )  # fmt: skip
    source = open_source(tmp_path)

    found = {one.patient: len(one.resources) for one in source.patients()}

    assert found == {"Patient/a": 1, "Patient/b": 3}
    assert source.problems == [Unread(str(tmp_path / "all.ndjson"), 4, "The line is longer than 64 MiB.")]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_damaged_archive_counts_as_far_as_it_can_be_read(tmp_path: Path, order: str) -> None:
    """The file is named once; the other files are read."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    rows = b"".join(OF_B.replace(b'"c"', b'"%d"' % number) + b"}\n" for number in range(100))
    packed = gzip.compress(rows)
    (tmp_path / "Condition.ndjson.gz").write_bytes(packed[:-6])
    (tmp_path / "Procedure.ndjson.gz").write_bytes(b"no archive")
    flags = [as_json(resource("Flag", id="flag", subject={"reference": f"Patient/{name}"})) for name in order]
    (tmp_path / "Flag.ndjson").write_bytes(b"\n".join(flags))
    source = open_source(tmp_path)

    assert {one.patient: len(one.resources) for one in source.patients()} == {"Patient/a": 2, "Patient/b": 102}
    assert told(source) == [("Condition.ndjson.gz", None), ("Procedure.ndjson.gz", None)]


@pytest.mark.parametrize("subject", [None, {"reference": "b"}, {"reference": "urn:uuid:1"}, {"display": "B"}])
def test_a_record_that_does_not_say_whose_it_is_is_reported(tmp_path: Path, subject: dict[str, str] | None) -> None:
    """A bare id, no subject, an address of another Bundle: nobody's, and said so."""
    row = {key: value for key, value in condition("M34.0", subject=subject).items() if value is not None}
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "Condition.ndjson").write_bytes(as_json(row))
    source = open_source(tmp_path)

    assert [len(one.resources) for one in source.patients()] == [1, 1]
    assert told(source) == [("Condition.ndjson", 1)]


def test_records_that_are_nobodys_by_nature_are_no_problem(tmp_path: Path) -> None:
    """Organizations, and Observations of a Group or a Device."""
    group = {key: value for key, value in observation("718-7", subject={"reference": "Group/1"}).items() if value}
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "Other.ndjson").write_bytes(as_json(group) + b"\n" + as_json(resource("Organization", id="o")))
    source = open_source(tmp_path)

    assert len(list(source.patients())) == 2
    assert source.problems == []


def test_no_message_holds_what_the_file_holds(tmp_path: Path) -> None:
    """Neither text nor numbers of a record reach a message."""
    (tmp_path / "Patient.ndjson").write_bytes(
        GOOD + b'{"resourceType":"Patient","id":"x","name":[{"family":"Dupont 4711"'
    )
    source = open_source(tmp_path)
    list(source.patients())

    assert not any(word in source.problems[0].detail for word in ("Dupont", "4711"))
