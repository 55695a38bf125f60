"""Text from charts inside Markdown: it shows as it is, and can neither format, nor link, nor be HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Those that format within a line, and those by which GitHub's flavour makes a link of bare text.
_SPECIAL = re.compile(r"[\\`*_\[\]|~@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # good too where a client shows Markdown as HTML


def escape(text: str) -> str:
    """Return text of one line that Markdown shows as it is."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return _SPECIAL.sub(r"\\\g<0>", plain).translate(_ENTITIES)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts, which are escaped here."""
    lines = [heads, ["---"] * len(heads)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*written, *(f"| {' | '.join(map(escape, row))} |" for row in rows)])
