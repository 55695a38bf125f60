"""Charts from files: whose records they are, in whatever files and order they come."""

import gzip
import json
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from service.errors import InputError
from service.population.reading import PatientRecords
from service.population.sources import open_source
from tests.builders import bundle, condition, observation, patient, prescription, resource
from tests.verdicts import as_json

Record = dict[str, Any]


def of(name: str, one: Record, number: int = 0) -> Record:
    """Return the record as one of that patient's, as an export has it."""
    plain = {key: value for key, value in one.items() if value is not None}
    return {"id": f"{one['resourceType'].lower()}-{name}-{number}", "subject": {"reference": f"Patient/{name}"}} | plain


def lines(*records: Record) -> bytes:
    """Write records as NDJSON."""
    return b"".join(as_json(record) + b"\n" for record in records)


def export(folder: Path, names: Iterable[str] = ("b", "a", "c")) -> None:
    """Write a small export: three files that hold their patients in one order."""
    names = list(names)
    folder.mkdir(exist_ok=True)
    (folder / "Patient.ndjson").write_bytes(lines(*(patient(id=name) for name in names)))
    (folder / "Condition.ndjson").write_bytes(lines(*(of(name, condition("M34.0")) for name in names)))
    counts = [of(name, observation("777-3", "200 10*9/L"), number) for name in names for number in range(2)]
    (folder / "Observation.ndjson").write_bytes(lines(*counts))


def read(path: Path, only: str | None = None) -> dict[str, list[str]]:
    """Return the ids of each patient's records, sorted."""
    found: list[PatientRecords] = list(open_source(path).patients(only))
    assert len({one.patient for one in found}) == len(found)
    return {one.patient: sorted(record["id"] for record, _ in one.resources) for one in found}


EXPORT = {
    f"Patient/{name}": sorted([f"condition-{name}-0", f"observation-{name}-0", f"observation-{name}-1", name])
    for name in ("b", "a", "c")
}


def test_an_export_gives_each_patient_once_in_the_order_of_the_patients(tmp_path: Path) -> None:
    """Every record reaches its patient; nobody is read twice."""
    export(tmp_path)

    assert read(tmp_path) == EXPORT
    assert list(read(tmp_path)) == ["Patient/b", "Patient/a", "Patient/c"]


def test_a_plain_source_in_any_order_needs_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only packed files are unpacked into one: a machine may have none that is writable."""
    monkeypatch.setattr("service.population.sources.TemporaryDirectory", None)
    scattered = [of(name, observation("777-3", "200 10*9/L"), number) for number, name in enumerate("bab")]
    (tmp_path / "Patient.ndjson").write_bytes(lines(patient(id="a"), patient(id="b")))
    (tmp_path / "Observation.ndjson").write_bytes(lines(*scattered))

    assert [len(each.resources) for each in open_source(tmp_path).patients()] == [2, 3]


@pytest.mark.parametrize("order", list(permutations("bac")))
def test_any_order_of_the_lines_gives_the_same_charts(tmp_path: Path, order: tuple[str, ...]) -> None:
    """Observations in another order than the patients', or scattered: nothing is missed."""
    export(tmp_path)
    scattered = [of(name, observation("777-3", "200 10*9/L"), number) for number in range(2) for name in order]
    (tmp_path / "Observation.ndjson").write_bytes(lines(*scattered))

    assert read(tmp_path) == EXPORT


def test_a_line_that_comes_late_is_not_missed(tmp_path: Path) -> None:
    """A further record of the first patient stands at the very end of a file that is in order but for it."""
    export(tmp_path)
    with (tmp_path / "Condition.ndjson").open("ab") as file:
        file.write(lines(of("b", condition("I48.9"), 7)))

    assert read(tmp_path)["Patient/b"] == sorted([*EXPORT["Patient/b"], "condition-b-7"])


def test_files_of_one_type_follow_one_another_by_their_numbers(tmp_path: Path) -> None:
    """``2.Condition.ndjson`` before ``10.Condition.ndjson``; ``Observation.000.ndjson`` is of its type too."""
    export(tmp_path)
    for name in ("Condition", "Observation"):
        rows = (tmp_path / f"{name}.ndjson").read_bytes().splitlines(keepends=True)
        (tmp_path / f"{name}.ndjson").unlink()
        for number, row in enumerate(rows, start=9):
            (
                tmp_path / (f"{number}.{name}.ndjson" if name == "Condition" else f"{name}.{number:03}.ndjson")
            ).write_bytes(row)

    assert list(read(tmp_path).items()) == list(EXPORT.items())


def test_a_patient_that_stands_twice_in_the_patients_file_is_one(tmp_path: Path) -> None:
    """The same id on two lines, far from each other, is read as one chart."""
    export(tmp_path)
    with (tmp_path / "Patient.ndjson").open("ab") as file:
        file.write(lines(patient(id="b", active=False)))

    assert read(tmp_path) == EXPORT | {"Patient/b": sorted([*EXPORT["Patient/b"], "b"])}


