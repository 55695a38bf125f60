"""What the command line shows: tables or JSON lines on stdout, how far it is on stderr.

The drawing of tables takes longer to load than a chart to screen: it is imported where it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.output import JsonLines, Output
from service.population.sources import Source


def output_for(*, json: bool) -> Output:
    """Return where results go."""
    if json:
        return JsonLines()
    from service import terminal  # noqa: PLC0415

    return terminal.Tables(terminal.console())


@contextmanager
def progress(source: Source) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, where results do not run over the same terminal; what is given moves it on."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from service import terminal  # noqa: PLC0415

    columns = (TextColumn("screening"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task("screening", total=source.total)
        yield lambda: bar.update(task, completed=source.done)
