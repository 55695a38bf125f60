"""Loads the tables of ``mappings/``: code systems, value sets, units."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from service.eligibility.code_systems import CodeSystem, Matching
from service.eligibility.codes import CodeRow, Lexicon, Role
from service.eligibility.quantity import QuantityKind, UnitTable
from service.errors import DefinitionError
from service.study.shape import read_field, read_shape, refuse_unknown, submap
from service.study.strict_yaml import Map, read_yaml

_DESCENDANTS = "snomed-descendants.csv"
_COLUMNS = ["system", "code", "until", "except", "descendants", "role", "tag", "display", "source", "evidence", "note"]
_DESCENDANT_COLUMNS = ["parent", "code", "display", "source"]
_ROLES = {role.value: role for role in Role}
_TRUTH = {"true": True, "false": False}


def load_code_systems(path: Path) -> tuple[CodeSystem, ...]:
    """The code systems of ``code_systems.yaml``. Raises ``DefinitionError``."""
    document = read_yaml(path)
    systems = tuple(read_shape(CodeSystem, submap(document, key), {"key": key}) for key in document)
    owners: dict[str, str] = {}
    for system in systems:
        if not system.uris:
            raise document.error(f"{system.key} has no URI.", "Give at least one.", system.key)
        for uri in system.uris:
            if owners.setdefault(uri, system.key) != system.key:
                raise document.error(f"{uri} already belongs to {owners[uri]}.", "Keep one of them.", system.key)
    return systems


def load_value_sets(folder: Path) -> Lexicon:
    """The value sets of a folder, one CSV file a concept, read with the code systems beside it.

    Raises ``DefinitionError``.
    """
    systems = {system.key: system for system in load_code_systems(folder.parent / "code_systems.yaml")}
    files = sorted(file for file in folder.glob("*.csv") if file.name != _DESCENDANTS)
    rows = [row for file in files for row in _value_set(file, systems)]
    children: defaultdict[str, list[str]] = defaultdict(list)
    for _, (parent, code, _, _) in _records(folder / _DESCENDANTS, _DESCENDANT_COLUMNS):
        children[parent].append(code)
    return Lexicon(systems.values(), rows, children)


def _value_set(file: Path, systems: dict[str, CodeSystem]) -> Iterator[CodeRow]:
    seen = set()
    for line, record in _records(file, _COLUMNS):
        key, code, until, excepts, descendants, role, tags, display, *_ = record
        system = systems.get(key)
        if system is None:
            raise DefinitionError(str(file), line, f"No code system has the key {key!r}.", "See code_systems.yaml.")
        entry = key, system.normalise(code), until
        if not entry[1] or entry in seen:
            raise DefinitionError(str(file), line, f"The code {code!r} is empty or there twice.", "Remove the row.")
        seen.add(entry)
        if role not in _ROLES or descendants not in _TRUTH:
            problem = f"{role!r} is no role, or {descendants!r} is neither true nor false."
            raise DefinitionError(str(file), line, problem, f"Roles are {', '.join(_ROLES)}.")
        if (until or excepts) and not (until and system.match is Matching.PREFIX and code < until):
            problem = "Only a range has an end and exceptions, and only where codes are compared by prefix."
            raise DefinitionError(str(file), line, problem, "Write the first and the last category, in this order.")
        yield CodeRow(
            concept=file.stem,
            system=key,
            code=code,
            until=until or None,
            excepts=tuple(excepts.split(";")) if excepts else (),
            descendants=_TRUTH[descendants],
            role=_ROLES[role],
            tags=frozenset(tags.split(";")) if tags else frozenset(),
            display=display,
        )


def _records(file: Path, columns: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows under the header, each with the line on which it ends."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            if next(reader, None) != columns:
                raise DefinitionError(str(file), 1, "The header is not the expected one.", f"Use {','.join(columns)}.")
            for record in reader:
                if len(record) != len(columns):
                    problem = f"The row has {len(record)} fields instead of {len(columns)}."
                    raise DefinitionError(str(file), reader.line_num, problem, "Quote a field that holds a comma.")
                yield reader.line_num, record
    except (OSError, UnicodeError, csv.Error) as unreadable:
        problem = f"It cannot be read: {unreadable}."
        raise DefinitionError(str(file), None, problem, "Save it as CSV in UTF-8.") from None


def load_units(path: Path) -> UnitTable:
    """The spellings and factors of ``units.yaml``. Raises ``DefinitionError``."""
    document = read_yaml(path)
    refuse_unknown(document, "aliases", "case_variants", "quantities", "other_units")
    quantities = submap(document, "quantities")
    kinds = {name: _kind(submap(quantities, name)) for name in quantities}
    other_units = read_field(document, "other_units", tuple[str, ...])
    ucum = {unit for kind in kinds.values() for unit in kind.factors} | set(other_units)
    aliases, case_variants = (_spellings(submap(document, name), ucum) for name in ("aliases", "case_variants"))
    return UnitTable(kinds, aliases, case_variants, other_units)


def _spellings(node: Map, ucum: set[str]) -> dict[str, str]:
    spellings = {text: read_field(node, text, str) for text in node}
    for text, unit in spellings.items():
        if unit not in ucum:
            raise node.error(f"no kind of quantity has the unit {unit}.", "Add it there, or to other_units.", text)
    return spellings


def _kind(node: Map) -> QuantityKind:
    refuse_unknown(node, "canonical", "unitless", "factors")
    written = submap(node, "factors")
    factors = {unit: _factor(written, unit) for unit in written}
    canonical = read_field(node, "canonical", str)
    if factors.get(canonical) != 1:
        raise node.error(f"the canonical unit {canonical} has to stand here with the factor 1.", "Add it.", "factors")
    unitless = "unitless" in node and read_field(node, "unitless", bool)
    return QuantityKind(canonical, factors, unitless)


def _factor(node: Map, unit: str) -> Fraction:
    text = read_field(node, unit, str)
    numerator, _, denominator = text.partition("/")
    try:
        factor = Fraction(numerator) / Fraction(denominator or "1")
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if factor <= 0:
        raise node.error(f"{text} is no factor.", 'Write "10", "0.1" or "1/88.4".', unit)
    return factor
