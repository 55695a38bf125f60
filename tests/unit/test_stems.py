"""How the spellings of a code begin that a search by bytes looks for, and what it must not pass over."""

import pytest

from service.eligibility.code_systems import CodeSystem, Matching, Stem
from service.eligibility.codes import CodeRow, Lexicon, Role

LISTED = CodeSystem("listed", ("urn:listed",), Matching.LISTED)
EXACT = CodeSystem("exact", ("urn:exact",), Matching.EXACT)
GROUPS = CodeSystem("groups", ("urn:groups",), Matching.PREFIX, upper_case=True)  # as ATC: nothing inside a code
DOTTED = CodeSystem("dotted", ("urn:dotted",), Matching.PREFIX, remove=".", upper_case=True)  # as ICD


def entry(system: str, code: str, *, concept: str = "thing", role: Role = Role.MATCH, **more: object) -> CodeRow:
    """Return an entry of a small made-up value set."""
    until, descendants = more.get("until"), bool(more.get("descendants", True))
    return CodeRow(concept, system, code, until, (), descendants, role, frozenset(), code)  # type: ignore[arg-type]


def lexicon(*rows: CodeRow) -> Lexicon:
    """Return the value sets of these entries; ``parent`` has one listed descendant."""
    return Lexicon([LISTED, EXACT, GROUPS, DOTTED], rows, {"parent": ["child"]})


def stems(*rows: CodeRow) -> set[Stem]:
    """Return the stems of what counts for the thing."""
    return lexicon(*rows).stems(["thing"], [Role.MATCH])


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        # A code with marks inside is found by its category; one of digits alone needs a fourth character.
        ("dotted", "m34.81", Stem("M34", False, True, ".")),
        ("dotted", "710.1", Stem("7101", False, True, ".")),
        ("groups", "l04aa06", Stem("L04AA06", False, True, "")),
        ("exact", "8068-9", Stem("8068-9", True, False, "")),
        ("listed", "128460000", Stem("128460000", True, False, "")),
    ],
)
def test_how_every_spelling_of_a_code_begins(system: str, code: str, expected: Stem) -> None:
    """Whole where nothing may follow, the category where anything may, in the case that its system compares."""
    assert stems(entry(system, code)) == {expected}


def test_a_range_begins_as_its_categories_do() -> None:
    """Every ten of categories between both ends, and anything may follow."""
    assert stems(entry("dotted", "B95", until="C12")) == {
        Stem(ten, False, True, ".") for ten in ("B9", "C0", "C1")
    }  # fmt: skip


def test_listed_descendants_are_searched_too() -> None:
    """Those of an entry that asks for them, in a system whose table lists them; no other has any."""
    asking, alone, other = (
        entry("listed", "parent"),
        entry("listed", "parent", descendants=False),
        entry("groups", "parent"),
    )
    whole = {Stem(code, True, False, "") for code in ("parent", "child")}

    assert stems(asking) == whole
    assert stems(alone) == {Stem("parent", True, False, "")}
    assert [list(lexicon(row).listed_under(row)) for row in (asking, alone, other)] == [["child"], [], []]


def test_other_concepts_and_other_roles_are_not_searched() -> None:
    """Neither by our codes nor by a site's own, which is looked for as it is written."""
    ours = lexicon(
        entry("exact", "yes"),
        entry("exact", "hint", role=Role.HINT),
        entry("exact", "another", concept="another"),
    )
    site = ours.with_site_codes(
        {}, [("urn:lab", f"Local.{code}", "exact", code) for code in ("yes", "hint", "another")]
    )

    assert ours.stems(["thing"], [Role.MATCH]) == {Stem("yes", True, False, "")}
    assert site.stems(["thing"], [Role.MATCH]) == {Stem("yes", True, False, ""), Stem("Local.yes", True, False, "")}
    assert site.codes_of("thing", [Role.MATCH]) == [("urn:exact", "yes"), ("urn:lab", "Local.yes")]


def test_only_blanks_that_a_search_by_bytes_knows_stand_beside_a_code() -> None:
    """A wider blank of Unicode is none of them: what the search passes over must not count either."""
    found = lexicon(entry("exact", "8068-9"))

    assert found.meanings("urn:exact", "\t8068-9\u00a0")
    assert not found.meanings("urn:exact", "\u20038068-9")


def test_a_sites_own_code_is_taken_as_the_site_writes_it() -> None:
    """With a wider blank where it has one, and without where it has none."""
    codes = [("urn:lab", written, "exact", "yes") for written in (" plain ", "\u2003wide")]
    site = lexicon(entry("exact", "yes")).with_site_codes({}, codes)

    assert site.meanings("urn:lab", "plain")
    assert site.meanings("urn:lab", "\u2003wide")
    assert not site.meanings("urn:lab", "\u2003plain")
    assert not site.meanings("urn:lab", "wide")


def test_a_group_of_one_letter_holds_its_members() -> None:
    """As the first level of ATC does."""
    assert lexicon(entry("groups", "L")).meanings("urn:groups", "L04AA06")


def test_the_nearer_parent_speaks_whatever_it_is_called() -> None:
    """Of two parents with different roles the one with the narrower list, also where the alphabet says otherwise."""
    rows = [entry("listed", "broad", role=Role.REVIEW), entry("listed", "near")]
    found = Lexicon([LISTED], rows, {"broad": ["near", "leaf"], "near": ["leaf"]})

    assert [meaning.role for meaning in found.meanings("urn:listed", "leaf")] == [Role.MATCH]


def test_a_code_system_is_known_by_its_uri() -> None:
    """Blanks inside it do not count; any other URI is unknown."""
    assert lexicon().has_system("urn: exact")
    assert not lexicon().has_system("urn:nobody")
