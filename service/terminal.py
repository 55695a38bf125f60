"""Results on a terminal: one patient whole with the evidence in words, or one line each with the totals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from service.eligibility.findings import Finding, Leaf, Note, Open
from service.eligibility.results import CriterionResult, NotScreened, Outcome, Screening, Status
from service.eligibility.study import Study
from service.screening.document import Document

OUTCOME_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.OPEN: "yellow"}
STATUS_STYLES = {Status.CANDIDATE: "bold green", Status.POTENTIAL_CANDIDATE: "yellow", Status.INELIGIBLE: "red"}
OPEN_WORDS = {Open.MISSING_DATA: "open: missing data", Open.TO_CONFIRM: "open: to confirm"}
NAMED_IN_A_LINE = 2
DAY = len("2026-11-23")  # the time of day is in the JSON
WIDTH = 120  # where the output is no terminal

# A record's text must not move the cursor or colour the screen of whoever reads it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Console(Console):
    """A console whose reader may go away: ``candor … | head`` is no failure."""

    def on_broken_pipe(self) -> None:
        """End the program quietly."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(0) from None


def console(*, stderr: bool = False) -> Console:
    """Return a console for results (stdout) or for everything else (stderr)."""
    plain = _Console(stderr=stderr, highlight=False, soft_wrap=stderr)
    return plain if plain.is_terminal else _Console(stderr=stderr, highlight=False, soft_wrap=stderr, width=WIDTH)


def whole(result: Screening | NotScreened) -> RenderableType:
    """Show one patient's result with every criterion and its evidence."""
    if isinstance(result, NotScreened):
        return Panel(Text(clean(result.detail)), title=_text(f"{result.patient}: {result.code}"), border_style="red")
    parts: list[RenderableType] = [_heading(result), _criteria(result)]
    if result.missing:
        parts.append(_missing(result))
    if result.warnings:
        parts.append(_warnings(result))
    return Group(*parts)


def line(result: Screening | NotScreened) -> Text:
    """Show one patient in one line: status, priority, what fails or is missing."""
    if isinstance(result, NotScreened):
        return Text.assemble(
            f"{clean(result.patient):<24} ", (f"{'not screened':<20}", "magenta"), f" – {clean(result.detail)}"
        )
    priority = str(result.priority or "–")
    return Text.assemble(
        f"{clean(result.patient):<24} ",
        (f"{result.status:<20}", STATUS_STYLES[result.status]),
        f" {priority:^3} {_why(result)}",
        f"; a person has set {clean(result.person_status)}" if result.person_status else "",
    )


class Tables:
    """One patient whole; of several a line each, and the totals."""

    def __init__(self, console: Console) -> None:
        """Print on ``console``."""
        self._console = console
        self._first: tuple[Screening | NotScreened, Document | None] | None = None
        self._counts: Counter[str] = Counter()

    def put(self, result: Screening | NotScreened, written: Document | None = None) -> None:
        """Keep the first result back, for it may be the only one; print the others as they come."""
        self._counts[result.code if isinstance(result, NotScreened) else result.status.value] += 1
        if self._counts.total() == 1:
            self._first = result, written
            return
        if self._first is not None:
            self._console.print(line(self._first[0]), soft_wrap=True)
            self._first = None
        self._console.print(line(result), soft_wrap=True)

    def end(self) -> None:
        """Print the only one whole, or the totals of several."""
        if self._first is not None:
            result, written = self._first
            self._console.print(whole(result))
            if written is not None:
                self._console.print(_written(written))
        elif self._counts:
            counted = ", ".join(f"{number} {status}" for status, number in sorted(self._counts.items()))
            self._console.print(Text(f"{self._counts.total()} patients: {counted}", style="bold"))


def checked(what: str, remedy: str, *, good: bool) -> Text:
    """Show one line of ``check``: what is good, or what is wrong and what to do about it."""
    return Text.assemble(("✓ ", "green") if good else ("✗ ", "bold red"), what, f" {remedy}" if remedy else "")


def _written(written: Document) -> Text:
    if written["done"]:
        return Text(f"Written: {', '.join(written['resources'])}", style="green")
    return Text(f"Not written: {written['why'].replace('-', ' ')}", style="yellow")


