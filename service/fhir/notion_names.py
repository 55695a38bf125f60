"""Names of notions in running words: what a record without a known code may be about, as far as its words tell."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from service.eligibility.codes import Lexicon, Role
from service.eligibility.notions import Notion

_SHORTEST = 3  # letters of a name
# What a terminology writes behind a name: axes in brackets, the kind of thing, the specimen, which one of several.
_BEHIND = re.compile(r"\s\[|\s\([^()]*\)\Z|--|[,;:/]|\s(?:in|by)\s(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_REMEMBERED = 16_384  # distinct texts; a laboratory repeats a few hundred


class Names:
    """The names of some notions: their ids and labels, and how the codes that count for them are displayed."""

    def __init__(self, notions: Iterable[Notion], lexicon: Lexicon) -> None:
        self._notions: defaultdict[str, set[str]] = defaultdict(set)
        for notion in notions:
            for text in _texts(notion, lexicon):
                name = " ".join(_words(text))
                if len(name) >= _SHORTEST:
                    self._notions[name].add(notion.id)
        self._longest = max((name.count(" ") + 1 for name in self._notions), default=0)
        self.within = lru_cache(_REMEMBERED)(self._within)

    def _within(self, text: str) -> frozenset[str]:
        """Return the notions that a text names in whole words; a name inside a longer one does not count."""
        words, found, at = _words(text), set[str](), 0
        while at < len(words):
            for end in range(min(len(words), at + self._longest), at, -1):
                if notions := self._notions.get(" ".join(words[at:end])):
                    found |= notions
                    at = end
                    break
            else:
                at += 1
        return frozenset(found)


def _texts(notion: Notion, lexicon: Lexicon) -> Iterator[str]:
    yield notion.id
    yield from notion.label.values()
    for concept in notion.own_concepts:
        for row in lexicon.rows_of(concept):
            if row.role is Role.MATCH:
                yield _BEHIND.split(row.display, maxsplit=1)[0]


def _words(text: str) -> list[str]:
    """Return the words without accents and capitals."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return _WORD.findall(plain.casefold().replace("_", " "))
