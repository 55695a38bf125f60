"""An export of many patients, made by drawing again and again from the records of a few.

Each patient has a chart of the templates, its Observations thinned out to 60 on average, under ids of its own. One in
``rare`` gets systemic sclerosis (``bench.population_ill``). The same numbers and templates give the same bytes.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.charts import synthea_like
from bench.population_ill import BEFORE, Ill
from service.fhir.decode import decode
from service.population.sources import open_source

OBSERVATIONS = 60  # a patient
CHARTS = 40  # made up, where no folder is named
LARGEST = 2_500  # patients a file, 150 MB of Observations
FILES = 4  # a type, at least

Resource = dict[str, Any]

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ENCOUNTER = rb"(?<=Encounter/)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}"
_SNOMED = "http://snomed.info/sct"
_COMMON = {
    "44054006": "Diabetes",
    "38341003": "Hypertension",
    "195662009": "Viral pharyngitis",
    "444814009": "Sinusitis",
}


class Line(NamedTuple):
    """A record with places for ids: which one comes at each place (the record's own, the patient's, the visit's)."""

    kind: str
    text: bytes
    order: tuple[int, ...]
    old: bool  # dated before what an ill person's tests are


class Template(NamedTuple):
    """A chart to draw from."""

    person: Resource
    lines: list[Line]


def make_export(folder: Path, number: int, rare: int, data: Path | None) -> int:
    """Write the export of that many patients into a folder, and return its bytes."""
    folder.mkdir(parents=True)
    size = min(LARGEST, -(-number // FILES))
    parts = [range(first, min(first + size, number)) for first in range(0, number, size)]
    with ProcessPoolExecutor(2, get_context("spawn"), _load, (data,)) as processes:
        return sum(processes.map(partial(_write, folder, rare), range(len(parts)), parts))


def templates(data: Path | None) -> list[Template]:
    """Return the charts of a folder, or made-up ones."""
    charts = _read(data) if data else (_made_up(number) for number in range(CHARTS))
    return [_template(person, records) for person, records in charts]


def _read(data: Path) -> Iterator[tuple[Resource, list[Resource]]]:
    for chart in open_source(data).patients():
        records = [record for record, _ in chart.resources]
        yield (
            next(record for record in records if record["resourceType"] == "Patient"),
            [record for record in records if record["resourceType"] != "Patient"],
        )


def _made_up(number: int) -> tuple[Resource, list[Resource]]:
    entries = decode(synthea_like(OBSERVATIONS + number - CHARTS // 2))["entry"]
    person, *records = (entry["resource"] for entry in entries)
    subject = {"reference": f"Patient/{person['id']}"}
    for record in records:
        record["subject"] = subject
        record["encounter"]["reference"] = record["encounter"]["reference"].replace("urn:uuid:", "Encounter/")
    for (code, name), record in zip(_COMMON.items(), records, strict=False):
        concept = {"coding": [{"system": _SNOMED, "code": code, "display": name}], "text": name}
        condition = {"resourceType": "Condition", "id": f"{record['id'][:-4]}{code[:4]}", "code": concept}
        records.append(condition | {"subject": subject, "onsetDateTime": "2015-05-03T09:12:37+02:00"})
    return person, records


def _template(person: Resource, records: list[Resource]) -> Template:
    return Template(person, [_line(record, person["id"]) for record in [person, *records]])


def _line(record: Resource, person: str) -> Line:
    own = record["id"]
    if min(len(own), len(person)) < 16:  # noqa: PLR2004 - shorter ones may stand in the text by chance
        raise SystemExit("The records to draw from need ids as long as a UUID.")
    places = {own.encode(): 0, person.encode(): 1}  # else it is the visit's
    marks = re.compile(b"|".join([*map(re.escape, places), _ENCOUNTER]))
    text = _ENCODER.encode(record).replace(f"urn:uuid:{person}".encode(), f"Patient/{person}".encode())
    order = tuple(places.get(mark, 2) for mark in marks.findall(text))
    parts = (part.replace(b"%", b"%%") for part in marks.split(text))
    dated = str(record.get("effectiveDateTime") or record.get("onsetDateTime") or "")
    return Line(record["resourceType"], b"%b".join(parts) + b"\n", order, old=dated < BEFORE)


_here: dict[str, Any] = {}  # what a process draws from


def _load(data: Path | None) -> None:
    _here["charts"], _here["ill"] = templates(data), Ill()


def _write(folder: Path, rare: int, part: int, numbers: range) -> int:
    """Write one file of each type, about these patients."""
    charts, ill, made = _here["charts"], _here["ill"], random.Random(numbers.start)
    observations = sum(line.kind == "Observation" for chart in charts for line in chart.lines) / len(charts)
    lines: defaultdict[str, list[bytes]] = defaultdict(list)
    for number in numbers:
        chart, who = made.choice(charts), _ids(made, 1)[0]
        is_ill = number % rare == rare // 2
        for kind, line in _drawn(chart, made, who, OBSERVATIONS / observations, only_old=is_ill):
            lines[kind].append(line)
        if is_ill:
            lines["Patient"][-1] = _encoded(ill.person(made, chart.person) | {"id": who.decode()})
        extra = ill.records(made) if is_ill else ill.signs(made)
        for id_, record in zip(_ids(made, len(extra)), extra, strict=True):
            subject = {"id": id_.decode(), "subject": {"reference": f"Patient/{who.decode()}"}}
            lines[record["resourceType"]].append(_encoded(record | subject))
    for kind, found in lines.items():
        with (folder / f"{kind}.{part:03}.ndjson").open("wb") as file:
            file.writelines(found)
    return sum(len(line) for found in lines.values() for line in found)


def _drawn(
    chart: Template, made: random.Random, who: bytes, share: float, *, only_old: bool
) -> Iterator[tuple[str, bytes]]:
    visit = _ids(made, 1)[0][:18]
    for (kind, text, order, old), id_ in zip(chart.lines, _ids(made, len(chart.lines)), strict=True):
        if (kind == "Observation" and made.random() >= share) or (only_old and not old):
            continue
        ids = (id_, who, visit)
        yield kind, text % tuple([ids[each] for each in order])


def _ids(made: random.Random, number: int) -> list[bytes]:
    digits = made.randbytes(16 * number).hex()
    starts = range(0, 32 * number, 32)
    return [
        f"{digits[at:at + 8]}-{digits[at + 8:at + 12]}-4{digits[at + 13:at + 16]}-"
        f"a{digits[at + 17:at + 20]}-{digits[at + 20:at + 32]}".encode()
        for at in starts
    ]  # fmt: skip


def _encoded(record: Resource) -> bytes:
    return _ENCODER.encode(record) + b"\n"
