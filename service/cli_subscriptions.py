"""``candor subscriptions``: have the hospital's server tell of changes, see whether it does, and have it stop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.config import Settings, load_settings

if TYPE_CHECKING:
    from service.hospital.subscriptions import Subscriptions
    from service.subscriptions.ports import Standing

T = TypeVar("T")
IN_PART = 4
_SHOWN = 60  # characters of criteria, which may hold hundreds of codes

subscriptions = typer.Typer(
    name="subscriptions",
    help="Have the hospital's server tell of changes (R4 Subscriptions), see how they stand, and have it stop.",
    no_args_is_help=True,
)
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings; the environment wins.")
]
Json = Annotated[bool, typer.Option("--json", help="A line of JSON for each Subscription.")]


@subscriptions.command()
def register(
    context: typer.Context,
    payload: Annotated[
        bool, typer.Option("--payload", help="Send the resource too; without it nothing of a patient is sent.")
    ] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make the Subscriptions that the studies need, set going those that stopped, and give all the newest secret."""
    from service.triggers import channel  # noqa: PLC0415 - the HTTP client takes long to load

    settings = load_settings(config or context.obj)
    wanted = channel(settings, payload=payload)

    async def make(there: Subscriptions) -> list[Standing]:
        await there.register(wanted)
        return await there.standings()

    _show(_with_server(settings, make), as_json=as_json)


@subscriptions.command()
def status(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Show how the Subscriptions stand that lead to this service; exit code 4 where one stopped or is missing."""
    settings = load_settings(config or context.obj)
    _show(_with_server(settings, lambda there: there.standings()), as_json=as_json)


@subscriptions.command()
def remove(context: typer.Context, config: Config = None) -> None:
    """Delete the Subscriptions that `register` made; the server tells nothing any more, and nothing is caught up."""
    number = _with_server(load_settings(config or context.obj), lambda there: there.remove())
    typer.echo(f"{number} removed.", err=True)


def _with_server(settings: Settings, do: Callable[[Subscriptions], Awaitable[T]]) -> T:
    from service.logs import log_to_stderr  # noqa: PLC0415
    from service.triggers import registered  # noqa: PLC0415

    log_to_stderr()

    async def ask() -> T:
        async with registered(settings) as there:
            return await do(there)

    return asyncio.run(ask())


def _show(standings: Sequence[Standing], *, as_json: bool) -> None:
    for each in standings:
        sys.stdout.write(f"{_as_json(each) if as_json else _as_line(each)}\n")
    if any(each.stopped for each in standings):
        raise typer.Exit(IN_PART)


def _as_json(standing: Standing) -> str:
    since = standing.since.isoformat() if standing.since else None
    return json.dumps(standing._asdict() | {"since": since})


def _as_line(standing: Standing) -> str:
    criteria = standing.criteria if len(standing.criteria) <= _SHOWN else f"{standing.criteria[:_SHOWN]}…"
    return f"{standing.status:9}  {standing.id or '-':8}  {criteria}  {standing.error or ''}".rstrip()
