"""Text inside Markdown: a Markdown reader shows it as it was written."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from service.cds.markdown import escape, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(text: str) -> str:
    """Return what a reader of Markdown shows of a table's only cell."""
    html = READER.render(table(["Head"], [[f"x {text} x"]]))
    cells = re.findall(r"<td>(.*)</td>", html)
    assert len(cells) == 1, html
    assert "<" not in cells[0], html
    return unescape(cells[0]).removeprefix("x ").removesuffix(" x")


@pytest.mark.parametrize(
    "text",
    [
        "mm[Hg]",
        "4.2 10*9/L and 3 *bold* _it_ __x__ ~~gone~~",
        "[click](https://evil.example)",
        "![img][1]",
        "`code` ``x``",
        r"a\b \| c",
        "a | b",
        "<script>alert(1)</script> &lt; &amp; <https://evil.example>",
        "5 < 6 & 7 > 6",
        "{score} (22) #1 - + 1. !",
    ],
)
def test_text_shows_as_it_is(text: str) -> None:
    """Whatever would format, link or be HTML is text."""
    assert shown(text) == text


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"])))
def test_any_text_shows_as_it_is(text: str) -> None:
    """No text of printable characters escapes from its cell."""
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("see https://evil.example", "https://"),
        ("see WWW.evil.example", "WWW."),
        ("write to a@evil.example", "a@"),
    ],
)
def test_bare_text_becomes_no_link(text: str, broken: str) -> None:
    """What GitHub's flavour would make a link of is broken up."""
    assert broken not in escape(text)


def test_a_new_line_is_a_blank() -> None:
    """A line break, which would end the table, and other controls are blanks."""
    assert escape("a\nb\r\u2028c\x00d\u202ee") == "a b  c d e"
