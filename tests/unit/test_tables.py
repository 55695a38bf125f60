"""The tables of mappings/: complete, consistent, and refused with file and line when they are not."""

import csv
from collections import Counter
from pathlib import Path
from shutil import copytree

import pytest

from service.errors import DefinitionError
from service.study.tables import load_code_systems, load_units, load_value_sets

MAPPINGS = Path(__file__).parents[2] / "mappings"
VALUE_SETS = MAPPINGS / "value_sets"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one table."""
    with (VALUE_SETS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_value_sets_are_complete() -> None:
    """95 concepts of the terminology and three of the reading, with every code of theirs."""
    names = {file.stem for file in VALUE_SETS.glob("*.csv")} - {"snomed-descendants"}
    added = {"acr_eular_2013_total", "answers", "interpretations"}
    assert len(names - added) == 95
    assert added <= names
    codes = [row for name in sorted(names) for row in rows(f"{name}.csv")]
    assert len(codes) == 1159
    assert sum(row["system"] != "ssc" for name in names - added for row in rows(f"{name}.csv")) == 1118
    assert Counter(row["role"] for row in codes) == {"match": 891, "review": 168, "hint": 62, "negative": 38}


def test_descendants_are_complete() -> None:
    """101 parents list 12 997 entries, 12 481 codes, none its own child."""
    entries = rows("snomed-descendants.csv")
    assert len({entry["parent"] for entry in entries}) == 101
    assert len(entries) == 12_997
    assert len({entry["code"] for entry in entries}) == 12_481
    assert all(entry["parent"] != entry["code"] for entry in entries)


def test_every_row_names_its_source() -> None:
    """No code without a name and a place where it was seen."""
    for file in VALUE_SETS.glob("*.csv"):
        for row in rows(file.name):
            assert row["display"], (file.name, row["code"])
            assert row["source"], (file.name, row["code"])


def test_every_parent_has_an_entry_that_asks_for_its_descendants() -> None:
    """A list of descendants that no value set uses would be dead weight."""
    names = [file.name for file in VALUE_SETS.glob("*.csv") if file.name != "snomed-descendants.csv"]
    asking = {row["code"] for name in names for row in rows(name) if row["descendants"] == "true"}
    assert {entry["parent"] for entry in rows("snomed-descendants.csv")} <= asking


def test_every_concept_with_codes_is_loaded() -> None:
    """All concepts but age and sex, which are read from the Patient, have codes."""
    names = {file.stem for file in VALUE_SETS.glob("*.csv")} - {"snomed-descendants"}
    assert names - set(load_value_sets(VALUE_SETS).concepts) == {"age_sex"}


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A copy of the tables that a test may damage."""
    return copytree(MAPPINGS, tmp_path / "mappings")


HEADER = "system,code,until,except,descendants,role,tag,display,source,evidence,note\n"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("system,code\n", 1, "header"),
        ("", 1, "header"),
        (HEADER + "lonic,1-8,,,false,match,,A,B,primary,\n", 2, "lonic"),
        (HEADER + "loinc,1-8,,,false,maybe,,A,B,primary,\n", 2, "maybe"),
        (HEADER + "loinc,1-8,,,yes,match,,A,B,primary,\n", 2, "yes"),
        (HEADER + "loinc,,,,false,match,,A,B,primary,\n", 2, "empty"),
        (HEADER + "icd10,A1.0,,,true,match,,A,B,primary,\nicd10,a10,,,true,hint,,A,B,primary,\n", 3, "twice"),
        (HEADER + "loinc,1-8,1-9,,false,match,,A,B,primary,\n", 2, "range"),
        (HEADER + "icd10,B99,B00,,true,match,,A,B,primary,\n", 2, "range"),
        (HEADER + "icd10,B00,,B01,true,match,,A,B,primary,\n", 2, "range"),
        (HEADER + "loinc,1-8,,,false,match,,A, with a comma,B,primary,\n", 2, "12 fields"),
        (HEADER + 'loinc,1-8,,,false,match,,"A"B,C,primary,\n', None, "cannot be read"),
    ],
)
def test_bad_value_set_is_refused(mappings: Path, content: str, line: int | None, problem: str) -> None:
    """Every mistake in a value set is refused with the file, the line and the cause."""
    file = mappings / "value_sets" / "crp.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DefinitionError, match=problem) as refused:
        load_value_sets(mappings / "value_sets")
    assert Path(refused.value.file).name == "crp.csv"
    assert refused.value.line == line


def test_value_set_saved_by_a_spreadsheet_is_read(mappings: Path) -> None:
    """A byte order mark and Windows line ends, as spreadsheets write them, change nothing."""
    file = mappings / "value_sets" / "crp.csv"
    text = file.read_text(encoding="utf-8")
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    lexicon = load_value_sets(mappings / "value_sets")
    assert [meaning.concept for meaning in lexicon.meanings("http://loinc.org", "1988-5")] == ["crp"]


def test_missing_descendants_are_refused(mappings: Path) -> None:
    """Without its descendants SNOMED CT would lose codes in silence."""
    (mappings / "value_sets" / "snomed-descendants.csv").unlink()
    with pytest.raises(DefinitionError, match=r"snomed-descendants\.csv"):
        load_value_sets(mappings / "value_sets")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a:\n  uris: [urn:a]\n  match: fuzzy\n", "match"),
        ("a:\n  uris: []\n  match: exact\n", "no URI"),
        ("a: {uris: [urn:a], match: exact}\nb: {uris: [urn:a], match: exact}\n", "urn:a already belongs to a"),
        ("a: {uris: [urn:a], match: exact, colour: red}\n", "colour"),
    ],
)
def test_bad_code_systems_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    """A code system needs its own URIs and a known way of matching."""
    file = tmp_path / "code_systems.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DefinitionError, match=problem) as refused:
        load_code_systems(file)
    assert refused.value.line is not None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"0.105"', '"0.105 mg"', "no factor"),
        ('"0.105"', '"-1"', "no factor"),
        ('"0.105"', '"1/0"', "no factor"),
        ('"0.105"', "0.105", "nmol/L"),
        ("G/L: 10*9/L", "G/L: 10*8/L", r"10\*8/L"),
        ("mg/l: mg/L", "mg/l: mg/Litre", "mg/Litre"),
        ('mg/L: "1"', 'mg/L: "2"', "factor 1"),
        ("    canonical: mg/L\n", "    canonical: mg/L\n    color: red\n", "color"),
        ("unitless: true", "unitless: perhaps", "unitless"),
        ("other_units:", "more_units:", "more_units"),
    ],
)
def test_bad_units_are_refused(mappings: Path, old: str, new: str, problem: str) -> None:
    """A factor that is no exact positive number, or a spelling of a unit that nobody defined, is refused."""
    file = mappings / "units.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DefinitionError, match=problem) as refused:
        load_units(file)
    assert refused.value.line is not None
