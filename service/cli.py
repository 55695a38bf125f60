"""The command line: results go to stdout, everything else to stderr, and the exit code says how it went.

The web framework, the HTTP client, the FHIR models and the drawing of tables take longer to load than a chart to
screen: the commands that need them import them.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from datetime import date, datetime
from io import TextIOWrapper
from pathlib import Path
from traceback import extract_tb
from typing import Annotated

import typer

from service import __version__
from service.cli_discover import discover
from service.cli_keys import keys
from service.cli_output import output_for, progress
from service.cli_store import forget, jobs
from service.cli_subscriptions import subscriptions
from service.config import Settings, load_settings, unknown_names
from service.eligibility.results import NotScreened
from service.errors import FULL, CandorError, InputError, TryLater
from service.output import drop_rest
from service.population.sources import Source, open_source
from service.screeners import load, screener
from service.screening.patient import Answer, Result, Screener, reference_of, screening_day, today
from service.screening.ports import Pulled
from service.study.review_sheet import review_sheet
from service.study.signoff import sign

DONE, BUG, USAGE, SETTING, IN_PART, LATER = 0, 1, 2, 3, 4, 75

cli = typer.Typer(
    name="candor",
    help="Pre-screen charts read over FHIR R4 against the eligibility criteria of a clinical trial.",
    epilog="Exit codes: 0 done; 2 usage, or SOURCE cannot be read; 3 a setting is missing or wrong; 4 done in part: a "
    "patient or a line could not be read, or a result not written; 75 the hospital server is down or says "
    "later, or the store is in use. To begin: candor demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(keys)
cli.add_typer(jobs)
cli.add_typer(subscriptions)
cli.command()(discover)
cli.command()(forget)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"candor {__version__}")
        raise typer.Exit


def _source(text: str) -> Path:
    if not text:  # as of an unset variable in a script; Path would make it the current folder
        raise typer.BadParameter("it is empty.")
    return Path(text)


Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings; the environment wins.")
]
Study = Annotated[str | None, typer.Option("--study", metavar="ID", help="The study; default: the first one.")]
Version = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")]


@cli.callback()
def common(context: typer.Context, config: Config = None, version: Version = False) -> None:  # noqa: ARG001 - eager
    """Keep what may stand before every command."""
    context.obj = config


@cli.command()
def screen(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            parser=_source,
            help="A Bundle, an NDJSON file or a folder of either. Without it: the hospital server.",
        ),
    ] = None,
    patient: Annotated[str | None, typer.Option(metavar="ID", help="Only this patient: 123 or Patient/123.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The screening date; default: today.")
    ] = None,
    study: Study = None,
    json: Annotated[bool, typer.Option("--json", help="JSON, a line for each patient, instead of a table.")] = False,
    write_back: Annotated[bool, typer.Option("--write-back", help="Post the result to the hospital server.")] = False,
    service: Annotated[
        str | None, typer.Option(metavar="URL", help="Have a running service judge, with its settings and rules.")
    ] = None,
    config: Config = None,
) -> None:
    """Judge every criterion for the patients of SOURCE, or for one patient of the hospital server."""
    settings = _settings(config or context.obj)
    only = reference_of(patient) if patient is not None else None
    day = screening_day(as_of.date() if as_of else None)
    if source is None and only is None:
        raise InputError("Name a SOURCE, or with --patient a patient of the hospital server.")
    if source is not None and write_back:
        raise InputError("--write-back posts about a patient of the hospital server: leave SOURCE out.")
    if service is not None:
        from service.cli_service import Asked, screen_by  # noqa: PLC0415

        whole = screen_by(service, settings, Asked(source, only, day, study, write_back), json=json)
        raise typer.Exit(DONE if whole else IN_PART)
    screens = screener(settings, study)
    if source is not None:
        code = _screen_source(screens, source, only, day, json=json)
    else:
        code = _screen_hospital(settings, screens, str(only), day, json=json, write_back=write_back)
    raise typer.Exit(code)


@cli.command()
def check(context: typer.Context, config: Config = None) -> None:
    """Check definitions, settings and the connection to the hospital server, each with what to do about it."""
    from service import checkup, logs, terminal  # noqa: PLC0415

    logs.log_to_stderr()
    out = terminal.console()
    codes = {DONE}
    for good, what, remedy, later in checkup.check(config or context.obj):
        out.print(terminal.checked(what, remedy, good=good), soft_wrap=True)
        codes.add(DONE if good else LATER if later else SETTING)
    raise typer.Exit(SETTING if SETTING in codes else max(codes))


@cli.command("review-sheet")
def print_review_sheet(context: typer.Context, study: Study = None, config: Config = None) -> None:
    """Print the page that a clinician signs: the protocol's words and the rules side by side (Markdown)."""
    sys.stdout.write(review_sheet(load(_settings(config or context.obj), study)))


