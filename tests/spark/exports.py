"""Exports for the engine spark: the worked charts in several forms, and one of a few people."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.fhir.decode import decode
from tests.builders import condition, observation, patient, resource
from tests.verdicts import as_json

CHARTS = Path(__file__).parents[1] / "examples"


def lines_by_type() -> dict[str, list[bytes]]:
    """Return the records of the worked charts as lines, by type, in no order of patients."""
    found = defaultdict(list)
    for path in sorted(CHARTS.glob("[0-9]*.json")):
        for entry in decode(path.read_bytes())["entry"]:
            found[entry["resource"]["resourceType"]].append(as_json(entry["resource"]))
    for kind, lines in found.items():
        random.Random(kind).shuffle(lines)  # noqa: S311 - any order will do
    return found


def write(folder: Path, suffix: str = "", pack: Callable[[bytes], bytes] = bytes) -> Path:
    """Write the worked charts as an export of two files a type."""
    folder.mkdir(exist_ok=True)
    for kind, lines in lines_by_type().items():
        middle = len(lines) // 2
        for number, part in enumerate((lines[:middle], lines[middle:])):
            (folder / f"{number}.{kind}.ndjson{suffix}").write_bytes(pack(b"".join(line + b"\n" for line in part)))
    return folder


def as_documents(folder: Path) -> Path:
    """Write the worked charts as Bundles, and all their people in one more line each."""
    folder.mkdir()
    for path in sorted(CHARTS.glob("[0-9]*.json"))[:20]:
        (folder / path.name).write_bytes(path.read_bytes())
    lines = [msgspec.json.format(path.read_bytes(), indent=0) for path in sorted(CHARTS.glob("[0-9]*.json"))[20:]]
    (folder / "rest.ndjson").write_bytes(b"\n".join(lines))
    return folder


def export(folder: Path) -> Path:
    """Write a small export in which somebody has the disease, somebody not, and somebody takes part in the study."""
    study = resource("ResearchStudy", id="s", identifier=[{"value": "NCT06722105"}])
    other = resource("ResearchStudy", id="o", identifier=[{"value": "NCT00000000"}])
    joined = {
        name: resource(
            "ResearchSubject",
            id=f"in-{name}",
            status="candidate",
            study={"reference": f"ResearchStudy/{name}"},
            individual={"reference": f"Patient/{who}"},
        )
        for name, who in (("s", "member"), ("o", "elsewhere"))
    }
    found = {
        "Patient": [patient(id=name) for name in ("ill", "well", "member", "elsewhere", "known")],
        "Condition": [of("ill", condition("M34.0"), "c"), of("well", condition("I10"), "d")],
        "Observation": [of(name, observation("777-3", "200 10*9/L"), f"o-{name}") for name in ("ill", "well", "known")],
        "ResearchSubject": list(joined.values()),
        "ResearchStudy": [study, other],
    }
    folder.mkdir()
    for kind, records in found.items():
        (folder / f"{kind}.ndjson").write_bytes(b"".join(as_json(record) + b"\n" for record in records))
    return folder


def of(name: str, record: dict[str, Any], id_: str) -> dict[str, Any]:
    """Return the record as one of that patient's."""
    plain = {key: value for key, value in record.items() if value is not None}
    return plain | {"id": id_, "subject": {"reference": f"Patient/{name}"}}
