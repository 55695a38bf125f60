"""What cannot be read is named by file and line, costs nobody else a record, and marks whose chart it may be."""

import errno
import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from service.errors import InputError
from service.fhir.lines import LONGEST
from service.population.files import Unread
from service.population.sources import Source, open_source
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
    """Nothing of a broken Bundle counts; whom it held beyond the break nobody knows, so all have records missing."""
    (tmp_path / "good.json").write_bytes(as_json(bundle(patient(id="a"), condition("M34.0"))))
    (tmp_path / "bad.json").write_bytes(as_json(bundle(patient(id="b"), condition("M34.0")))[:-3])
    (tmp_path / "also.json").write_bytes(as_json(bundle(patient(id="b"))))
    source = open_source(tmp_path)

    found = {one.patient: one.incomplete for one in source.patients()}

    assert found == {"Patient/a": True, "Patient/b": True}
    assert told(source) == [("bad.json", None)]


def test_a_line_of_50_megabytes_is_read_and_one_beyond_the_limit_is_not(tmp_path: Path) -> None:
    """What follows an endless line still counts."""
    (tmp_path / "all.ndjson").write_bytes(
        GOOD
        + OF_B + b',"text":"' + b"x" * 50_000_000 + b'"}\n'
        + OF_B + b',"text":"' + b"x" * (LONGEST + 100) + b'"}\n'
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("Condition.ndjson.gz", gzip.compress(OF_B + b"}\n")[:-6], id="a cut archive"),
        pytest.param("Condition.ndjson", b'{"resourceType":"Condition","id":"c","code":{', id="a line cut early"),
        pytest.param("Condition.ndjson", b'{"resourceType":"Condition","id":"c"}', id="a record of nobody"),
        pytest.param(
            "Condition.ndjson", b'{"resourceType":"Condition","age":1e9999999999999999999}', id="a wild number"
        ),
        pytest.param(
            "Medication.ndjson", b'{"resourceType":"Medication","n":1e9999999999999999999}', id="nobody's, wild"
        ),
        pytest.param("Condition.ndjson", OF_B + b"x" * LONGEST, id="a line without end"),
        pytest.param("b.json", as_json(bundle(patient(id="b"), condition("M34.0")))[:-3], id="a cut Bundle"),
    ],
)
@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("only", [None, "a"])
def test_what_may_be_anyones_leaves_everybody_incomplete(
    tmp_path: Path, name: str, content: bytes, order: str, only: str | None
) -> None:
    """Whose records were lost is unknown: no absence counts for anybody, from the first patient on."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    flags = [as_json(resource("Flag", id="flag", subject={"reference": f"Patient/{one}"})) for one in order]
    (tmp_path / "Flag.ndjson").write_bytes(b"\n".join(flags))
    (tmp_path / name).write_bytes(content)

    found = {one.patient: one.incomplete for one in open_source(tmp_path).patients(only)}

    assert found == {f"Patient/{one}": True for one in only or "ab"}


def test_json_that_is_no_chart_costs_nobody_anything(tmp_path: Path) -> None:
    """The manifest of an export is named, but no record is missing for it."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "manifest.json").write_text('{"transactionTime": "2026-11-01T00:00:00Z", "output": []}')
    source = open_source(tmp_path)

    assert [one.incomplete for one in source.patients()] == [False, False]
    assert told(source) == [("manifest.json", None)]


