"""``candor jobs`` and ``candor forget``: what operators do with the work and the results that are kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.config import load_settings
from service.errors import InputError
from service.screening.patient import reference_of
from service.work.model import JobState, JobStatus

if TYPE_CHECKING:
    from service.store.database import Database

MOST = 1000  # jobs that are listed
COMMAND = "command line"  # who asked, in the audit
_ELSEWHERE = re.compile(r"https?://\S+/Patient/[A-Za-z0-9\-.]{1,64}\Z")  # a patient of a CDS client's own server

jobs = typer.Typer(
    name="jobs",
    help="Look at the work that is kept, and put back what was set aside. The service may go on meanwhile.",
    no_args_is_help=True,
)
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings; the environment wins.")
]


@jobs.command("list")
def list_jobs(
    context: typer.Context,
    state: Annotated[list[JobState] | None, typer.Option(help="Only these; default: all that is not done.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each job.")] = False,
    config: Config = None,
) -> None:
    """List jobs, those that changed last first: id, kind, state, attempts, and why one failed last."""
    from service.store import upkeep  # noqa: PLC0415

    states = state or [each for each in JobState if each is not JobState.DONE]
    with _store(config or context.obj) as database:
        found = database.now(upkeep.jobs_in, states, MOST)
    for job in found:
        sys.stdout.write(f"{_as_json(job) if as_json else _as_line(job)}\n")


@jobs.command()
def requeue(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Parked jobs.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every parked job.")] = False,
    config: Config = None,
) -> None:
    """Put parked jobs back, once what they failed at is mended."""
    from service.store import upkeep  # noqa: PLC0415

    if bool(ids) is everything:
        raise InputError("Name jobs that are parked (candor jobs list --state parked), or say --all.")
    with _store(config or context.obj) as database:
        number = database.now(upkeep.requeue, datetime.now(UTC), None if everything else ids, COMMAND)
    typer.echo(f"{number} put back.", err=True)
    if ids and number < len(set(ids)):
        raise InputError("The others are not parked: candor jobs list shows how jobs stand.")


def forget(
    context: typer.Context,
    patient: Annotated[
        str,
        typer.Argument(
            metavar="PATIENT", help="123, Patient/123, or of another server as results name it: https://…/Patient/123."
        ),
    ],
    config: Config = None,
) -> None:
    """Delete every result, job and notification that is kept of one patient; the hospital's server is not touched."""
    from service.store import upkeep  # noqa: PLC0415

    named = patient if _ELSEWHERE.match(patient) else reference_of(patient)
    with _store(config or context.obj) as database:
        number = database.now(upkeep.forget, datetime.now(UTC), named, COMMAND)
        database.tidy()
    typer.echo(f"{number} results deleted.", err=True)


@contextmanager
def _store(file: Path | None) -> Iterator[Database]:
    from service.store.database import opened  # noqa: PLC0415 - SQLAlchemy takes long to load

    settings = load_settings(file)
    with opened(settings.store, settings.home, alone=False) as database:
        yield database


def _as_json(job: JobStatus) -> str:
    times = {"created": job.created.isoformat(), "changed": job.changed.isoformat()}
    return json.dumps(job._asdict() | times)


def _as_line(job: JobStatus) -> str:
    changed = job.changed.astimezone().isoformat(" ", "seconds")
    return f"{job.id}  {job.kind:6}  {job.state:7}  {job.attempts:3}  {changed}  {job.reason or ''}".rstrip()
