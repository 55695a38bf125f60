"""Refreshes the table of SNOMED CT descendants from a terminology server's ``ValueSet/$expand``.

It owns the questions and the table; how a URL is fetched is the caller's.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from service.eligibility.codes import Matching
from service.errors import Never
from service.study.shape import read_field
from service.study.strict_yaml import read_yaml
from service.study.tables import load_code_systems, load_value_sets

_TABLE = Path("value_sets") / "snomed-descendants.csv"

Fetch = Callable[[str], dict[str, Any]]


class Descendant(NamedTuple):
    """One row of the table."""

    parent: str
    code: str
    display: str
    source: str


class _Parent(NamedTuple):
    """A code whose descendants count, and the canonical URI of its code system."""

    code: str
    system: str


def refresh_descendants(mappings: Path, fetch: Fetch, page: int = 1000) -> list[Descendant]:
    """The new rows of the table: what the server lists under each parent, ``page`` codes a request.

    ``fetch`` takes an address relative to the server's base. Parents that are never expanded keep their rows, and so do
    those under which the server lists nothing. Raises ``Never`` for an answer that is no expansion.
    """
    never = read_field(read_yaml(mappings / "expansion.yaml"), "never", dict[str, str])
    kept: dict[str, list[Descendant]] = {}
    for row in _read(mappings / _TABLE):
        kept.setdefault(row.parent, []).append(row)
    for parent in _parents(mappings):
        if parent.code not in never:
            kept[parent.code] = list(_expanded(parent, fetch, page)) or kept.get(parent.code, [])
    return [row for rows in kept.values() for row in rows]


def write_descendants(mappings: Path, rows: list[Descendant]) -> None:
    """Write the table, sorted by parent (in the order given) and code."""
    order = {parent: position for position, parent in enumerate(dict.fromkeys(row.parent for row in rows))}
    with (mappings / _TABLE).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Descendant._fields)
        rows = sorted(rows, key=lambda row: (order[row.parent], len(row.code), row.code))  # by number
        writer.writerows(rows)


def _read(table: Path) -> Iterator[Descendant]:
    with table.open(encoding="utf-8-sig", newline="") as stream:
        yield from (Descendant(**record) for record in csv.DictReader(stream))


def _parents(mappings: Path) -> Iterator[_Parent]:
    systems = load_code_systems(mappings / "code_systems.yaml")
    listed = {system.key: system.uris[0] for system in systems if system.match is Matching.LISTED}
    lexicon = load_value_sets(mappings / "value_sets")
    rows = (row for concept in sorted(lexicon.concepts) for row in lexicon.rows_of(concept))
    parents = (_Parent(row.code, listed[row.system]) for row in rows if row.descendants and row.system in listed)
    yield from dict.fromkeys(parents)


def _expanded(parent: _Parent, fetch: Fetch, page: int) -> Iterator[Descendant]:
    """What the server lists under a parent, page by page, until a page brings nothing new."""
    seen = {parent.code}
    offset = 0
    while True:
        question = {"url": f"{parent.system}?fhir_vs=isa/{parent.code}", "count": page, "offset": offset}
        expansion = fetch(f"ValueSet/$expand?{urlencode(question)}").get("expansion")
        if not isinstance(expansion, dict):
            raise Never(f"The terminology server's answer for the descendants of {parent.code} is no expansion.")
        listed = list(_flat(expansion.get("contains", [])))
        new = [item for item in listed if item["code"] not in seen]
        seen.update(item["code"] for item in new)
        for item in new:
            if not item.get("inactive"):
                yield Descendant(parent.code, item["code"], item.get("display", ""), _source(expansion, item))
        offset += len(listed)
        if not new or offset >= expansion.get("total", offset + 1):
            return


def _flat(contains: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in contains:
        if "code" in item:
            yield item
        yield from _flat(item.get("contains", []))


def _source(expansion: dict[str, Any], item: dict[str, Any]) -> str:
    """The edition that the server says it used."""
    versions = [
        p.get("valueUri") for p in expansion.get("parameter", []) if p.get("name") in {"version", "used-codesystem"}
    ]
    edition = next((version for version in versions if version), item.get("version") or item.get("system") or "")
    return f"$expand {edition}".strip()
