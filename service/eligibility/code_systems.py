"""How a code system writes and compares its codes: one spelling of each, and how all the others begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

CATEGORY = 3  # characters of an ICD category: both ends of a range are categories
BLANKS = " \t\n\r\f\v\xa0"  # what may stand beside a code


class Matching(StrEnum):
    """How the codes of a system are compared."""

    EXACT = "exact"
    PREFIX = "prefix"  # an entry with descendants holds every code that begins with it
    LISTED = "listed"  # an entry with descendants holds those that a table lists for it
    SEVEN_CHARACTERS = "seven-characters"  # what follows the seventh character is no part of the code


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """A code system: its URIs as charts write them (the canonical one first) and how its codes are compared."""

    key: str
    uris: tuple[str, ...]
    match: Matching
    remove: str = ""  # characters that are no part of a code, e.g. dots and daggers
    upper_case: bool = False

    def normalise(self, code: str) -> str:
        """The code in the one spelling that is compared."""
        spelling = code.strip(BLANKS)
        if self.remove:
            spelling = self._bare(spelling)
        if self.upper_case and spelling.isascii():  # "ı" is no I
            spelling = spelling.upper()
        return spelling[:7] if self.match is Matching.SEVEN_CHARACTERS else spelling

    def _bare(self, spelling: str) -> str:
        """Without what is no part of a code; more than one such character inside the category makes it none."""
        spelling = spelling.lstrip(self.remove + BLANKS)
        nothing = str.maketrans("", "", self.remove + BLANKS)
        bare = spelling.translate(nothing)
        return bare if spelling[: CATEGORY + 1].translate(nothing)[:CATEGORY] == bare[:CATEGORY] else spelling

    def stem(self, code: str) -> Stem:
        """How every spelling begins that means an entry with this code."""
        code = self.normalise(code)
        by_category = self.match is Matching.PREFIX and bool(self.remove)
        whole = self.match in (Matching.EXACT, Matching.LISTED)
        # A category of digits alone also stands in many a number.
        short = CATEGORY + code[:CATEGORY].isdigit()
        return Stem(code[:short] if by_category else code, whole, self.upper_case, self.remove)


class Stem(NamedTuple):
    """How all spellings of a code begin, blanks and ``remove`` before it left out."""

    text: str
    whole: bool  # nothing but blanks and ``remove`` follows
    any_case: bool
    remove: str  # one of these, or a blank, may stand inside the category, any number of them after it


def tens(first: str, last: str) -> Iterator[str]:
    """``C0`` … ``C9`` of the range C00-C97: how the categories of a range begin."""
    letters = (chr(letter) for letter in range(ord(first[0]), ord(last[0]) + 1))
    pairs = (f"{letter}{digit}" for letter in letters for digit in "0123456789")
    return (pair for pair in pairs if first[:2] <= pair <= last[:2])
