"""The documents keep up with the rules: readings, kinds of leaf, reasons and notes are explained, links lead on."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from service.eligibility import rules
from service.eligibility.findings import Note, Reason
from service.eligibility.results import Status
from service.eligibility.rules import LeafRule, Rule
from service.study.load import default_mappings, load_study
from service.study.references import walk

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES = sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md")})
PARTS = ["Context", "Alternatives", "Decision", "Who decides", "Consequences"]
WITHOUT_ALTERNATIVES = {"0022"}  # many small decisions, each without a rival worth a line

_ROW = re.compile(r"^\| (?:`([\w-]+)`|\*\*([\w -]+)\*\*) \| (.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_SHORTEST = 10  # characters of an explanation


def explained() -> set[str]:
    """Return the words that have a row of their own, with an explanation, in the semantics or the glossary."""
    text = (DOCS / "semantics.md").read_text(encoding="utf-8") + (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    return {code or term for code, term, meaning in _ROW.findall(text) if len(meaning) >= _SHORTEST}


def readings() -> dict[str, set[str]]:
    """Return the decisions that rules name, each with the criteria that rest on it."""
    found: dict[str, set[str]] = {}
    for criterion in load_study(default_mappings()).criteria:
        for rule in walk(criterion.rule):
            if rule.reading is not None:
                found.setdefault(rule.reading, set()).add(criterion.id)
    return found


def anchors(page: Path) -> set[str]:
    """Return the names under which the headings of a page can be linked to."""
    titles = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def operations() -> set[str]:
    """Return the ``op`` of every kind of rule: combinations, leaves, and the leaf asked a second time."""
    kinds = [kind for kind in vars(rules).values() if isinstance(kind, type) and issubclass(kind, Rule)]
    return {kind.op for kind in kinds if kind not in {Rule, LeafRule}}


def test_every_reading_has_one_page() -> None:
    """Each decision that a rule names is a page, and no number stands twice."""
    numbers = [page.name.partition("-")[0] for page in DECISIONS]

    assert readings().keys() <= set(numbers)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_who_decides_and_names_its_criteria(page: Path) -> None:
    """A page has its number in the title, all its parts, and names every criterion whose rules rest on it."""
    text, number = page.read_text(encoding="utf-8"), page.name.partition("-")[0]
    touched = text.partition("\nTouches ")[2].partition("\n")[0]

    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    assert text.startswith(f"# {number} ")
    assert [title for title in _HEADING.findall(text) if title in PARTS] == [
        part for part in PARTS if part != "Alternatives" or number not in WITHOUT_ALTERNATIVES
    ]
    assert {name for name in readings().get(number, set()) if not re.search(rf"\b{name}\b", touched)} == set()


def test_every_decision_is_in_the_list() -> None:
    """The list of decisions links each page once, in the order of their numbers."""
    links = _LINK.findall((DOCS / "decisions" / "README.md").read_text(encoding="utf-8"))

    assert [link for link in links if re.match(r"\d{4}-", link)] == [page.name for page in DECISIONS]


@pytest.mark.parametrize("word", [*Reason, *Note, *Status])
def test_every_word_of_a_result_is_explained(word: str) -> None:
    """Each reason, note and status stands with its meaning in the semantics or the glossary."""
    text = (DOCS / "semantics.md").read_text(encoding="utf-8")

    assert word in explained() or (word in set(Status) and f"| `{word}` |" in text)


@pytest.mark.parametrize("operation", sorted(operations()))
def test_every_kind_of_leaf_is_explained(operation: str) -> None:
    """Each ``op`` that a finding can bear is in the semantics: leaves in their table, combinations in words."""
    text = (DOCS / "semantics.md").read_text(encoding="utf-8")
    leaves = {kind.op for kind in vars(rules).values() if isinstance(kind, type) and issubclass(kind, LeafRule)}

    assert f"`{operation}`" in text
    assert operation in explained() or operation not in leaves


def test_nothing_is_explained_that_is_gone() -> None:
    """The tables of reasons, notes and leaves in the semantics hold no word that results no longer have."""
    text = (DOCS / "semantics.md").read_text(encoding="utf-8")
    for head, words in (("reason", set(Reason)), ("note", set(Note)), ("op", operations())):
        table = re.search(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)

        assert table
        assert {code for code, _, _ in _ROW.findall(table[1])} <= words


def test_every_code_of_our_own_is_listed() -> None:
    """What a site may map to, the codes of the project's own system, stand in the semantics."""
    text = (DOCS / "semantics.md").read_text(encoding="utf-8")
    lexicon = load_study(default_mappings()).lexicon
    ours = {row.code for concept in lexicon.concepts for row in lexicon.rows_of(concept) if row.system == "ssc"}

    assert {code for code in ours if f"`{code}`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the project, or to a heading of one, leads to what is there."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if "://" in link:
            continue
        path, _, heading = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), link
        assert not heading or heading in anchors(target), link
