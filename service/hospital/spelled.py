"""The codes of a concept as a server is asked for them.

A server finds codes as they are written, not those below them. Of a code that holds all that begin with it (ICD) those
of the value sets are asked for and, digit by digit, those that may stand below it, with and without the dot; other
spellings than these are not found by searches. A folder or an export is read in every spelling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from service.eligibility.code_systems import CATEGORY
from service.eligibility.codes import CodeRow, Lexicon
from service.eligibility.entry import COUNTED

_LONGEST = 6  # characters of an ICD code without its dot, ATIH's extensions included


def spelled(lexicon: Lexicon, concept: str) -> Iterator[str]:
    """Yield the codes of a concept, in the spellings that a server is asked for."""
    yield from (code for _, code in lexicon.codes_of(concept, COUNTED))  # the site's own too
    for row in lexicon.rows_of(concept):
        if row.role not in COUNTED:
            continue
        below = row.until is not None or (row.descendants and not lexicon.listed_under(row))
        for code in _categories(row):
            bare = code.replace(".", "")
            for each in _below(bare) if below else (bare,):
                yield each
                if len(each) > CATEGORY and (each[0].isalpha() or "." in code):
                    yield f"{each[:CATEGORY]}.{each[CATEGORY:]}"


def _categories(row: CodeRow) -> Sequence[str]:
    if row.until is None:
        return (row.code,)
    letter, first, last = row.code[0], row.code[1:CATEGORY], row.until[1:CATEGORY]
    return [f"{letter}{number:02}" for number in range(int(first), int(last) + 1)]


def _below(code: str) -> Iterator[str]:
    """Yield a code and what may stand below it, two digits deep."""
    yield code
    for depth in (1, 2):
        if len(code) + depth <= _LONGEST:
            yield from (f"{code}{''.join(digits)}" for digits in product("0123456789", repeat=depth))
