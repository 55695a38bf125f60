"""Who cannot be screened is told so in the same words, whichever engine finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.screening.patient import Screener
from tests.builders import condition, patient
from tests.executors import executed
from tests.sieve import naive, sieved
from tests.verdicts import as_json

ILL = as_json(condition("M34.0", subject={"reference": "Patient/b"}))
RAW = as_json(patient(id="b"))
REPLACED = {"link": [{"type": "replaced-by", "other": {"reference": "Patient/a"}}]}
REFUSALS: dict[str, tuple[list[bytes], str | None]] = {
    "no Patient": ([ILL], "patient-not-found"),
    "a broken Patient": ([RAW.replace(b'"resourceType"', b'"x":925.,"resourceType"'), ILL], "patient-not-found"),
    "a Patient with a wild number": ([RAW[:-1] + b',"x":1e99999999999999999999}', ILL], "patient-not-found"),
    "a Condition with a wild number": ([RAW, ILL, ILL[:-1] + b',"x":1e99999999999999999999}'], None),
    "a wild number in what is nobody's": ([RAW, ILL, b'{"resourceType":"Location","x":1e99999999999999999999}'], None),
    "a Patient torn from the next": ([RAW[:-9] + RAW, ILL], "patient-not-found"),
    "the same Patient twice": ([RAW, RAW, ILL], None),
    "two Patients of one id": ([RAW, as_json(patient(id="b", birthDate="1950-01-01")), ILL], None),
    "a replaced Patient": ([as_json(patient(id="b", **REPLACED)), ILL], "patient-replaced"),
    "a Patient that is none": ([as_json(patient(id="b", birthDate=7, active="no", link="x")), ILL], None),
    "a Condition that is none": ([RAW, ILL.replace(b'"code":{', b'"onsetAge":[],"stage":"x","code":{')], None),
    "a Patient in a Bundle and alone": (
        [RAW, as_json({"resourceType": "Bundle", "type": "collection", "entry": [
            {"fullUrl": "urn:uuid:b", "resource": {"resourceType": "Patient", "id": "b", "gender": "male"}}]}), ILL],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "code"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("apart", [False, True])
def test_refusals_are_the_same(
    tmp_path: Path, screener: Screener, lines: list[bytes], code: str | None, apart: bool
) -> None:
    """Whether the lines stand in one file or in one each, in whatever order the files are read."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "0.ndjson").write_bytes(as_json(patient(id="a")) + b"\n" + (b"" if apart else b"\n".join(lines)))
    for number, line in enumerate(reversed(lines) if apart else ()):
        (folder / f"{number + 1}.ndjson").write_bytes(line)

    found = sieved(screener, folder, tmp_path / "work", sample=0, processes=1)

    assert found == executed(screener, folder)
    assert found.documents == naive(screener, folder, found.documents).documents
    told: dict[str, Any] = json.loads(found.documents["Patient/b"])
    assert told.get("error", {}).get("code") == code
