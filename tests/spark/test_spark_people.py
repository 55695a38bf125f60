"""The nightly search on Spark: whom it selects, and that results are to the byte those of the command line."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyspark.sql import SparkSession

from service.config import Settings
from service.discovery.model import Selection
from service.errors import InputError
from service.population.sources import open_source
from service.screeners import screener
from service.screening.document import document, encode
from service.screening.patient import Screener
from service.screening.ports import Pulled
from service.spark.people import SparkPeople
from service.spark.rows import without_content
from service.spark.sessions import session_for
from tests.builders import condition, observation
from tests.spark.exports import as_documents, export, lines_by_type, of, write
from tests.verdicts import as_json

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.anyio]

AS_OF = date(2026, 11, 23)
BLOCK = 16_384  # bytes: the larger files are read in several parts
Results = dict[str, bytes]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give one session of our own, which reads in small blocks."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(
        f"spark.sql.files.maxPartitionBytes {BLOCK}\nspark.sql.files.openCostInBytes 0\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        session = session_for(None, "local[2]", folder / "work")
        yield session
        session.stop()


@pytest.fixture(scope="module")
def shipped() -> Screener:
    """Return the screener that the command line has without settings."""
    return screener(Settings())


def locally(folder: Path, screener: Screener) -> tuple[Results, list[str]]:
    """Return the results as ``candor screen`` gives them, and what it could not read."""
    source = open_source(folder)
    results = {
        one.patient: encode(
            document(
                screener.screen_records(Pulled(one.resources, incomplete=one.incomplete), one.patient, AS_OF), id=""
            )
        )
        for one in source.patients()
    }
    return results, [str(each) for each in source.problems]


def untold(stage: str, done: int, total: int | None) -> None:
    """Hear of progress."""


async def select(people: SparkPeople, *known: str) -> Selection:
    """Return whom it selects."""
    return await people.select(frozenset(known), untold)


async def screened(people: SparkPeople, patients: Iterable[str]) -> Results:
    """Return their results."""
    found = {one.patient: one async for one in people.screened(list(patients), AS_OF, untold)}
    assert all(one.judged is not None for one in found.values()), [one.error for one in found.values()]
    return {name: encode(document(one.judged.result, id="")) for name, one in found.items() if one.judged}


SOURCES = {
    "plain": write,
    "gzip": lambda folder: write(folder, ".gz", gzip.compress),
    "documents": as_documents,
}


@pytest.mark.parametrize("form", SOURCES)
async def test_results_are_those_of_the_command_line(
    form: str, tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """Of a folder in any form: everybody whom the entry names, each with the same bytes."""
    folder = SOURCES[form](tmp_path / "an [odd] näme%20")
    expected, unread = locally(folder, shipped)
    people = SparkPeople(shipped, folder)

    selection = await select(people)
    results = await screened(people, selection.patients)

    assert set(results) == set(selection.patients)
    assert len(results) > 50
    assert results == {name: expected[name] for name in results}
    assert (selection.seen, selection.unread) == (len(expected), unread)
    assert expected.keys() - results.keys() == {"Patient/ho-011", "Patient/ho-372"}  # nothing of the disease on record


async def test_lines_may_stand_in_parquet_and_the_folder_anywhere_that_spark_reads(
    tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """One column of lines, however it is called; the caller's own session, and an address in place of a path.

    A folder of them may be linked, and what is not finished yet (``_temporary``) is nothing of it.
    """
    plain, folder = write(tmp_path / "plain"), tmp_path / "parquet"
    (folder / "_temporary").mkdir(parents=True)
    (folder / "_temporary" / "part.parquet").write_bytes(b"PAR1")
    (tmp_path / "elsewhere").mkdir()
    (folder / "day").symlink_to(tmp_path / "elsewhere")
    for kind, lines in lines_by_type().items():
        table = pa.table({"line": pa.array([*(line.decode() for line in lines), None])})
        pq.write_table(table, folder / ("day" if kind == "Condition" else "") / f"{kind}.parquet", row_group_size=7)
    expected, _ = locally(plain, shipped)

    for people in (
        SparkPeople(shipped, folder, session=spark, whole_count=True),
        SparkPeople(shipped, f"file://{plain}"),
    ):
        selection = await select(people)
        results = await screened(people, selection.patients)

        assert results == {name: expected[name] for name in results}
        assert len(results) > 50


async def test_who_is_known_or_takes_part_is_selected_too(
    tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """Not who takes part elsewhere, nor whom the source does not hold; a run that is resumed needs no selection."""
    folder = export(tmp_path / "export")
    with (folder / "Condition.ndjson").open("ab") as file:
        file.write(b'{"resourceType":"Condition","id":"x","subject":{"reference":"Patient/well"}}')

    selection = await select(SparkPeople(shipped, folder), "Patient/known", "Patient/gone")
    resumed = await screened(SparkPeople(shipped, folder), ["Patient/known", "Patient/gone"])

    assert selection.patients == ["Patient/ill", "Patient/known", "Patient/member"]
    assert selection.seen == 5
    assert selection.uncoded is not None
    assert (selection.uncoded.conditions, selection.uncoded.of) == (1, 3)
    assert resumed == {"Patient/known": locally(folder, shipped)[0]["Patient/known"]}


async def test_what_cannot_be_read_is_told_as_the_command_line_tells_it(
    tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """With file and line, across blocks; who may have lost records is judged as incomplete, nobody else."""
    folder = export(tmp_path / "export")
    filler = b"".join(
        as_json(of("well", observation("8867-4", "70 /min"), f"f{number}")) + b"\n\n" for number in range(100)
    )
    (folder / "1.Observation.ndjson").write_bytes(
        filler + b'{"resourceType":"Observation","subject":{"reference":"Patient/ill"},"code":\n' + filler + b"{}\r\n"
    )
    (folder / "Procedure.json").write_bytes(b'{"resourceType": "Procedure", "status": NaN}')
    (folder / "Procedure.ndjson").write_bytes(b'\xef\xbb\xbf{"resourceType":"Procedure","id":"\xff"}\n')
    expected, unread = locally(folder, shipped)
    people = SparkPeople(shipped, folder)

    selection = await select(people)
    results = await screened(people, selection.patients)

    assert selection.unread == unread
    assert len(unread) == 4
    assert results == {name: expected[name] for name in ("Patient/ill", "Patient/member")}


async def test_a_damaged_archive_stops_nothing_and_leaves_everybody_incomplete(
    tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """It is named, and what the others hold is judged; zstd is read, where Spark has it."""
    folder = export(tmp_path / "export")
    lines = b"".join(as_json(of("ill", observation("718-7", "12 g/dL"), f"h{i}")) + b"\n" for i in range(500))
    (folder / "2.Observation.ndjson.gz").write_bytes(gzip.compress(lines)[:-12])
    (folder / "Condition.ndjson.zst").write_bytes(zstandard.compress((folder / "Condition.ndjson").read_bytes()))
    (folder / "Condition.ndjson").unlink()
    people = SparkPeople(shipped, folder)

    selection = await select(people)
    results = await screened(people, selection.patients)

    assert selection.unread == locally(folder, shipped)[1]
    assert selection.patients == ["Patient/ill", "Patient/member"]
    assert all(b"records-incomplete" in result for result in results.values())


@pytest.mark.parametrize(
    "name", [b"_Condition.ndjson", b"2026-11-25T03:00:00.Condition.ndjson", b"Condition\xe9.ndjson"]
)
async def test_a_file_that_spark_cannot_be_given_is_told_and_leaves_everybody_incomplete(
    tmp_path: Path, spark: SparkSession, shipped: Screener, name: bytes
) -> None:
    """Spark passes over some names without a word and fails at others; alone, such a file is an input error."""
    folder = export(tmp_path / "export")
    odd = folder / os.fsdecode(name)
    odd.write_bytes(as_json(of("well", condition("M34.0"), "odd")))
    people = SparkPeople(shipped, folder)

    selection = await select(people)
    results = await screened(people, selection.patients)

    assert [each.endswith("Rename it.") and each.isprintable() for each in selection.unread] == [True]
    assert selection.patients == ["Patient/ill", "Patient/member"]
    assert all(b"records-incomplete" in result for result in results.values())
    with pytest.raises(InputError, match="Rename it") as error:
        await select(SparkPeople(shipped, odd))
    assert error.value.code == "no-fhir"


async def test_a_sites_own_codes_travel_with_the_rules(tmp_path: Path, spark: SparkSession) -> None:
    """Executors read no settings and no mappings: they have the study as it is loaded here."""
    site = tmp_path / "site.yaml"
    site.write_text(
        "codes:\n  - system: https://hospital.example/diagnoses\n    code: SCLERO\n"
        "    means: {system: icd10, code: M34.0}\n"
    )
    own = screener(replace(Settings(), site=site))
    folder = export(tmp_path / "export")
    record = of("well", condition("https://hospital.example/diagnoses|SCLERO"), "own")
    (folder / "1.Condition.ndjson").write_bytes(as_json(record))
    people = SparkPeople(own, folder)

    selection = await select(people)
    results = await screened(people, ["Patient/well"])

    assert "Patient/well" in selection.patients
    assert results == {"Patient/well": locally(folder, own)[0]["Patient/well"]}


async def test_a_source_without_a_chart_is_an_input_error(
    tmp_path: Path, spark: SparkSession, shipped: Screener
) -> None:
    """As on the command line, each with its code."""
    (tmp_path / "none").mkdir()
    (tmp_path / "no.ndjson").write_text('{"a": 1}\n')
    (tmp_path / "nobody.ndjson").write_text('{"resourceType": "Organization", "id": "o"}\n')
    codes = {"none": "no-fhir", "no.ndjson": "no-fhir", "nobody.ndjson": "no-patient", "gone": "source-missing"}
    for name, code in codes.items():
        with pytest.raises(InputError) as error:
            await select(SparkPeople(shipped, tmp_path / name))
        assert error.value.code == code
    with pytest.raises(InputError) as error:
        await select(SparkPeople(shipped, f"file://{tmp_path}/gone"))
    assert error.value.code == "source-missing"


def test_an_error_on_an_executor_holds_nothing_of_a_chart() -> None:
    """It tells the kind and the place, in our own code."""

    def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        raise ValueError("Mrs Smith")
        yield from batches

    with pytest.raises(RuntimeError) as error:
        list(without_content(judge)(iter(())))

    assert str(error.value).startswith("ValueError at test_spark_people.py:")
    assert error.value.__suppress_context__


def test_without_the_extra_the_engine_says_what_it_needs(tmp_path: Path) -> None:
    """The error is a setting's, with the remedy."""
    code = (
        "import importlib.util as u, sys\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'pyspark' else found(name, *more)\n"
        "from service.errors import SettingError\n"
        "try: import service.spark.people\n"
        "except SettingError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)

    assert told.stdout == "The engine spark needs pyspark: pip install 'candor[spark]', and Java 17.\n"
    assert not told.stderr
