"""``candor refresh-descendants``: the table of SNOMED CT descendants beside what a terminology server lists."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from service import terminal
from service.config import Settings, read_url
from service.errors import InputError, Never, SettingError
from service.hospital.client import FhirClient, Server
from service.hospital.credentials import bearer
from service.hospital.refusals import Refused
from service.screeners import mappings
from service.screening.document import encode
from service.study.expand import NotListed, Refreshed, count_parents, refresh_descendants, write_descendants
from service.study.load import default_mappings

# What servers answer about a code or a value set that they do not know.
UNKNOWN = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}

SIGN = (
    "Criteria whose codes changed have lost their sign-off: run candor check, then candor review-sheet, and have the "
    "sheet signed again."
)


def run(settings: Settings, url: str | None, *, json: bool, write: bool) -> None:
    """Ask the server at ``url``, else the one of the settings, print what changes, and write it if asked to.

    Raises ``SettingError`` without a server or with definitions that are not the site's own, ``InputError`` for a
    ``url`` that is none, ``TryLater`` and ``Never`` as the server answers.
    """
    server = _server(settings, url)
    folder = mappings(settings)
    if write and folder.resolve() == default_mappings().resolve():
        raise SettingError(
            f"{folder} came with candor and is not written: copy the folder first, and set CANDOR_MAPPINGS to the copy."
        )
    refreshed = asyncio.run(_ask(folder, server))
    said = _written(folder, refreshed) if write else "Nothing is written; --write writes the table."
    if json:
        sys.stdout.buffer.write(encode(_document(refreshed, written=write)) + b"\n")
    else:
        terminal.console().print(_shown(refreshed))
    terminal.console(stderr=True).print(Text(said))


def _server(settings: Settings, url: str | None) -> Server:
    if url is None:
        if settings.terminology_url is None:
            raise SettingError("There is no terminology server: set CANDOR_TERMINOLOGY_URL, or name one by --server.")
        return Server(base=settings.terminology_url, credentials=bearer(settings.terminology_token))
    try:
        base = read_url(url)
    except ValueError as error:
        raise InputError(f"--server: {error}.") from None
    token = settings.terminology_token if base == settings.terminology_url else None  # it is meant for no other
    return Server(base=base, credentials=bearer(token))


async def _ask(folder: Path, server: Server) -> list[Refreshed]:
    """Ask in a thread, because the questions follow from the answers; the loop of the client stays here."""
    loop = asyncio.get_running_loop()
    refusals: list[Refused] = []
    async with FhirClient(server) as client:

        def fetch(address: str) -> dict[str, Any]:
            try:
                return asyncio.run_coroutine_threadsafe(client.read(address), loop).result()
            except Refused as refused:
                if refused.status not in UNKNOWN:
                    raise
                refusals.append(refused)
                raise NotListed(f"the server does not know it (HTTP {refused.status})") from None

        refreshed = await asyncio.to_thread(lambda: list(_followed(refresh_descendants(folder, fetch), folder)))
        if all(each.kept for each in refreshed):
            why = f" {refusals[-1]}" if refusals else ""
            raise Never(f"{client.host} lists nothing under any parent: does it hold SNOMED CT?{why}")
    return refreshed


def _followed(refreshed: Iterator[Refreshed], folder: Path) -> Iterator[Refreshed]:
    """Show a bar on stderr, where that is a terminal."""
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = terminal.console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield from progress.track(refreshed, total=count_parents(folder))


def _written(folder: Path, refreshed: list[Refreshed]) -> str:
    try:
        table = write_descendants(folder, [row for each in refreshed for row in each.after])
    except OSError as error:
        raise SettingError(f"{folder}: the table cannot be written ({error.strerror}).") from None
    return f"Written: {table}. {SIGN}"


def _document(refreshed: list[Refreshed], *, written: bool) -> dict[str, Any]:
    parents = [
        {
            "parent": each.parent,
            "display": each.display,
            "before": len(each.before),
            "after": len(each.after),
            "added": each.added,
            "lost": each.lost,
            "kept": each.kept,
        }
        for each in refreshed
    ]
    return {"written": written, "parents": parents}


def _shown(refreshed: list[Refreshed]) -> RenderableType:
    """Show each parent that gains or loses codes or keeps its own; of the others how many they are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("parent", no_wrap=True)
    table.add_column("name", ratio=1)
    for number in ("before", "after", "added", "lost"):
        table.add_column(number, justify="right", no_wrap=True)
    table.add_column("kept, because", ratio=1)
    shown = [each for each in refreshed if each.added or each.lost or (each.kept and each.before)]
    for each in shown:
        added, lost = len(each.added), len(each.lost)
        table.add_row(
            each.parent,
            Text(each.display),
            str(len(each.before)),
            str(len(each.after)),
            Text(f"+{added}", style="green") if added else "",
            Text(f"-{lost}", style="red") if lost else "",
            Text(each.kept or "", style="dim"),
        )
    gains, losses = sum(len(each.added) for each in shown), sum(len(each.lost) for each in shown)
    total = f"{len(refreshed)} parents, {len(refreshed) - len(shown)} as before: {gains} codes added, {losses} lost"
    return Group(table, Text(total, style="bold"))
