"""A report as people see it: page, picture, terminal and mail, in the words of their language."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from service import terminal_report
from service.cli_service import OF_A_PATIENT
from service.discovery.funnel import COLOURS, write_funnel
from service.discovery.model import NOT_POSTED
from service.discovery.page import write_page
from service.discovery.phrases import LANGUAGES
from service.discovery.report import OUTCOMES
from service.discovery.sections import Told
from service.discovery.summary import announcement, summarise
from service.terminal import console
from tests.nights import eventful, report
from tests.verdicts import shipped_study

GOLDEN = Path(__file__).parents[2] / "golden/report"
SVG = "{http://www.w3.org/2000/svg}"
LINK = "https://candor.hospital.example/api/v1/discovery-runs/run-1"


@cache
def told() -> dict[str, Any]:
    """Return a report with something of everything."""
    return eventful()


def on_terminal(of: dict[str, Any]) -> str:
    """Return what a terminal that is no terminal shows."""
    shown = console()
    shown.file = io.StringIO()
    terminal_report.show(of, shipped_study(), shown)
    return "\n".join(line.rstrip() for line in shown.file.getvalue().splitlines()) + "\n"


GOLDEN_FILES: dict[str, Callable[[], str]] = {
    "report.json": lambda: json.dumps(told(), indent=2, ensure_ascii=False) + "\n",
    "terminal.txt": lambda: on_terminal(told()),
    "page.en.html": lambda: write_page(told(), shipped_study()),
    "page.fr.html": lambda: write_page(told(), shipped_study(), "fr"),
    "funnel.en.svg": lambda: f"{write_funnel(told(), shipped_study())}\n",
    "funnel.fr.svg": lambda: f"{write_funnel(told(), shipped_study(), 'fr')}\n",
    "mail.en.txt": lambda: "\n\n".join(summarise(told(), LINK)),
    "mail.fr.txt": lambda: "\n\n".join(summarise(told(), LINK, "fr")),
}


@pytest.mark.parametrize("file", GOLDEN_FILES)
def test_it_is_as_reviewed(file: str) -> None:
    """Golden files: look at the difference before you renew them."""
    assert GOLDEN_FILES[file]() == (GOLDEN / file).read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags, self.attributes, self.open, self.style = list[str](), set[str](), list[str](), ""
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take the end of one, which is the one that is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_runs_nothing_and_loads_nothing(language: str) -> None:
    """No script, no address, no style but the one whose hash its policy names; every element is closed."""
    text = write_page(told(), shipped_study(), language)
    page = Page(text)

    assert not {"script", "link", "img", "iframe", "object", "form", "a", "i"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on") or name in ("style", "src", "href")}
    assert page.open == []
    hashed = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{hashed}';" in text
    assert page.tags.count("svg") == 1


def test_what_comes_from_a_source_is_text_and_nothing_else() -> None:
    """A patient's id, a unit and a file's name may hold anything; what turns the writing around is replaced."""
    hostile = '"><script>alert(1)</script>&amp;\u202eabc\x1b[2J'
    of = told() | {
        "unread": [hostile],
        "failed": [{"patient": hostile, "error": hostile}],
        "source": hostile,
        "coverage": [told()["coverage"][0] | {"unreadable_units": [{"unit": hostile, "n": 1}]}],
        "missing": [{"notion": hostile, "patients": 1, "unlocks": [hostile]}],
    }
    page = Page(write_page(of, shipped_study()))

    assert "script" not in page.tags
    assert page.text.count("<script>alert(1)</script>&amp;\N{REPLACEMENT CHARACTER}abc") >= 5
    assert not {"\u202e", "\x1b"} & set(page.text + on_terminal(of))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_tells_everything_to_those_who_do_not_see_it(language: str) -> None:
    """A title, a description, and of each criterion its name with its numbers; no script."""
    picture = ET.fromstring(write_funnel(told(), shipped_study(), language))  # noqa: S314 - our own
    ids = {element.get("id"): element.text for element in picture.iter() if element.get("id")}
    rows = [row.findtext(f"{SVG}title") or "" for row in picture.iter(f"{SVG}g")]

    assert picture.get("role") == "img"
    assert all(ids[name] for name in (picture.get("aria-labelledby") or "").split())
    assert [row.split()[0] for row in rows] == [criterion.id for criterion in shipped_study().criteria]
    assert len(rows) == 24
    counts = next(row for row in told()["funnel"] if row["id"] == "E11")
    assert re.findall(r"\d+", rows[20].partition(": ")[2]) == [str(counts[outcome]) for outcome in COLOURS]
    assert {element.tag.removeprefix(SVG) for element in picture.iter()} == {
        "svg",
        "title",
        "desc",
        "g",
        "rect",
        "text",
    }


def test_bars_are_as_long_as_the_numbers_say() -> None:
    """All of a row together are as long as every other row's; nobody has no bar."""
    picture = ET.fromstring(write_funnel(told(), shipped_study()))  # noqa: S314 - our own
    row = list(picture.iter(f"{SVG}g"))[20]
    bars = {rect.get("fill"): float(rect.get("width") or 0) for rect in row.iter(f"{SVG}rect")}
    counts = next(row for row in told()["funnel"] if row["id"] == "E11")
    total = sum(counts[outcome] for outcome in COLOURS)

    assert bars == {
        colour: pytest.approx(400 * counts[outcome] / total, abs=0.1)
        for outcome, colour in COLOURS.items()
        if counts[outcome]
    }