def _heading(result: Screening) -> Panel:
    record = result.study.record
    lines = [
        Text.assemble(
            (result.status.value, STATUS_STYLES[result.status]),
            f", priority {result.priority}" if result.priority else "",
            f" on {result.as_of.isoformat()}",
        ),
        Text(f"{record.id} {record.short_title['en']} ({record.status.replace('-', ' ')})", style="dim"),
    ]
    if result.person_status:
        lines.append(Text(f"A person has set the status {clean(result.person_status)}; it stays.", style="bold"))
    if result.recoverable:
        lines.append(Text(f"May change: look again from {result.rescreen_after or 'any day'} on."))
    lines += [Text(f"{failed.code} {failed.date or ''}", style="red") for failed in result.preconditions]
    if not result.study.rulebook.reviewed:
        lines.append(Text("The rules are not signed by a clinician yet.", style="dim"))
    return Panel(Group(*lines), title=_text(result.patient), title_align="left")


def _criteria(result: Screening) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("why", ratio=1)
    for each in result.criteria:
        style = OUTCOME_STYLES[each.outcome]
        words = OPEN_WORDS[each.open] if each.open else each.outcome.value
        title = Text.assemble((each.criterion.title["en"], "bold"), ": ", clean(each.explanation))
        evidence = [Padding(Text(text, style="dim"), (0, 0, 0, 2)) for text in _evidence(each, result.study)]
        table.add_row(each.criterion.id, Text(words, style=style), Group(title, *evidence))
    return table


def _evidence(each: CriterionResult, study: Study) -> Iterator[str]:
    """Say what each record used shows, once."""
    said: set[str] = set()
    for leaf in _leaves(each.finding):
        if not leaf.sources:
            continue
        value = f" {leaf.value.text} {leaf.value.unit}".rstrip() if leaf.value else ""
        received = f" (received as {leaf.value.as_received})" if leaf.value and _differs(leaf) else ""
        dated = f", {leaf.effective[:DAY]}" if leaf.effective else ""
        notes = f" [{', '.join(note.replace('-', ' ') for note in leaf.notes)}]" if leaf.notes else ""
        text = clean(f"{label(study, leaf.notion)}{value}{received}{dated}: {', '.join(leaf.sources)}{notes}")
        if text not in said:
            said.add(text)
            yield text


def _differs(leaf: Leaf) -> bool:
    return leaf.value is not None and leaf.value.as_received not in ("", f"{leaf.value.text} {leaf.value.unit}".strip())


def _leaves(finding: Finding) -> Iterator[Leaf]:
    if isinstance(finding, Leaf):
        yield finding
    else:
        for child in finding.children:
            yield from _leaves(child)


def _missing(result: Screening) -> Panel:
    table = Table(box=None, show_header=False, pad_edge=False)
    for gap in result.missing:
        table.add_row(
            label(result.study, gap.notion), gap.reason.replace("-", " "), f"would settle {', '.join(gap.unlocks)}"
        )
    return Panel(table, title="What is missing, most useful first", title_align="left")


def _warnings(result: Screening) -> Panel:
    lines = [
        Text(clean(f"{warning.source}: {warning.code.replace('-', ' ')}: {warning.detail}"))
        for warning in sorted(set(result.warnings))
    ]
    return Panel(Group(*lines), title="Records to look at", title_align="left", border_style="yellow")


def _why(result: Screening) -> str:
    if result.preconditions:
        return ", ".join(failed.code for failed in result.preconditions)
    failed = [each.criterion.id for each in result.criteria if each.outcome is Outcome.FAIL]
    if failed:
        again = f"; again from {result.rescreen_after}" if result.rescreen_after else ""
        return f"fails {', '.join(failed)}{again}"
    if result.missing:
        named = [label(result.study, gap.notion) for gap in result.missing[:NAMED_IN_A_LINE]]
        more = len(result.missing) - len(named)
        return f"missing: {', '.join(named)}{f' and {more} more' if more else ''}"
    flagged = [each.criterion.id for each in result.criteria if _is_flagged(each.finding)]
    return f"to confirm first: {', '.join(flagged)}" if flagged else "only people's words are open"


def _is_flagged(finding: Finding) -> bool:
    return any(Note.FLAGGED in leaf.notes for leaf in _leaves(finding))


def label(study: Study, notion: str) -> str:
    """Return a notion's name for people."""
    known = study.notions.get(notion)
    return known.label["en"] if known else notion.replace("_", " ")


def _text(text: str) -> Text:
    return Text(clean(text))


def clean(text: str) -> str:
    """Return text that neither moves the cursor nor turns the direction of writing."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