def test_one_file_may_hold_everything(tmp_path: Path) -> None:
    """A single NDJSON file of all types, patient by patient."""
    export(tmp_path / "export")
    everything = tmp_path / "all.ndjson"
    everything.write_bytes(b"".join(path.read_bytes() for path in sorted((tmp_path / "export").iterdir())))

    assert {name: sorted(ids) for name, ids in read(everything).items()} == EXPORT


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda text: b"\n\n" + text.replace(b"\n", b"\n \n\n"), id="blank lines"),
        pytest.param(lambda text: b"  " + text.replace(b"\n", b"  \n\t"), id="blanks around"),
        pytest.param(lambda text: text.rstrip(b"\n"), id="no end of line at the end"),
        pytest.param(lambda text: text.replace(b"Patient/", b"Patient\\/"), id="escaped slash"),
        pytest.param(lambda text: text.replace(b"Patient", b"\\u0050atient"), id="escaped letter"),
        pytest.param(lambda text: text.replace(b":", b" : "), id="blanks within"),
        pytest.param(lambda text: text.replace(b'"Patient/', b'"https://x.example/fhir/Patient/'), id="absolute"),
    ],
)  # fmt: skip
def test_lines_are_read_as_exports_write_them(tmp_path: Path, spoil: Any) -> None:
    """Byte order marks, line ends, blanks, escapes and absolute references change nothing."""
    export(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(spoil(path.read_bytes()))

    assert read(tmp_path) == EXPORT


@pytest.mark.parametrize("in_order", [True, False])
def test_packed_files_are_read_as_plain_ones(tmp_path: Path, in_order: bool) -> None:
    """gzip, whether the files are in one order or not."""
    export(tmp_path)
    for path in list(tmp_path.iterdir()):
        rows = path.read_bytes().splitlines(keepends=True)
        turned = reversed(rows) if path.name == "Condition.ndjson" and not in_order else rows
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(b"".join(turned)))
        path.unlink()

    assert read(tmp_path) == EXPORT


def test_bundles_resource_files_and_lines_may_be_mixed(tmp_path: Path) -> None:
    """One patient's records may come from a Bundle, a file of their own and an NDJSON file."""
    export(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "chart.json").write_bytes(as_json(bundle(patient(id="d"), condition("M34.0", id="ssc"))))
    (tmp_path / "sub" / "one.json").write_text(json.dumps(of("a", condition("I48.9"), 5), indent=2))
    (tmp_path / "more.json").write_bytes(as_json(bundle(patient(id="c"), observation("718-7", "12 g/dL", id="hb"))))

    assert read(tmp_path) == {
        "Patient/b": EXPORT["Patient/b"],
        "Patient/a": sorted([*EXPORT["Patient/a"], "condition-a-5"]),
        "Patient/c": sorted([*EXPORT["Patient/c"], "c", "hb"]),
        "Patient/d": ["d", "ssc"],
    }


@pytest.mark.parametrize("only", ["a", "Patient/a"])
def test_one_patient_can_be_asked_for(tmp_path: Path, only: str) -> None:
    """With or without the type; the others are passed over."""
    export(tmp_path)

    assert read(tmp_path, only) == {"Patient/a": EXPORT["Patient/a"]}
    assert read(tmp_path, "nobody") == {}


def test_studies_and_medications_go_to_those_who_refer_to_them(tmp_path: Path) -> None:
    """A ResearchStudy and a Medication, with what the Medication is made of; others get neither."""
    export(tmp_path)
    made_of = [{"itemReference": {"reference": "Medication/base"}}]
    medications = [resource("Medication", id="drug", ingredient=made_of), resource("Medication", id="base")]
    (tmp_path / "Medication.ndjson").write_bytes(lines(*medications, resource("Medication", id="unused")))
    taken = prescription(
        "L04AA06", medicationCodeableConcept=None, medicationReference={"reference": "Medication/drug"}
    )
    (tmp_path / "MedicationRequest.ndjson").write_bytes(lines(of("a", taken)))
    (tmp_path / "ResearchStudy.ndjson").write_bytes(lines(resource("ResearchStudy", id="other")))
    part = {"individual": {"reference": "Patient/c"}, "study": {"reference": "ResearchStudy/other"}, "id": "part"}
    (tmp_path / "ResearchSubject.ndjson").write_bytes(lines(resource("ResearchSubject", **part)))

    assert read(tmp_path) == {
        "Patient/b": EXPORT["Patient/b"],
        "Patient/a": sorted([*EXPORT["Patient/a"], "medicationrequest-a-0", "drug", "base"]),
        "Patient/c": sorted([*EXPORT["Patient/c"], "part", "other"]),
    }


