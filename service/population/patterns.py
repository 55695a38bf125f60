r"""What is looked for in the bytes of an export before anything of it is parsed, as patterns of hyperscan.

They may find too much, never too little: what they find is parsed and judged exactly. A character of a code, an id or
a key that is escaped by its number (``\u004d34``) is not spelled out here: any such line is parsed. How fast they
are depends on their literals: many of at least four bytes that seldom end as the text does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from random import Random

from service.eligibility.code_systems import BLANKS, CATEGORY, Stem
from service.population.bundles import PATIENT

# What may stand before a code besides characters that are no part of it: a quote, a blank (the second byte of U+00A0),
# the last letter of an escape (\\t, \\n, \\r, \\f).
_BEFORE = rb'"\x20\t\n\r\f\v\xa0tnrf'
_AFTER = rb"[^0-9A-Za-z]"

# What may be escaped by number and matters: letters, digits, blanks, and these; not the <, > and & of a text that
# some servers always write so.
_SEEN_ESCAPED = " *+,-./:_"
ESCAPED = (
    rb"\\u00(?:0[9-dD]|20|2[a-fA-F]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA]|[aA]0)",
    rb"\\u202[01]",  # daggers
)
# Patients are many: lines that begin as theirs usually do are only counted, any other that may be of one is parsed.
USUAL_PATIENT = b'{"resourceType":"Patient"'
USUAL_PATIENTS = rb'(?:^|\n)\{"resourceType":"Patient"'
OTHER_PATIENTS = rb'(?:(?:[^{]|[^\n]\{)"resourceType":|\s:?)"Patient"'  # whose only literals are of Patients
STUDIES = (rb'"ResearchSubject"', rb'"ResearchStudy"')
BUNDLE = rb'"Bundle"'  # in which people may be named in its own way
SHARED = (rb'Medication"', rb'OperationOutcome"', BUNDLE, rb"ResearchSubject", rb'ResearchStudy"')

MOST_PEOPLE = 20_000  # of more every line is skimmed
_MARKS = (b"/", b'"')  # before an id
_NO_MORE = rb"[^0-9A-Za-z.\-]"  # after it
_FEW = 300  # of fewer literals hyperscan makes a slower machine
_LONGEST = 8000  # characters of a pattern; hyperscan takes twice as many


def of_stems(stems: Iterable[Stem]) -> list[bytes]:
    """Return what finds every spelling of codes, in one order whatever the order of the stems."""
    return sorted({pattern for stem in stems for pattern in _of_stem(stem)})


def of_people(people: Collection[str], others: Iterable[str] = ()) -> list[bytes]:
    """Return what finds the records of each ``Patient/id``, and the Patient itself, however a reference names them.

    ``others`` are some more people of the source: they tell how much of an id is needed to tell it from the rest.
    """
    names = _names(people, _FEW)
    length, from_end = _telling(people, others)
    if from_end:
        return sorted({mark + text for name in names for mark, text in _endings(name, length)})
    return sorted({mark + _begin(name, length) for name in names for mark in _MARKS})


def of_references(people: Collection[str], others: Iterable[str] = ()) -> list[bytes]:
    """Return what finds references to people: nearly twice as fast as ``of_people``, where nothing else is theirs."""
    length, from_end = _telling(people, others)
    if from_end:
        return of_people(people, others)
    shared, parts = rb"Patient\\?/", [list[bytes]()]
    for text in sorted({_begin(name, length) for name in _names(people, _FEW // 10)}):
        if sum(map(len, parts[-1])) + len(text) > _LONGEST:
            parts.append([])
        parts[-1].append(text)
    return [shared + b"(?:" + b"|".join(part) + b")" for part in parts]


def compiled(patterns: Sequence[bytes]) -> bytes:
    """Return a database of hyperscan that finds these; the number of a pattern is its place."""
    import hyperscan  # noqa: PLC0415 - only the search of a whole export needs it

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [hyperscan.HS_FLAG_DOTALL] * len(patterns)
    database.compile(expressions=list(patterns), ids=list(range(len(patterns))), elements=len(patterns), flags=flags)
    return bytes(hyperscan.dumpb(database))


def _of_stem(stem: Stem) -> Iterator[bytes]:
    written = [_character(each, any_case=stem.any_case) for each in stem.text]
    # Of a removed character of several bytes the last one.
    before = b"[" + _BEFORE + b"".join(rb"\x%02x" % each.encode()[-1] for each in stem.remove) + b"]"
    if not stem.remove:
        yield before + b"".join(written) + (_AFTER if stem.whole else b"")
    else:
        letters, more = written[:CATEGORY], written[CATEGORY:]
        inside = sorted({_raw(each) for each in stem.remove + BLANKS if each.isprintable() or not each.isascii()})
        gap = b"(?:" + b"|".join([*inside, rb"\\[tnrf]"]) + b")"
        after = b"".join(gap + b"*" + each for each in more)
        yield before + b"".join(letters) + after
        for place in range(1, len(letters)):
            yield before + b"".join(letters[:place]) + gap + b"".join(letters[place:]) + after


def _names(people: Collection[str], least: int) -> list[str]:
    """Return the ids of people, and some that are made up where they are too few."""
    names = sorted(person.removeprefix(PATIENT) for person in people)
    made_up = Random(0)  # noqa: S311 - no secret
    return [*names, *(f"{made_up.getrandbits(128):032x}" for _ in range(least - len(names)))]


def _telling(people: Collection[str], others: Iterable[str]) -> tuple[int, bool]:
    """How many characters of an id tell nearly all from one another, and whether these are its last ones.

    Where ids begin alike, by the name of the hospital or as numbers do, fewer of their last characters tell them.
    """
    names = {person.removeprefix(PATIENT) for person in (*people, *others)}
    for length in (6, 8, 10, 12, 16, 24, 36):
        for from_end in (False, True):
            if len({name[-length:] if from_end else name[:length] for name in names}) >= 0.99 * len(names):
                return length, from_end
    return max(map(len, names), default=0), False


def _begin(name: str, length: int) -> bytes:
    """How an id begins; a short one stands whole, and nothing of an id follows."""
    return b"".join(map(_character, name[:length])) + (_NO_MORE if len(name) <= length else b"")


def _endings(name: str, length: int) -> Iterator[tuple[bytes, bytes]]:
    """How an id ends, and what stands before: of a longer one anything may."""
    for mark in _MARKS if len(name) <= length else (b"",):
        yield mark, b"".join(map(_character, name[-length:])) + _NO_MORE


def _character(character: str, *, any_case: bool = False) -> bytes:
    """As JSON may write it."""
    if character.isascii() and character.isalnum():
        both = any_case and character.isalpha()
        return f"[{character.upper()}{character.lower()}]".encode() if both else character.encode()
    if character == "/":
        return rb"\\?/"
    if character in _SEEN_ESCAPED:
        return _raw(character)
    forms = [_raw(character), _by_number(character)]
    if character in '"\\':
        forms = [b"\\\\" + _raw(character), forms[1]]
    return b"(?:" + b"|".join(forms) + b")"


def _raw(character: str) -> bytes:
    return b"".join(rb"\x%02x" % byte for byte in character.encode(errors="surrogatepass"))


def _by_number(character: str) -> bytes:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    digits = [f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in units]
    return "".join(rf"\\u{''.join(digits[i : i + 4])}" for i in range(0, len(digits), 4)).encode()
