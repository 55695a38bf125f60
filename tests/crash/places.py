"""Where nights are spent: a folder, a FHIR server that is searched or exports, and other engines and stores.

Each is made anew for every run, so that what one run posts and keeps is not there for the next.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from service.demo import charts
from tests.servers.exporting import Answer, Exporting, Request, exporting, manifest, whole
from tests.servers.fixtures import started_medplum
from tests.servers.postgres.cluster import cluster, new_database
from tests.verdicts import as_json

MISSING = {"08"}  # it says that records are missing, of whoever is there
FEW = {"01", "05", "09", "11"}  # a server that searches in its memory takes long over many
POSTED = ("ResearchSubject", "GuidanceResponse", "Provenance", "List")
LEASE = 1  # second
LINES = 10  # in a file of an export
PAUSE = 0.2  # seconds before such a file

Resource = dict[str, Any]
Posted = Counter[tuple[str, str, int]]


class Place(NamedTuple):
    """The options and settings that lead there; how long a killed run is held; what was posted, in so many versions."""

    options: tuple[str, ...]
    settings: Mapping[str, str] = {}
    lease: float = 0.0
    posted: Callable[[], Posted] = Counter


Ground = Callable[[], AbstractContextManager[Place]]


def people(copies: int, wanted: Callable[[str], bool]) -> Iterator[list[Resource]]:
    """Give the records of each sample chart that is wanted so many times, with ids of their own."""
    for name, bundle in charts().items():
        if not wanted(name[:2]):
            continue
        text = as_json(bundle).decode()
        (patient,) = (r["id"] for r in map(_resource, bundle["entry"]) if r["resourceType"] == "Patient")
        for number in range(copies):
            yield list(map(_resource, json.loads(text.replace(patient, f"{patient}-{number}"))["entry"]))


def _resource(entry: dict[str, Any]) -> Resource:
    resource: Resource = entry["resource"]
    return resource


def lines_by_type(copies: int) -> dict[str, list[str]]:
    """Return them as lines."""
    lines: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for records in people(copies, lambda number: number not in MISSING):
        for record in records:
            lines[record["resourceType"]][json.dumps(record)] = None
    return {kind: list(those) for kind, those in lines.items()}


def export(folder: Path, copies: int) -> None:
    """Write them as files of one type each."""
    folder.mkdir()
    for kind, lines in lines_by_type(copies).items():
        (folder / f"{kind}.ndjson").write_text("".join(f"{line}\n" for line in lines))


@contextmanager
def hospital(copies: int) -> Iterator[str]:
    """Run a FHIR server with them in it."""
    with started_medplum() as server:
        for records in people(copies, FEW.__contains__):
            entries = [
                {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
                for each in records
            ]
            transaction = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            httpx.post(server, json=transaction, timeout=60).raise_for_status()
        yield server


def posted(server: str) -> Posted:
    """Count what was posted about whom, with the number of its versions; of the list its people."""
    found: Posted = Counter()
    whom: dict[str, str] = {}
    for kind in POSTED:  # the list last: it names the ResearchSubjects
        page = httpx.get(f"{server}/{kind}", params={"_count": "1000"}, timeout=60).raise_for_status().json()
        for each in (entry["resource"] for entry in page.get("entry", [])):
            if kind == "List":
                found.update((kind, whom[entry["item"]["reference"]], 1) for entry in each.get("entry", []))
                continue
            about = (each.get("individual") or each.get("subject") or each["target"][0])["reference"]
            name = f"{kind}/{each['id']}"
            whom[name] = whom.get(about.partition("/_history")[0], about)
            history = httpx.get(f"{server}/{name}/_history", timeout=60).raise_for_status().json()
            found[kind, whom[name], len(history["entry"])] += 1
    return found


def in_folder(folder: Path, *options: str) -> Ground:
    """Read an export in a folder."""

    @contextmanager
    def made() -> Iterator[Place]:
        yield Place(("--source", str(folder), *options))

    return made


def on_postgresql(folder: Path, cluster_url: str) -> Ground:
    """Read it, and keep what is found on PostgreSQL."""

    @contextmanager
    def made() -> Iterator[Place]:
        with new_database(cluster_url) as url:
            settings = {"STORE": url, "LEASE_SECONDS": str(LEASE)}
            yield Place(("--source", str(folder)), settings, lease=LEASE)

    return made


def by_searches(copies: int) -> Ground:
    """Search a FHIR server, and post there."""

    @contextmanager
    def made() -> Iterator[Place]:
        with hospital(copies) as server:
            yield Place(("--source", "rest"), {"FHIR_URL": server}, posted=lambda: posted(server))

    return made


class Slow(Exporting):
    """Takes its time over each file, so that kills come in the middle of them."""

    def answer(self, request: Request) -> Answer:
        """Return what is answered."""
        if "/files/" in request.path:
            time.sleep(PAUSE)
        return super().answer(request)


def by_export(copies: int) -> Ground:
    """Have one server export, after a second, and post to another."""

    @contextmanager
    def made() -> Iterator[Place]:
        with exporting(Slow) as exports, started_medplum() as server:
            output = []
            for kind, lines in lines_by_type(copies).items():
                for start in range(0, len(lines), LINES):
                    path = f"/files/{len(output)}"
                    part = "".join(f"{line}\n" for line in lines[start : start + LINES])
                    exports.on(f"/fhir{path}", whole(part.encode()))
                    output.append((kind, exports.base + path))
            exports.exports(manifest(*output), *[Answer(202, headers={"Retry-After": "1"})] * 2)
            settings = {"FHIR_URL": exports.base, "FHIR_WRITE_URL": server}
            yield Place(("--source", "bulk"), settings, posted=lambda: posted(server))

    return made


@contextmanager
def all_grounds(work: Path) -> Iterator[dict[str, Ground]]:
    """Give each by its name."""
    export(work / "export", copies=60)
    export(work / "small", copies=3)
    with ExitStack() as stack:
        yield {
            "folder": in_folder(work / "export"),
            "rest": by_searches(copies=3),
            "bulk": by_export(copies=2),
            "postgresql": on_postgresql(work / "export", stack.enter_context(cluster())),
            "spark": in_folder(work / "small", "--engine", "spark"),
        }
