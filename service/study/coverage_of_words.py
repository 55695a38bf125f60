"""Whether every word of a criterion is quoted by a rule or listed as not computed: how a forgotten clause is found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from service.study.protocol import one_line

_WORD = re.compile(r"[^\W_]+|[<>≤≥=±%]")
_LIST_NUMBER = re.compile(r"(?<=[:;] )\d+\.(?= )")  # "…: 1. respiratory …; 2. renal …"


def find(phrase: str, text: str) -> re.Match[str] | None:
    """Where a phrase stands verbatim, white space normalised, in whole words."""
    words = re.escape(one_line(phrase))
    start = r"(?<!\w)" if phrase[:1].isalnum() else ""
    end = r"(?!\w)" if phrase[-1:].isalnum() else ""
    return re.search(start + words + end, one_line(text))


def uncovered(text: str, phrases: Iterable[str], connectives: Collection[str]) -> Iterator[str]:
    """The words that stand in no phrase and are not connectives (lower case), each as it is printed."""
    letters = list(one_line(text))
    for phrase in phrases:
        place = find(phrase, text)
        if place is not None:
            letters[place.start() : place.end()] = " " * (place.end() - place.start())
    rest = _LIST_NUMBER.sub(" ", "".join(letters))
    return (word for word in _WORD.findall(rest) if word.casefold() not in connectives)