@cli.command("refresh-descendants")
def refresh_descendants(
    context: typer.Context,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="The terminology server; default: CANDOR_TERMINOLOGY_URL.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the table in the folder of CANDOR_MAPPINGS.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    config: Config = None,
) -> None:
    """Ask a terminology server what stands under each SNOMED CT parent, and show what the table gains and loses."""
    from service import logs, refresh  # noqa: PLC0415

    logs.log_to_stderr()
    refresh.run(_settings(config or context.obj), server, json=json, write=write)


@cli.command("sign")
def print_signatures(
    context: typer.Context,
    criteria: Annotated[list[str], typer.Argument(metavar="CRITERION...", help="Such as I5 E3; ALL for every one.")],
    role: Annotated[str, typer.Option(help="In which role the person signs, e.g. investigator.")],
    name: Annotated[str | None, typer.Option(help="Who signs; may be left out.")] = None,
    study: Study = None,
    config: Config = None,
) -> None:
    """Print the lines that sign criteria as they stand now, to be added to the study's reviews.yaml."""
    loaded = load(_settings(config or context.obj), study)
    known = [criterion.id for criterion in loaded.criteria]
    wanted = known if criteria == ["ALL"] else criteria
    if strange := sorted(set(wanted) - set(known)):
        raise InputError(f"There is no criterion {', '.join(strange)}; there are: {', '.join(known)}.")
    lines = [sign(loaded, criterion, role, today(), name) for criterion in wanted]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


@cli.command("demo")
def run_demo(context: typer.Context, config: Config = None) -> None:
    """Screen a dozen sample charts, without any server; what would be posted is kept in a local folder."""
    from service import demo, logs, terminal  # noqa: PLC0415

    logs.log_to_stderr()
    demo.run(_settings(config or context.obj), terminal.console())


@cli.command()
def serve(context: typer.Context, config: Config = None) -> None:
    """Run the HTTP service, on CANDOR_HOST and CANDOR_PORT."""
    from service import app, logs  # noqa: PLC0415

    logs.log_to_stderr()
    app.serve(_settings(config or context.obj))


def _settings(file: Path | None) -> Settings:
    """Load the settings, and say which ones do nothing."""
    settings = load_settings(file)
    for name in unknown_names(file):
        typer.echo(f"candor: {name} is no setting of this version: it does nothing.", err=True)
    return settings


def _screen_source(screener: Screener, path: Path, only: str | None, day: date, *, json: bool) -> int:
    source = open_source(path)
    found = failed = False
    with progress(source) as bar:
        output = output_for(json=json)
        for result in _results(screener, source, only, day):
            found, failed = True, failed or isinstance(result, NotScreened)
            output.put(result)
            bar()
        if only is not None and not found:
            failed = True
            output.put(NotScreened(only, "patient-not-found", "SOURCE holds no such patient."))
        output.end()
    for unread in source.problems:
        typer.echo(unread, err=True)
    return IN_PART if failed or source.problems else DONE


def _results(screener: Screener, source: Source, only: str | None, day: date) -> Iterator[Result]:
    for records in source.patients(only):
        pulled = Pulled(records.resources, incomplete=records.incomplete)
        yield screener.screen_records(pulled, records.patient, day)


def _screen_hospital(
    settings: Settings, screener: Screener, patient: str, day: date, *, json: bool, write_back: bool
) -> int:
    import asyncio  # noqa: PLC0415

    from service.logs import log_to_stderr  # noqa: PLC0415
    from service.servers import connected  # noqa: PLC0415

    log_to_stderr()

    async def ask() -> Answer:
        async with connected(settings) as join:
            return await join(screener).answer_patient(patient, day, write_back=write_back)

    answer = asyncio.run(ask())
    output = output_for(json=json)
    output.put(answer.result, answer.written_document)
    output.end()
    return IN_PART if isinstance(answer.result, NotScreened) else DONE


def main() -> None:
    """Run the command line; an error that is no bug is one sentence on stderr and an exit code."""
    atexit.register(gc.freeze)  # the process ends: to look once more for what could be freed takes a fifth of a second
    if sys.stdout is None:  # `candor … >&-`
        sys.stderr.write("candor: stdout is closed: results would go nowhere.\n")
        sys.exit(USAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets a question mark
    try:
        cli()
    except CandorError as error:
        sys.stderr.write(f"candor: {error}\n")
        sys.exit(exit_code(error))
    except Exception as bug:  # noqa: BLE001 - its message could hold clinical values, a traceback repeats it
        if isinstance(bug, OSError) and bug.errno in FULL:
            drop_rest()
            sys.stderr.write(f"candor: results cannot be written ({bug.strerror}).\n")
            sys.exit(IN_PART)
        place = extract_tb(bug.__traceback__)[-1]
        sys.stderr.write(f"candor: a bug: {type(bug).__name__} at {place.filename}:{place.lineno}; please report it.\n")
        sys.exit(BUG)


def exit_code(error: CandorError) -> int:
    """Return what tells a script how to go on."""
    match error:
        case InputError(code="no-hospital-server"):
            return SETTING
        case InputError():
            return USAGE
        case TryLater():
            return LATER
    return SETTING  # also where the server refuses what the settings let us ask
