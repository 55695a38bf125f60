"""The report of a run on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.discovery.sections import Report, Section, Told
from service.eligibility.study import Study
from service.terminal import clean

MOST = 50  # rows of one table; the JSON and the page have all

_STYLES = {"new": "green", "lost": "red", "changed": "yellow", "failed": "red", "unread": "red", "coverage": "yellow"}


def show(report: Report, study: Study, console: Console) -> None:
    """Print a report."""
    told = Told(report, study)
    console.print(Text(told.title, style="bold"))
    for section in told.sections():
        if section.title:
            console.print()
            console.print(Text(section.title, style=f"bold {_STYLES.get(section.name, '')}".rstrip()))
        if section.rows:
            console.print(_table(section))
        if (more := len(section.rows) - MOST) > 0:
            console.print(Text(f"and {more} more: --json has all of them.", style="dim"))
        if section.note:
            console.print(Text(clean(section.note)))


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False, show_header=bool(section.heads), header_style="dim")
    for head in section.heads or ("", ""):
        table.add_column(head, overflow="fold")
    for row in section.rows[:MOST]:
        table.add_row(*(Text(clean(text)) for text in row))
    return table
