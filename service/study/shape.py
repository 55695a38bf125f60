"""Turns strict YAML into the evaluator's own frozen dataclasses, by their type hints.

The dataclasses are the schema: there is no second model beside them. Nothing is coerced (the text ``5`` is no number),
and every error names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from service.eligibility.moment import Span
from service.errors import DefinitionError
from service.study.strict_yaml import Map, Seq

T = TypeVar("T")

_SPAN = re.compile(r"(\d+) ([da])\Z")


class _Spot(NamedTuple):
    """Where a value stands, and what it is called there."""

    file: str
    line: int
    name: str

    def error(self, expected: str, value: object) -> DefinitionError:
        shown = f"'{value}'" if isinstance(value, str) else value
        given = "nothing" if value is None else "a list" if isinstance(value, Seq) else shown
        return DefinitionError(
            self.file, self.line, f"'{self.name}' is {'a map' if isinstance(value, Map) else given}.", expected
        )


def read_shape(cls: type[T], node: Map, given: Mapping[str, Any] | None = None) -> T:
    """Build ``cls`` from a mapping whose keys are its field names; ``given`` are fields that do not stand in it.

    Raises ``DefinitionError`` for an unknown key, a missing one, or a value of another type.
    """
    values = dict(given or {})
    kind: Any = cls
    hints = _hints(kind)
    for key, value in node.items():
        if key not in hints or key in values:
            close = get_close_matches(key, hints.keys() - values.keys(), n=1)
            remedy = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(sorted(hints))}."
            raise node.error(f"unknown key '{key}'.", remedy, key)
        values[key] = _read(hints[key], value, _Spot(node.file, node.lines[key], key))
    for field in fields(kind):
        if field.name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise node.error(f"the key '{field.name}' is missing.", "Add it.")
    return cls(**values)


def read_shapes(cls: type[T], node: Map) -> dict[str, T]:
    """Build one ``cls`` for each key of a mapping; the key is its ``id``."""
    return {key: read_shape(cls, submap(node, key), {"id": key}) for key in node}


def submap(node: Map, key: str) -> Map:
    """The mapping under a key. Raises ``DefinitionError`` when the key is missing or holds no mapping."""
    value = _present(node, key)
    if not isinstance(value, Map):
        raise node.error(f"'{key}' is not a map.", "Write 'key: value' lines below it.", key)
    return value


def submaps(node: Map, key: str) -> list[Map]:
    """The list of mappings under a key. Raises ``DefinitionError`` when it is anything else."""
    value = _present(node, key)
    if not isinstance(value, Seq) or not all(isinstance(item, Map) for item in value):
        raise node.error(f"'{key}' is not a list of maps.", "Write '- key: value' lines below it.", key)
    return list(value)


def read_field(node: Map, key: str, kind: type[T]) -> T:
    """One value of a mapping, by its type. Raises ``DefinitionError``."""
    value: T = _read(kind, _present(node, key), _Spot(node.file, node.lines[key], key))
    return value


def refuse_unknown(node: Map, *known: str) -> None:
    """Raise ``DefinitionError`` for the first key that is not known."""
    for key in node:
        if key not in known:
            raise node.error(f"unknown key '{key}'.", f"Known here: {', '.join(known)}.", key)


def _present(node: Map, key: str) -> Any:
    if key not in node:
        raise node.error(f"the key '{key}' is missing.", "Add it.")
    return node[key]


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}  # type: ignore[arg-type]


def _read(kind: Any, value: Any, spot: _Spot) -> Any:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _read_union(get_args(kind), value, spot)
    if origin is Literal:
        return _read_word(get_args(kind), value, spot)
    if origin is dict:
        return _read_dict(get_args(kind)[1], value, spot)
    if origin in {tuple, frozenset}:
        return _read_many(origin, get_args(kind), value, spot)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_read_word([str(member.value) for member in kind], value, spot))
    return _read_map(kind, value, spot) if is_dataclass(kind) else _SCALARS[kind](value, spot)


def _read_map(kind: Any, value: Any, spot: _Spot) -> Any:
    if not isinstance(value, Map):
        raise spot.error("Write a map.", value)
    return read_shape(kind, value)


def _read_union(kinds: tuple[Any, ...], value: Any, spot: _Spot) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) > 1 and isinstance(value, Map):
        rest = [kind for kind in rest if get_origin(kind) is dict or is_dataclass(kind)]
    return _read(rest[0], value, spot)


def _read_dict(kind: Any, value: Any, spot: _Spot) -> dict[str, Any]:
    if not isinstance(value, Map):
        raise spot.error("Write a map.", value)
    return {key: _read(kind, item, _Spot(value.file, value.lines[key], key)) for key, item in value.items()}


def _read_many(origin: Any, kinds: tuple[Any, ...], value: Any, spot: _Spot) -> Any:
    if not isinstance(value, Seq):
        raise spot.error("Write a list, in square brackets or with a dash before each item.", value)
    lines = zip(value, value.lines, strict=True)
    items = [_read(kinds[0], item, _Spot(spot.file, line, spot.name)) for item, line in lines]
    if origin is tuple and kinds[-1] is not Ellipsis and len(items) != len(kinds):
        raise spot.error(f"Write {len(kinds)} items.", value)
    return origin(items)


def _read_word(words: Iterable[str], value: Any, spot: _Spot) -> str:
    word = str(value).lower() if isinstance(value, bool) else value  # absence_means: false
    if word not in words:
        raise spot.error(f"Write one of: {', '.join(words)}.", value)
    return str(word)


def _read_text(value: Any, spot: _Spot) -> str:
    if isinstance(value, str):
        return value
    raise spot.error("Write text, in quotes where it looks like something else.", value)


def _read_bool(value: Any, spot: _Spot) -> bool:
    if isinstance(value, bool):
        return value
    raise spot.error("Write true or false.", value)


def _read_integer(value: Any, spot: _Spot) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise spot.error("Write a whole number.", value)


def _read_decimal(value: Any, spot: _Spot) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise spot.error("Write a number.", value)


def _read_span(value: Any, spot: _Spot) -> Span:
    match = _SPAN.match(value) if isinstance(value, str) else None
    if match is None:
        raise spot.error("Write a number of days or years: 180 d, 5 a.", value)
    return Span(int(match[1]), match[2])


_SCALARS: dict[Any, Callable[[Any, _Spot], Any]] = {
    str: _read_text,
    bool: _read_bool,
    int: _read_integer,
    Decimal: _read_decimal,
    Span: _read_span,
}
