"""The nightly search as pages and examples schedule it: it runs as printed, and no report lands in a log."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from service.cli import cli

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
TO_NOWHERE = ["> /dev/null", "StandardOutput=null"]


def unit(name: str) -> ConfigParser:
    """Read a unit of systemd's."""
    found = ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their case
    found.read_string((EXAMPLES / name).read_text(encoding="utf-8"))
    return found


def by_systemd() -> tuple[str, str]:
    """Return the command, and where its stdout goes."""
    service = unit("candor-discover.service")["Service"]
    return service["ExecStart"], f"StandardOutput={service.get('StandardOutput')}"


def by_kubernetes() -> tuple[str, str]:
    """Return the same of the job's only container."""
    job = yaml.safe_load((EXAMPLES / "candor-discover.yaml").read_text(encoding="utf-8"))
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    *_, script = container["command"]
    command, sign, rest = script.partition(" || ")[0].partition(">")
    return command, sign + rest


def by_cron() -> tuple[str, str]:
    """Return the same of the line on the page."""
    page = (DOCS / "discovery.md").read_text(encoding="utf-8")
    [line] = [line for line in page.splitlines() if line.startswith("30 1 ")]
    command, sign, rest = line.split(maxsplit=5)[5].partition(">")
    return command, sign + rest


@pytest.mark.parametrize("scheduled", [by_systemd, by_kubernetes, by_cron])
def test_the_search_runs_as_printed_and_tells_no_log(scheduled: Callable[[], tuple[str, str]]) -> None:
    """The command line takes the options; what names patients goes to no journal, pod log or mail."""
    command, output = scheduled()
    program, name, *options = shlex.split(command)
    commands = typer.main.get_command(cli)
    assert isinstance(commands, TyperGroup)
    discover = commands.commands[name]

    assert discover.make_context(program, options).params["resume"] is True
    assert output in TO_NOWHERE


def test_cron_is_told_what_it_does_not_know() -> None:
    """It has neither our PATH nor our settings."""
    command, _ = by_cron()

    assert command.startswith("/")
    assert "--config /" in command


def test_the_timer_starts_the_service() -> None:
    """They have one name, and the timer a time of day."""
    assert unit("candor-discover.timer")["Timer"]["OnCalendar"].endswith("01:30")
    assert (EXAMPLES / "candor-discover.service").is_file()
