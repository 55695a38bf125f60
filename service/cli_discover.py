"""``candor discover``: search the whole hospital, or a folder, tonight."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import msgspec
import typer

from service.config import Settings, load_settings
from service.eligibility.study import Study
from service.errors import InputError, TryLater
from service.output import JsonLines, try_writing, writing
from service.screening.patient import Screener, screening_day

if TYPE_CHECKING:
    from service.discovery.model import RunOrder
    from service.discovery.ports import Told

DONE, IN_PART, STOPPED = 0, 4, 130
SOURCES = ("rest", "bulk")
_EVERY = 10.0  # seconds between two lines that tell of progress
CALLER = "command line"


class Language(StrEnum):
    """Of the page."""

    EN = "en"
    FR = "fr"


class Engine(StrEnum):
    """What reads a folder or an export."""

    LOCAL = "local"
    SPARK = "spark"


def discover(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            metavar="rest|bulk|FOLDER",
            help="Searches on the hospital's server, a Bulk Data export from it, or a folder of NDJSON.",
        ),
    ] = "rest",
    engine: Annotated[Engine, typer.Option(help="What reads a folder or an export.")] = Engine.LOCAL,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The screening date; default: today.")
    ] = None,
    study: Annotated[str | None, typer.Option(metavar="ID", help="The study; default: the first one.")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run that broke off, if its options were these; else begin."),
    ] = False,
    last: Annotated[
        bool,
        typer.Option(
            "--last", help="Search nothing: show the last good run's report again, no --dry-run's or --limit's."
        ),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Look through everybody, not only through what changed since the last run.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Screen no more people than that.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Post and keep no result: only report. Reading is still recorded (AuditEvent)."),
    ] = False,
    count_all: Annotated[
        bool,
        typer.Option("--count-all", help="Count records without codes in the whole export, not in samples: slow."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON instead of tables.")] = False,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page with a picture, too.")
    ] = None,
    language: Annotated[Language, typer.Option(help="Of that page.")] = Language.EN,
    results: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the screenings as NDJSON, too.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings; the environment wins.")
    ] = None,
) -> None:
    """Find everybody who might qualify, screen them, post what changed, and tell what is new and why."""
    from service import logs  # noqa: PLC0415
    from service.discovery.model import RunOrder  # noqa: PLC0415
    from service.screeners import screener  # noqa: PLC0415

    logs.log_to_stderr()
    settings = load_settings(config or context.obj)
    if source == "rest" and engine is not Engine.LOCAL:
        raise InputError("--engine spark reads a folder or an export: name one, or --source bulk.")
    screens = screener(settings, study)
    loaded = screens.study
    order = RunOrder(
        study=loaded.record.id,
        as_of=screening_day(as_of.date() if as_of else None),
        source=source if source in SOURCES or (engine is Engine.SPARK and "://" in source) else _folder(source),
        engine=engine.value,
        full=full,
        limit=limit,
        dry_run=dry_run,
        whole_count=count_all,
        caller=CALLER,
        day_named=as_of is not None,
    )
    for file in filter(None, (page, results)):
        try_writing(file)
    failed = list[InputError]()  # what is said when the report was shown
    if last:
        report, failed = asyncio.run(_last(settings, order, results))
    else:
        try:
            with progress() as told:
                run = _run(settings, screens, order, results, resume=resume, told=told)
                report, failed = asyncio.run(run)
        except KeyboardInterrupt:
            sys.stderr.write("candor: stopped; the same with --resume goes on where it was.\n")
            raise typer.Exit(STOPPED) from None
    if page is not None:
        from service.discovery.page import write_page  # noqa: PLC0415

        with writing(page, failed):
            page.write_text(write_page(report, loaded, language.value), encoding="utf-8")
    _show(report, loaded, json=json)
    for error in failed:
        raise error
    raise typer.Exit(IN_PART if report["failed"] or report["unread"] else DONE)


def _folder(source: str) -> str:
    from service.population.files import printable  # noqa: PLC0415

    folder = Path(source)
    if not source or not folder.exists():
        name = source or "such folder"
        raise InputError(f"There is no {name}: --source is rest, bulk, or a folder.", "source-missing")
    found = str(folder.resolve())
    if printable(found) != found:  # an order is kept as text
        raise InputError(f"The name of {printable(found)} is not UTF-8: rename it.", "source-unreadable")
    return found


async def _run(
    settings: Settings, screens: Screener, order: RunOrder, results: Path | None, *, resume: bool, told: Told
) -> tuple[dict[str, Any], list[InputError]]:
    from service.discoveries import opened, write_results  # noqa: PLC0415
    from service.discovery.ports import RunLost, RunUnderWay  # noqa: PLC0415
    from service.store.store import open_store  # noqa: PLC0415
    from service.work.ports import StoreDown  # noqa: PLC0415

    with open_store(settings.store, settings.home) as store:
        async with opened(settings, store, {order.study: screens}) as discoveries:
            id_ = str(uuid4())
            try:
                run, report = await discoveries.run(id_, order, resume=resume, told=told)
            except (RunUnderWay, RunLost, StoreDown) as error:
                raise TryLater(str(error)) from None
            if resume and run.id != id_:
                sys.stderr.write(f"candor: the run that broke off was resumed, for {run.order.as_of}.\n")
            failed = list[InputError]()
            if results is not None:
                with writing(results, failed):
                    await write_results(discoveries.runs, run, results)
    return report, failed


async def _last(settings: Settings, order: RunOrder, results: Path | None) -> tuple[dict[str, Any], list[InputError]]:
    from service.discoveries import write_results  # noqa: PLC0415
    from service.store.database import opened  # noqa: PLC0415
    from service.store.run_store import SqlRuns  # noqa: PLC0415

    failed = list[InputError]()
    with opened(settings.store, settings.home, alone=False) as database:
        runs = SqlRuns(database)
        run = await runs.last(order.study)
        if run is None or run.report is None:
            raise InputError("No run of this study without --dry-run and --limit has ended well yet.", "no-run")
        if results is not None:
            with writing(results, failed):
                await write_results(runs, run, results)
    return msgspec.json.decode(run.report, type=dict[str, Any]), failed


def _show(report: dict[str, Any], study: Study, *, json: bool) -> None:
    if json:
        JsonLines().line(msgspec.json.encode(report))
        return
    from service import terminal, terminal_report  # noqa: PLC0415

    terminal_report.show(report, study, terminal.console())


@contextmanager
def progress() -> Iterator[Told]:
    """Show on stderr how far a run is: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from service import terminal  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=terminal.console(stderr=True), redirect_stdout=False) as bar:
        tasks: dict[str, Any] = {}

        def told(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total, rate="")
            task = tasks[stage]
            bar.update(task, completed=done, total=total, rate=TaskProgressColumn.render_speed(bar.tasks[task].speed))

        yield told


class _Lines:
    """Tells of progress by lines: of each stage its beginning and end, and every few seconds between."""

    def __init__(self) -> None:
        self._stage, self._at = "", 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if stage == self._stage and done != total and now - self._at < _EVERY:
            return
        self._stage, self._at = stage, now
        sys.stderr.write(f"candor: {stage}: {done}{'' if total is None else f' of {total}'}\n")
