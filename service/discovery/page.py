"""The report of a run as one page that needs nothing else: no script, no file, no font from anywhere."""

from __future__ import annotations

import base64
import hashlib

from service.discovery.funnel import write_funnel
from service.discovery.html import Html, element
from service.discovery.sections import Report, Section, Told
from service.eligibility.study import Study

_STYLE = Html(
    "body{font:16px/1.5 sans-serif;color:#222;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #ddd}"
    "td{overflow-wrap:anywhere}.note{font-weight:bold}svg{max-width:100%;height:auto}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def write_page(report: Report, study: Study, language: str = "en") -> str:
    """Return the page in a language of the report."""
    told = Told(report, study, language)
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Html('<meta name="viewport" content="width=device-width">'),
        element("title", told.title),
        element("style", _STYLE),
    )
    sections = (_section(each, told) for each in told.sections())
    body = element("body", element("main", element("h1", told.title), *sections))
    return f"<!doctype html>\n{element('html', head, body, lang=language)}\n"


def _section(section: Section, told: Told) -> Html:
    parts = [element("h2", section.title)] if section.title else []
    if section.name == "funnel":
        parts.append(write_funnel(told.report, told.study, told.language))
    elif section.rows:
        parts.append(_table(section))
    if section.note:
        parts.append(element("p", section.note, class_="note" if section.name == "run" else "told"))
    return element("section", *parts)


def _table(section: Section) -> Html:
    if not section.heads:  # pairs of a name and a value
        rows = (
            element("tr", element("th", name, scope="row"), *(element("td", value) for value in values))
            for name, *values in section.rows
        )
        return element("table", *rows)
    head = element("tr", *(element("th", name, scope="col") for name in section.heads))
    rows = (element("tr", *(element("td", value) for value in row)) for row in section.rows)
    return element("table", element("thead", head), element("tbody", *rows))