def test_the_colours_differ_in_grey() -> None:
    """Each is darker than the one before by far, so that a print without colours tells them apart."""

    def light(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    lights = [light(colour) for colour in COLOURS.values()]
    assert all(one - other > 45 for one, other in pairwise(lights))


def test_nobody_screened_is_a_picture_too() -> None:
    """Without people the bars are empty."""
    picture = ET.fromstring(write_funnel(report({}), shipped_study()))  # noqa: S314 - our own
    bars = [rect for row in picture.iter(f"{SVG}g") for rect in row.iter(f"{SVG}rect")]

    assert {bar.get("fill") for bar in bars} == {"none"}
    assert "Nobody." in on_terminal(report({}))


def test_a_dry_run_is_said_to_be_one() -> None:
    """Nobody looks for what was posted."""
    dry = report({}, dry_run=True)

    assert "A dry run: no result was posted" in on_terminal(dry)
    assert "Essai à blanc" in write_page(dry, shipped_study(), "fr")
    assert "dry run" not in on_terminal(report({}))


@pytest.mark.parametrize("code", [*OF_A_PATIENT, NOT_POSTED, "server-refuses", "try-later"])
def test_why_somebody_is_not_screened_is_told_in_french(code: str) -> None:
    """Of whom failed, and of who left the list: no English stands between."""
    of = report({}) | {"failed": [{"patient": "Patient/a", "error": code}]}
    of |= {"lost": [{"patient": "Patient/b", "status": code, "priority": None, "because": []}]}
    rows = dict(re.findall(r"<td>(Patient/[ab])</td><td>([^<]*)", write_page(of, shipped_study(), "fr")))

    assert code.replace("-", " ") not in rows.values()
    assert rows["Patient/a"] == rows["Patient/b"] != ""


@pytest.mark.parametrize(
    ("language", "words"), [("en", "g/l × 2, without a unit: 3"), ("fr", "g/l × 2, sans unité : 3")]
)
def test_values_without_a_unit_are_counted(language: str, words: str) -> None:
    """In words that take none for a unit."""
    units = [{"unit": "g/l", "n": 2}, {"unit": "", "n": 3}]
    of = told() | {"coverage": [told()["coverage"][0] | {"unreadable_units": units}]}

    assert words in write_page(of, shipped_study(), language)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "Personnes examinées : 6, soit 6.0 par seconde d'examen."),
        ({"source": "/data/export"}, "Personnes passées en revue : 1000, soit 667 par seconde sur toute la durée."),
        ({"source": "bulk"}, "Personnes passées en revue : 1000, soit 667 par seconde sur toute la durée."),
        ({"source": "bulk", "since": "2026-11-22"}, "Personnes examinées : 6, soit 6.0 par seconde d'examen."),
        ({"timings": {"screen": 0.5, "report": 0.1}}, "La recherche a été reprise : ceci est sa dernière partie."),
        ({"screened": 0}, ""),
        ({"timings": {"select": 0.1, "screen": 0.0}}, ""),
    ],
)
def test_how_fast_it_was_is_told_where_that_means_something(facts: dict[str, Any], words: str) -> None:
    """Of a source that was looked through whole everybody; of searches and of what changed whoever was screened."""
    shown = list(Told(told() | {"since": None} | facts, shipped_study(), "fr").sections())[-1]

    assert (shown.title, shown.note) == ("Durée", words)
    assert shown.rows[-1] == ("en tout", "1.5")


def test_a_terminal_shows_the_first_of_many() -> None:
    """And says how many more there are; the page has all."""
    many = report({f"Patient/{number:03}": "try-later" for number in range(60)})

    assert "Patient/049" in on_terminal(many)
    assert "Patient/050" not in on_terminal(many)
    assert "and 10 more" in on_terminal(many)
    assert "Patient/059" in write_page(many, shipped_study())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_has_numbers_and_a_link_alone(language: str) -> None:
    """No patient, no value, no record: whoever reads over a shoulder learns how many."""
    mail = "".join(summarise(told(), LINK, language))

    assert LINK in mail
    assert "Patient/" not in mail
    assert sorted(re.findall(r"\d+", mail.replace(LINK, "").replace("2026-11-23", "").replace("NCT06722105", ""))) == [
        str(len(told()[name])) for name in sorted(("new", "changed", "lost") * 2, key=lambda name: len(told()[name]))
    ]


def test_another_system_is_told_numbers_and_a_link_alone() -> None:
    """The same for machines."""
    assert announcement(told(), LINK) == {
        "run": "run-1",
        "study": "NCT06722105",
        "as_of": "2026-11-23",
        "new": 2,
        "changed": 1,
        "lost": 3,
        "failed": 1,
        "unread": 2,
        "link": LINK,
    }


def test_a_twin_has_all_words() -> None:
    """Outcomes are those of the report, in the order of the picture; the same is filled into each sentence."""
    for words in LANGUAGES.values():
        assert list(words.outcomes) == list(COLOURS)
        assert set(words.outcomes) == set(OUTCOMES)
        assert words.statuses.keys() == LANGUAGES["en"].statuses.keys()
        assert list(words.stages) == list(LANGUAGES["en"].stages)
    for name, word in LANGUAGES["fr"]._asdict().items():
        blanks = [set(re.findall(r"\{\w+\}", str(words._asdict()[name]))) for words in LANGUAGES.values()]
        assert word
        assert blanks[0] == blanks[1], name