def test_an_outcome_in_an_export_speaks_of_everybody(tmp_path: Path) -> None:
    """The reader decides from it whether records are missing; equal ones are handed on once."""
    export(tmp_path)
    issue = [{"severity": "error", "code": "exception"}]
    outcomes = [resource("OperationOutcome", id=f"o{number}", issue=issue) for number in range(3)]
    (tmp_path / "OperationOutcome.ndjson").write_bytes(lines(*outcomes))

    assert read(tmp_path) == {name: sorted([*ids, "o0"]) for name, ids in EXPORT.items()}


def test_a_record_in_somebody_elses_bundle_reaches_its_patient(tmp_path: Path) -> None:
    """It goes to both: to the patient whose it is, and to the Bundle's, whose reader reports it."""
    stray = condition("M34.0", id="stray", subject={"reference": "Patient/b"})
    (tmp_path / "1.json").write_bytes(as_json(bundle(patient(id="a"), stray)))
    assert read(tmp_path) == {"Patient/a": ["a", "stray"]}

    (tmp_path / "2.json").write_bytes(as_json(bundle(patient(id="b"))))
    assert read(tmp_path) == {"Patient/a": ["a", "stray"], "Patient/b": ["b", "stray"]}

    (tmp_path / "2.json").rename(tmp_path / "3.json")
    (tmp_path / "2.json").write_bytes(as_json(bundle(patient(id="c"))))
    assert read(tmp_path) == {"Patient/a": ["a", "stray"], "Patient/b": ["b", "stray"], "Patient/c": ["c"]}


def test_many_patients_of_one_bundle_are_read_among_other_files(tmp_path: Path) -> None:
    """A Bundle of several patients, who have a line each elsewhere, in another order."""
    people = [patient(id=name) for name in "abc"]
    (tmp_path / "people.json").write_bytes(as_json(bundle(*people)))
    (tmp_path / "Condition.ndjson").write_bytes(lines(*(of(name, condition("M34.0")) for name in "cab")))

    assert read(tmp_path) == {f"Patient/{name}": [name, f"condition-{name}-0"] for name in "abc"}


def test_more_shared_records_than_are_kept_leave_those_who_refer_to_them_incomplete(tmp_path: Path) -> None:
    """Of 40 MB of Medications 32 MiB are kept; who refers to one that is not among them has something missing."""
    export(tmp_path)
    text = {"text": "x" * 1_000_000}
    (tmp_path / "Medication.ndjson").write_bytes(
        lines(*(resource("Medication", id=f"m{number}", code=text) for number in range(40)))
    )
    taken = {name: {"reference": f"Medication/m{number}"} for name, number in (("a", 1), ("b", 39))}
    drugs = [prescription("L04AA06", medicationCodeableConcept=None, medicationReference=taken[name]) for name in taken]
    (tmp_path / "MedicationRequest.ndjson").write_bytes(lines(*map(of, taken, drugs)))

    incomplete = {one.patient: one.incomplete for one in open_source(tmp_path).patients()}

    assert incomplete == {"Patient/b": True, "Patient/a": False, "Patient/c": False}


def test_more_different_outcomes_than_are_kept_leave_everybody_incomplete(tmp_path: Path) -> None:
    """What they say is not known, so it may be that records are missing."""
    export(tmp_path)
    issues = [
        [{"severity": "information", "code": "informational", "diagnostics": str(number)}] for number in range(101)
    ]
    (tmp_path / "OperationOutcome.ndjson").write_bytes(
        lines(*(resource("OperationOutcome", issue=issue) for issue in issues))
    )

    assert all(one.incomplete for one in open_source(tmp_path).patients())


def test_records_of_somebody_without_a_patient_record_are_not_lost(tmp_path: Path) -> None:
    """Whoever screens them says that the Patient is missing."""
    export(tmp_path)
    with (tmp_path / "Condition.ndjson").open("ab") as file:
        file.write(lines(of("z", condition("M34.0"))))

    assert read(tmp_path) == EXPORT | {"Patient/z": ["condition-z-0"]}


@pytest.mark.parametrize("in_order", [True, False])
def test_progress_ends_where_it_said_it_would(tmp_path: Path, in_order: bool) -> None:
    """``done`` grows up to ``total``."""
    export(tmp_path)
    if not in_order:
        export(tmp_path / "other", names="cab")
    source = open_source(tmp_path)

    seen = [source.done for _ in source.patients()]

    assert seen == sorted(seen)
    assert source.done == source.total > 0


def test_a_source_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    """So are a folder without JSON, JSON without FHIR, and FHIR of nobody."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "settings.json").write_text('{"resourceType": 1}')
    (tmp_path / "study.json").write_text('{"resourceType": "ResearchStudy", "id": "s"}')
    wanted = {
        "none": "source-missing", "empty": "no-fhir", "list.json": "no-fhir", "settings.json": "no-fhir",
        "study.json": "no-patient",
    }  # fmt: skip

    for name, code in wanted.items():
        with pytest.raises(InputError) as error:
            list(open_source(tmp_path / name).patients())
        assert error.value.code == code, name