def test_a_file_that_is_not_there_behind_its_link_leaves_everybody_incomplete(tmp_path: Path) -> None:
    """So does a pipe, which is not waited for."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "Condition.ndjson").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "Procedure.ndjson")
    source = open_source(tmp_path)

    assert [one.incomplete for one in source.patients()] == [True, True]
    assert sorted(told(source)) == [("Condition.ndjson", None), ("Procedure.ndjson", None)]


def test_a_linked_folder_is_read_once(tmp_path: Path) -> None:
    """Wherever it leads, also round in a circle; a link that leads nowhere leaves everybody incomplete."""
    day, folder = tmp_path / "day", tmp_path / "export"
    day.mkdir()
    folder.mkdir()
    (day / "Condition.ndjson").write_bytes(OF_B + b"}")
    (folder / "Patient.ndjson").write_bytes(GOOD)
    for name, target in {"today": day, "latest": day, "round": folder}.items():
        (folder / name).symlink_to(target)
    source = open_source(folder)
    assert [(len(one.resources), one.incomplete) for one in source.patients()] == [(1, False), (2, False)]

    (folder / "gone").symlink_to(tmp_path / "unmounted")
    source = open_source(folder)

    assert [(len(one.resources), one.incomplete) for one in source.patients()] == [(1, True), (2, True)]
    assert told(source) == [("gone", None)]


def test_a_name_that_is_not_utf_8_can_be_told(tmp_path: Path) -> None:
    """As it is shown and kept; the file itself is read."""
    name = tmp_path / os.fsdecode(b"Condition\xe9.ndjson")
    name.write_bytes(GOOD + OF_B)
    source = open_source(tmp_path)

    assert len(list(source.patients())) == 2
    assert [str(each).partition(": ")[0] for each in source.problems] == [f"{tmp_path}/Condition\\udce9.ndjson:3"]


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody list a folder, not even root, whom its mode would not stop."""
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_a_closed_folder_leaves_everybody_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds may be anyone's; a hidden one is none of ours."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / ".closed").mkdir()
    (tmp_path / "closed").mkdir()
    close(tmp_path / ".closed", monkeypatch)
    assert not any(one.incomplete for one in open_source(tmp_path).patients())

    close(tmp_path / "closed", monkeypatch)
    source = open_source(tmp_path)

    assert [one.incomplete for one in source.patients()] == [True, True]
    assert told(source) == [("closed", None)]


def test_a_source_that_cannot_be_reached_is_an_input_error(tmp_path: Path) -> None:
    """It is there, but leads nowhere; a pipe can be read only once."""
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("loop.json", "pipe.json"):
        with pytest.raises(InputError, match=name) as error:
            open_source(tmp_path / name)
        assert error.value.code == "source-unreadable"


def test_nothing_to_screen_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a source of which nothing could be read, the error names the first place and reason."""
    (tmp_path / "closed").mkdir()
    close(tmp_path / "closed", monkeypatch)
    with pytest.raises(InputError, match=r"closed: The folder cannot be read: Permission denied\."):
        open_source(tmp_path)

    (tmp_path / "all.ndjson").write_bytes(b"\n" + OF_B)
    with pytest.raises(InputError, match=r"no FHIR JSON in the source\. .*closed: .* \(1 more could not be read\.\)"):
        list(open_source(tmp_path).patients())
    with pytest.raises(InputError, match=r"no FHIR JSON .*all\.ndjson:2: The JSON ends too early"):
        list(open_source(tmp_path / "all.ndjson").patients())


def test_records_that_are_nobodys_by_nature_are_no_problem(tmp_path: Path) -> None:
    """Organizations, Observations of a Group or a Device, and of a control sample, which R4 lets have no subject."""
    group = {key: value for key, value in observation("718-7", subject={"reference": "Group/1"}).items() if value}
    control = {key: value for key, value in observation("718-7").items() if key != "subject"}
    rows = map(as_json, (group, control, resource("Organization", id="o")))
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "Other.ndjson").write_bytes(b"\n".join(rows))
    source = open_source(tmp_path)

    assert [one.incomplete for one in source.patients()] == [False, False]
    assert source.problems == []


@pytest.mark.parametrize("subject", [{"reference": "b"}, {"reference": "urn:uuid:1"}, {"display": "B"}])
def test_a_result_that_names_somebody_unknown_may_be_anyones(tmp_path: Path, subject: dict[str, str]) -> None:
    """It has a subject, and so is somebody's: all charts may lack it."""
    (tmp_path / "Patient.ndjson").write_bytes(GOOD)
    (tmp_path / "Observation.ndjson").write_bytes(as_json(observation("718-7", subject=subject)))
    source = open_source(tmp_path)

    assert [one.incomplete for one in source.patients()] == [True, True]
    assert told(source) == [("Observation.ndjson", 1)]


def test_no_message_holds_what_the_file_holds(tmp_path: Path) -> None:
    """Neither text nor numbers of a record reach a message."""
    (tmp_path / "Patient.ndjson").write_bytes(
        GOOD + b'{"resourceType":"Patient","id":"x","name":[{"family":"Dupont 4711"'
    )
    source = open_source(tmp_path)
    list(source.patients())

    assert not any(word in source.problems[0].detail for word in ("Dupont", "4711"))
