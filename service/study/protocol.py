"""The protocol's text, verbatim in ``protocol.md`` under a head that says where it is from, cut into its criteria."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from service.errors import DefinitionError
from service.study.shape import read_shape
from service.study.strict_yaml import parse_yaml

_FENCE = "---\n"
_SECTION_PREFIX = {"inclusion": "I", "exclusion": "E"}
_ITEM = re.compile(r" {0,3}(\d+)\. +(.*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the text is from and how its lists are announced."""

    source: str
    retrieved: str
    sha256: str
    inclusion: str  # the line above the inclusion criteria
    exclusion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The text and the words of each criterion, white space normalised: I1 … then E1 …."""

    head: Head
    text: str
    criteria: dict[str, str]
    lines: dict[str, int]  # where each criterion begins in the file


def read_protocol(path: Path) -> Protocol:
    """Read the text and find its criteria. Raises ``DefinitionError``, also when its hash is not that of the head."""
    try:
        whole = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DefinitionError(str(path), None, "the file is missing.", "Put the registry's text there.") from None
    except OSError as error:
        raise DefinitionError(str(path), None, f"the file cannot be read: {error.strerror}.") from None
    written, _, text = whole.removeprefix(_FENCE).partition(_FENCE)
    if not whole.startswith(_FENCE) or not text:
        raise DefinitionError(str(path), 1, "the head between two '---' lines is missing.", "Write source and sha256.")
    head = read_shape(Head, parse_yaml(_FENCE + written, str(path)))
    text = text.removeprefix("\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest != head.sha256:
        problem = f"the text below the head has the SHA-256 {digest}, not the one of the head."
        raise DefinitionError(str(path), 1, problem, "Restore the registry's words, or review the criteria anew.")
    first = whole[: len(whole) - len(text)].count("\n") + 1
    criteria: dict[str, str] = {}
    lines: dict[str, int] = {}
    for kind, heading in (("inclusion", head.inclusion), ("exclusion", head.exclusion)):
        for number, (line, words) in _items(path, text.splitlines(), heading).items():
            criteria[f"{_SECTION_PREFIX[kind]}{number}"] = words
            lines[f"{_SECTION_PREFIX[kind]}{number}"] = first + line
    return Protocol(head=head, text=text, criteria=criteria, lines=lines)


def one_line(text: str) -> str:
    """The text with each run of white space as one blank."""
    return " ".join(text.split())


def _items(path: Path, lines: list[str], heading: str) -> dict[str, tuple[int, str]]:
    """The numbered items below a heading, each with all that is nested in it, up to the next line at the margin."""
    if heading not in lines:
        raise DefinitionError(str(path), None, f"no line is '{heading}'.", "Name the line above the list in the head.")
    start = lines.index(heading) + 1
    items: dict[str, tuple[int, list[str]]] = {}
    for offset, line in enumerate(lines[start:], start):
        if line and not line.startswith(" "):
            break
        match = _ITEM.match(line)
        if match is not None:
            items[match[1]] = (offset, [match[2]])
        elif items:
            next(reversed(items.values()))[1].append(line)
    return {number: (line, one_line(" ".join(words))) for number, (line, words) in items.items()}
