"""Refreshes the table of SNOMED CT descendants from a terminology server's ``ValueSet/$expand``.

It owns the questions and the table; how a URL is fetched is the caller's.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from service.eligibility.code_systems import Matching
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


class NotListed(Never):
    """The server does not know the value set that it was asked to expand."""


class Refreshed(NamedTuple):
    """One parent's rows before and after; ``kept`` says why they stay where it is not the server's list that counts."""

    parent: str
    display: str
    before: list[Descendant]
    after: list[Descendant]
    kept: str | None = None

    @property
    def added(self) -> list[str]:
        """The codes that are new under this parent."""
        return _without(self.after, self.before)

    @property
    def lost(self) -> list[str]:
        """The codes that no longer stand under this parent."""
        return _without(self.before, self.after)


class _Parent(NamedTuple):
    """A code whose descendants count, and the canonical URI of its code system."""

    code: str
    display: str
    system: str


def refresh_descendants(mappings: Path, fetch: Fetch, page: int = 1000) -> Iterator[Refreshed]:
    """Ask for the descendants of each parent, ``page`` codes a request, and give its rows as they come.

    ``fetch`` takes an address relative to the server's base; it raises ``NotListed`` where the server does not know
    what it is asked for. Parents that are never expanded keep their rows, and so do those under which the server lists
    nothing. Raises ``Never`` for an answer that is no expansion.
    """
    never = read_field(read_yaml(mappings / "expansion.yaml"), "never", dict[str, str])
    asked = _parents(mappings)
    table = _read(mappings / _TABLE)
    for code in dict.fromkeys((*table, *asked)):  # in the table's order, so that its versions can be compared
        parent, before = asked.get(code), table.get(code, [])
        if parent is None:
            yield Refreshed(code, "", before, before, "no value set asks for them")
        elif code in never:
            yield Refreshed(code, parent.display, before, before, f"chosen by hand: {never[code]}")
        else:
            yield _refreshed(parent, before, fetch, page)


def count_parents(mappings: Path) -> int:
    """How many parents ``refresh_descendants`` will give. Raises ``DefinitionError``."""
    return len(_parents(mappings).keys() | _read(mappings / _TABLE).keys())


def write_descendants(mappings: Path, rows: list[Descendant]) -> Path:
    """Write the table, sorted by parent (in the order given) and code; return where. Raises ``OSError``."""
    order = {parent: position for position, parent in enumerate(dict.fromkeys(row.parent for row in rows))}
    rows = sorted(rows, key=lambda row: (order[row.parent], len(row.code), row.code))  # by number
    table = mappings / _TABLE
    unfinished = table.with_suffix(".unfinished")  # a table that breaks off would lose lists chosen by hand
    with unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Descendant._fields)
        writer.writerows(rows)
    return unfinished.replace(table)


def _read(table: Path) -> dict[str, list[Descendant]]:
    rows: dict[str, list[Descendant]] = {}
    with table.open(encoding="utf-8-sig", newline="") as stream:
        for record in csv.DictReader(stream):
            rows.setdefault(record["parent"], []).append(Descendant(**record))
    return rows


def _parents(mappings: Path) -> dict[str, _Parent]:
    systems = load_code_systems(mappings / "code_systems.yaml")
    listed = {system.key: system.uris[0] for system in systems if system.match is Matching.LISTED}
    lexicon = load_value_sets(mappings / "value_sets")
    rows = (row for concept in sorted(lexicon.concepts) for row in lexicon.rows_of(concept))
    return {
        row.code: _Parent(row.code, row.display, listed[row.system])
        for row in rows
        if row.descendants and row.system in listed
    }


def _refreshed(parent: _Parent, before: list[Descendant], fetch: Fetch, page: int) -> Refreshed:
    try:
        after, kept = list(_expanded(parent, fetch, page)), "the server lists nothing"
    except NotListed as unknown:
        after, kept = [], str(unknown)
    if after:
        return Refreshed(parent.code, parent.display, before, after)
    return Refreshed(parent.code, parent.display, before, before, kept)


def _without(rows: list[Descendant], others: list[Descendant]) -> list[str]:
    known = {row.code for row in others}
    return [row.code for row in rows if row.code not in known]


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
