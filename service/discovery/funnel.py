"""The funnel of a run as a picture: of each criterion how many pass, are open, or fail. It needs no script."""

from __future__ import annotations

from service.discovery.html import Html, element
from service.discovery.phrases import Phrases
from service.discovery.sections import Report, Told
from service.eligibility.study import Study

# From light to dark in this order, so that a print in grey tells them apart too.
COLOURS = {"pass": "#d3eccd", "to_confirm": "#8db4da", "missing_data": "#bf6a1f", "fail": "#571735"}

_TOP, _ROW, _BAR = 56, 22, 14
_LABEL, _WIDTH, _COUNT = 330, 400, 62  # of the three columns; a count's is one of four
_INK, _PALE = "#222222", "#999999"
_LONGEST = 48  # characters of a label that fit


def write_funnel(report: Report, study: Study, language: str = "en") -> Html:
    """Return the picture as one SVG element, which is a file of its own too."""
    told = Told(report, study, language)
    rows, words = report["funnel"], told.words
    width, height = _LABEL + _WIDTH + 4 * _COUNT + 20, _TOP + _ROW * len(rows) + 10
    return element(
        "svg",
        element("title", f"{told.title}: {words.funnel}", id="funnel-title"),
        element("desc", words.funnel_told.format(screened=report["screened"]), id="funnel-told"),
        *_legend(words),
        *(_row(told, row, _TOP + _ROW * number) for number, row in enumerate(rows)),
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_labelledby="funnel-title funnel-told",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        font_family="sans-serif",
        font_size=12,
        fill=_INK,
    )


def _legend(words: Phrases) -> list[Html]:
    """The colours with their words, and the heads of the counts, which are the colours again."""
    shown, step = list[Html](), (_WIDTH + 4 * _COUNT) // len(COLOURS)
    for number, (outcome, colour) in enumerate(COLOURS.items()):
        shown.append(_box(_LABEL + number * step, 12, 12, colour, 12))
        shown.append(_text(words.outcomes[outcome], _LABEL + number * step + 18, 22))
        shown.append(_box(_count_at(number) - 12, 38, 12, colour, 8))
    return shown


def _row(told: Told, row: Report, top: int) -> Html:
    label, total, left = told.criterion(row["id"]), sum(row[outcome] for outcome in COLOURS), float(_LABEL)
    counts = told.words.counts.format(**row)
    parts = [element("title", f"{label}: {counts}"), _text(_cut(label), 10, top + 12)]
    for outcome, colour in COLOURS.items():
        if row[outcome]:
            wide = _WIDTH * row[outcome] / total
            parts.append(_box(left, top, wide, colour, _BAR))
            left += wide
    if not total:
        parts.append(_box(_LABEL, top, _WIDTH, "none", _BAR))
    parts += [
        _text(row[outcome], _count_at(number), top + 12, text_anchor="end") for number, outcome in enumerate(COLOURS)
    ]
    return element("g", *parts)


def _count_at(number: int) -> int:
    """Where the numbers of a column end."""
    return _LABEL + _WIDTH + (number + 1) * _COUNT


def _box(left: float, top: int, wide: float, colour: str, high: int) -> Html:
    return element(
        "rect", x=_number(left), y=top, width=_number(wide), height=high, fill=colour, stroke=_PALE, stroke_width="0.5"
    )


def _text(text: str | int, left: int, bottom: int, **attributes: str) -> Html:
    return element("text", text, x=left, y=bottom, **attributes)


def _number(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1].rstrip()}…"
