"""What a source keeps in memory while it is read."""

import tracemalloc
from pathlib import Path

from service.population.grouping import Seen
from service.population.sources import open_source

OBSERVATION = (
    '{"resourceType":"Observation","id":"%d-%d","subject":{"reference":"Patient/%d"},"note":[{"text":"%s"}]}\n'
)


def export(folder: Path, patients: int, *, turned: bool) -> Path:
    """Write an export of that many patients, 5 KB each; ``turned`` has the Observations in the opposite order."""
    folder.mkdir()
    order = list(range(patients))
    (folder / "Patient.ndjson").write_text("".join(f'{{"resourceType":"Patient","id":"{one}"}}\n' for one in order))
    rows = [OBSERVATION % (one, number, one, "x" * 1000) for one in order for number in range(5)]
    (folder / "Observation.ndjson").write_text("".join(reversed(rows) if turned else rows))
    return folder


def peak_after_first_patient(folder: Path) -> int:
    """Return the most that was held at a time, in bytes, from the second patient to the last."""
    patients = open_source(folder).patients()
    tracemalloc.start()
    try:
        next(patients)
        tracemalloc.reset_peak()
        for _ in patients:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_patients_where_files_have_one_order(tmp_path: Path) -> None:
    """Eight times as many patients need no more memory."""
    few = peak_after_first_patient(export(tmp_path / "few", 100, turned=False))
    many = peak_after_first_patient(export(tmp_path / "many", 800, turned=False))

    assert many < 1.1 * few


def test_memory_grows_by_the_documented_bound_where_they_have_none(tmp_path: Path) -> None:
    """16 bytes a record and some 250 bytes a patient, while a patient's records are of 5 KB."""
    few = peak_after_first_patient(export(tmp_path / "few", 200, turned=True))
    many = peak_after_first_patient(export(tmp_path / "many", 1200, turned=True))

    assert many - few < 1000 * (6 * 16 + 250)


def test_a_patient_seen_is_never_called_new_and_a_new_one_hardly_ever_seen() -> None:
    """The filter that notices a patient who comes twice."""
    seen = Seen()

    assert not any(seen.add(f"Patient/{number}") for number in range(50_000))
    assert all(seen.add(f"Patient/{number}") for number in range(50_000))
