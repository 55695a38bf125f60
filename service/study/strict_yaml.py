"""YAML without surprises: what a person reads in the file is what the program gets, or the file is refused.

Plain YAML 1.1 turns the key ``on`` into true, keeps the last of two equal keys in silence and rounds numbers. Here only
``true`` and ``false`` are booleans, numbers are decimals as written, dates stay text, and every value keeps its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from service.errors import DefinitionError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C tokeniser where PyYAML was built with it

_INTEGER = re.compile(r"-?(0|[1-9]\d*)\Z")
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+\Z")
_ODD_NUMBER = re.compile(
    r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?\Z|[-+]?\.(inf|nan)\Z|0[xob][\da-f_]+\Z", re.IGNORECASE
)
_BOOLEANS = {"true": True, "false": False}
_ODD_BOOLEAN = re.compile(r"(y|yes|n|no|on|off|true|false)\Z", re.IGNORECASE)
_ODD_NULL = re.compile(r"(null|~)?\Z", re.IGNORECASE)


class Map(dict[str, Any]):
    """A YAML mapping that knows where it stands."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file, self.line = file, line
        self.lines: dict[str, int] = {}

    def error(self, problem: str, remedy: str = "", key: str | None = None) -> DefinitionError:
        """An error that points at this mapping, or at one of its keys."""
        return DefinitionError(self.file, self.line if key is None else self.lines.get(key, self.line), problem, remedy)


class Seq(list[Any]):
    """A YAML sequence that knows where it stands."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file, self.line = file, line
        self.lines: list[int] = []


def read_yaml(path: Path) -> Map:
    """Read a file whose top is a mapping. Raises ``DefinitionError`` with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DefinitionError(str(path), None, "the file is missing.") from None
    except UnicodeDecodeError:
        raise DefinitionError(str(path), None, "the file is not UTF-8.", "Save it as UTF-8.") from None
    except OSError as error:
        raise DefinitionError(str(path), None, f"the file cannot be read: {error.strerror}.") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str) -> Map:
    """Read a text whose top is a mapping; ``file`` is only named in errors, which are ``DefinitionError``."""
    try:
        document = _Document(yaml.parse(text, Loader=_LOADER), file).read()
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise DefinitionError(file, line, f"not YAML: {error.problem}.") from None
    except yaml.YAMLError:
        raise DefinitionError(file, None, "not YAML: a character that YAML does not allow.") from None
    if not isinstance(document, Map):
        raise DefinitionError(file, 1, "the file does not begin with a key.", "Write 'key: value' lines.")
    return document


class _Document:
    """Builds values from the tokeniser's events."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events, self._file = events, file

    def read(self) -> Any:
        """The value of the one document of the stream."""
        document: Any = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if document is not None:
                    raise self._error(event, "a second document in one file.", "Split the file at the '---' line.")
                document = self._value(next(self._events))
        return document

    def _value(self, event: Any) -> Any:
        if getattr(event, "anchor", None):
            raise self._error(event, "anchors and aliases are not used here.", "Write the value out.")
        if event.tag is not None and not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, f"the tag {event.tag} is not used here.", "Remove it.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event)
        return self._mapping(event)

    def _sequence(self, start: Any) -> Seq:
        result = Seq(self._file, _line(start))
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.lines.append(_line(event))
            result.append(self._value(event))
        return result

    def _mapping(self, start: Any) -> Map:
        result = Map(self._file, _line(start))
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in result:
                raise self._error(event, f"the key '{key}' stands twice.", f"It is also on line {result.lines[key]}.")
            result.lines[key] = _line(event)
            result[key] = self._value(next(self._events))
        return result

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.value == "":
            raise self._error(event, "a key has to be a word.")
        text = str(event.value)
        if event.implicit[0] and (_ODD_BOOLEAN.match(text) or _ODD_NULL.match(text)):
            raise self._error(event, f"the key {text} is not text in YAML.", f'Write "{text}".')
        return text

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        if event.tag is not None and not event.implicit[1]:
            raise self._error(event, f"the tag {event.tag} is not used here.", "Remove it.")
        if not event.implicit[0]:  # quoted, or a block
            return text
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if text == "null":
            return None
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return Decimal(text)
        if text == "":
            raise self._error(event, "a value is missing.", "Write the value, or null, or remove the key.")
        if _ODD_BOOLEAN.match(text) or _ODD_NULL.match(text):
            raise self._error(event, f"{text} is not plain text in YAML.", f'Write true or false, or "{text}".')
        if _ODD_NUMBER.match(text):
            raise self._error(event, f"{text} is not a plain decimal.", f'Write digits and a point, or "{text}".')
        return text

    def _error(self, event: Any, problem: str, remedy: str = "") -> DefinitionError:
        return DefinitionError(self._file, _line(event), problem, remedy)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
