"""What a coding means: from (system, code) to the concepts of the value sets, the most specific entry first.

It owns matching (prefixes, ranges, listed descendants); which codes exist is data (``mappings/value_sets``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from service.eligibility.code_systems import BLANKS, CATEGORY, CodeSystem, Matching, Stem, tens

_REMEMBERED = 65_536  # distinct codings kept; charts repeat a few hundred, garbage must not fill the memory


class Role(StrEnum):
    """What a code may do for its concept."""

    __hash__ = str.__hash__  # Enum's own hash is slow

    MATCH = "match"  # counts
    REVIEW = "review"  # where nothing better decides, a person does
    HINT = "hint"  # shown, never decides
    NEGATIVE = "negative"  # a documented no, or what cancels a yes


class Meaning(NamedTuple):
    """What one code says about one concept."""

    concept: str
    role: Role
    tags: frozenset[str]
    display: str


class CodeRow(NamedTuple):
    """One entry of a value set; with ``until`` it is the range of ICD categories from ``code`` to it, both included."""

    concept: str
    system: str
    code: str
    until: str | None
    excepts: tuple[str, ...]  # codes inside a range that have their own entry, with all that begins with them
    descendants: bool
    role: Role
    tags: frozenset[str]
    display: str

    @property
    def meaning(self) -> Meaning:
        return Meaning(self.concept, self.role, self.tags, self.display)


class Lexicon:
    """The value sets, indexed by code."""

    def __init__(
        self,
        systems: Iterable[CodeSystem],
        rows: Iterable[CodeRow],
        snomed_children: Mapping[str, Sequence[str]],
    ) -> None:
        """``snomed_children`` lists, by parent, the codes that an entry with descendants holds (systems ``listed``)."""
        self._systems = {system.key: system for system in systems}
        self._keys = {uri: system.key for system in self._systems.values() for uri in system.uris}
        self._children = snomed_children
        self._entries: defaultdict[tuple[str, str], list[CodeRow]] = defaultdict(list)
        self._ranges: defaultdict[str, list[CodeRow]] = defaultdict(list)
        self._by_concept: defaultdict[str, list[CodeRow]] = defaultdict(list)
        self._site_codes: dict[tuple[str, str], tuple[str, str]] = {}
        self._memory: dict[tuple[str | None, str | None], tuple[Meaning, ...]] = {}
        normalise = {system.key: system.normalise for system in self._systems.values()}
        for row in rows:
            self._by_concept[row.concept].append(row)
            if row.until is None:
                self._entries[row.system, normalise[row.system](row.code)].append(row)
            else:
                excepts = tuple(normalise[row.system](code) for code in row.excepts)
                self._ranges[row.system].append(row._replace(excepts=excepts))

    @property
    def concepts(self) -> Collection[str]:
        """The names of the concepts that have at least one code."""
        return self._by_concept.keys()

    def has_system(self, system: str) -> bool:
        """Whether a code system is known by this URI, whatever its codes mean."""
        return _without_blanks(system) in self._keys

    def meanings(self, system: str | None, code: str | None) -> tuple[Meaning, ...]:
        """What a coding as received means: one meaning per concept, none when the system or the code is unknown."""
        known = self._memory.get((system, code))
        if known is None:
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            known = self._memory[system, code] = self._find(system, code)
        return known

    def codes_of(self, concept: str, roles: Collection[Role]) -> list[tuple[str, str]]:
        """(canonical URI, code) of the concept's entries in these roles, with listed descendants and the site's codes.

        A prefix stands as it is; a range stands as ``first-last``.
        """
        codes: dict[tuple[str, str], None] = {}
        for row in self._by_concept.get(concept, ()):
            if row.role in roles:
                system = self._systems[row.system]
                listed = self.listed_under(row)
                written = row.code if row.until is None else f"{row.code}-{row.until}"
                codes.update(dict.fromkeys((system.uris[0], code) for code in (written, *listed)))
        for uri, code in self._site_codes:
            if any(m.concept == concept and m.role in roles for m in self.meanings(uri, code)):
                codes[uri, code] = None
        return list(codes)

    def stems(self, concepts: Iterable[str], roles: Collection[Role]) -> set[Stem]:
        """How every code begins, in whatever spelling, that means one of the concepts in one of the roles."""
        concepts = set(concepts)
        found = set[Stem]()
        for row in (row for concept in concepts for row in self.rows_of(concept) if row.role in roles):
            system = self._systems[row.system]
            if row.until is None:
                found.update(system.stem(code) for code in (row.code, *self.listed_under(row)))
            else:
                found.update(Stem(text, False, system.upper_case, system.remove) for text in tens(row.code, row.until))
        for uri, code in self._site_codes:
            if any(m.concept in concepts and m.role in roles for m in self.meanings(uri, code)):
                found.add(Stem(code, True, False, ""))
        return found

    def rows_of(self, concept: str) -> Sequence[CodeRow]:
        """The entries of a concept as its value set lists them."""
        return self._by_concept.get(concept, ())

    def listed_under(self, row: CodeRow) -> Sequence[str]:
        """The codes that the table of descendants lists for an entry."""
        listed = row.descendants and self._systems[row.system].match is Matching.LISTED
        return self._children.get(row.code, ()) if listed else ()

    def with_site_codes(self, aliases: Mapping[str, str], codes: Iterable[tuple[str, str, str, str]]) -> Lexicon:
        """The same value sets as one site writes them.

        ``aliases`` gives the site's own system URIs for our keys; ``codes`` are (URI, code, key, our code): the site's
        code means what ours means, and nothing else. Raises ``ValueError`` for a key that is no code system.
        """
        codes = list(codes)
        for key in {*aliases.values(), *(key for _, _, key, _ in codes)} - self._systems.keys():
            raise ValueError(f"no code system has the key {key!r}")
        site = copy(self)
        site._keys = self._keys | {_without_blanks(uri): key for uri, key in aliases.items()}  # noqa: SLF001 - our copy
        site._site_codes = self._site_codes | {  # noqa: SLF001 - our copy
            (_without_blanks(uri), code.strip(BLANKS)): (key, ours) for uri, code, key, ours in codes
        }
        site._memory = {}  # noqa: SLF001 - our copy
        return site

    def _find(self, uri: str | None, code: str | None) -> tuple[Meaning, ...]:
        if not uri or not code:
            return ()
        uri = _without_blanks(uri)
        if site_code := self._site_codes.get((uri, code.strip(BLANKS))):
            key, code = site_code
        elif (known := self._keys.get(uri)) is not None:
            key = known
        else:
            return ()
        found: dict[str, Meaning] = {}
        for meaning in self._from_most_specific(self._systems[key], code):
            found.setdefault(meaning.concept, meaning)
        return tuple(found.values())

    def _from_most_specific(self, system: CodeSystem, code: str) -> Iterator[Meaning]:
        code = system.normalise(code)
        yield from (row.meaning for row in self._entries.get((system.key, code), ()))
        if system.match is Matching.PREFIX:
            for length in range(len(code) - 1, 0, -1):
                shorter = self._entries.get((system.key, code[:length]), ())
                yield from (row.meaning for row in shorter if row.descendants)
            for row in self._ranges.get(system.key, ()):
                if row.code <= code[:CATEGORY] <= str(row.until) and not code.startswith(row.excepts):
                    yield row.meaning
        elif system.match is Matching.LISTED:
            yield from self._inherited(system.key, code)

    def _inherited(self, key: str, code: str) -> Iterator[Meaning]:
        """From the nearest parents first; equal ones of one concept and role lend all their tags."""
        parents = [
            row
            for parent in self._parents.get(code, ())
            for row in self._entries.get((key, parent), ())
            if row.descendants
        ]
        parents.sort(key=lambda row: len(self._children[row.code]))  # the narrower list is the nearer parent
        for row in parents:
            alike = [other.tags for other in parents if (other.concept, other.role) == (row.concept, row.role)]
            yield row.meaning._replace(tags=frozenset().union(*alike))

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        parents = defaultdict(list)
        for parent, children in self._children.items():
            for child in children:
                parents[child].append(parent)
        return parents


def _without_blanks(uri: str) -> str:
    """Real charts hold ``http: //snomed.info/sct``."""
    return "".join(uri.split())
