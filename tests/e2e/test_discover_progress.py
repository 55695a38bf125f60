"""How far `candor discover` is, as somebody at a terminal sees it; and that somebody stopping it with Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.places import export
from tests.servers.running import environment_of

pytestmark = pytest.mark.slow
CTRL_C = b"\x03"
PATIENCE = 120.0  # seconds, on a busy machine
COPIES = 30


class Seen(NamedTuple):
    """What came on the terminal and, where it leads elsewhere, on stdout; and the exit code."""

    terminal: str
    out: str
    code: int


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an export that takes a second."""
    export(tmp_path / "export", copies=COPIES)
    return tmp_path / "export"


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Give both ends of one that is wide enough."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def typed(home: Path, folder: Path, *options: str, both: bool = False, stop: bytes | None = None) -> Seen:
    """Run the command with stderr on a terminal, stdout too if ``both``; press Ctrl-C when it shows ``stop``."""
    command = [sys.executable, "-m", "service", "discover", "--source", str(folder), "--as-of", "2026-11-23", *options]
    with terminal() as (ours, theirs):
        process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command],
            env=environment_of({"HOME": str(home)}) | {"TERM": "xterm-256color", "NO_COLOR": "1"},
            stdin=theirs,
            stdout=theirs if both else subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = bytearray()
        watched = threading.Thread(target=_watch, args=(ours, shown, stop))
        watched.start()
        out, _ = process.communicate(timeout=PATIENCE)
        watched.join(PATIENCE)
    return Seen(shown.decode(), (out or b"").decode(), process.returncode)


# The terminal becomes the one that the command is controlled by, as of a shell; only then Ctrl-C is a signal.
# Whoever runs the tests in the background has had them ignore it.
TAKE_TERMINAL = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def _watch(ours: int, shown: bytearray, stop: bytes | None) -> None:
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # everybody has left the other end
            return
        if not part:
            return
        shown += part
        if stop is not None and stop in shown:
            os.write(ours, CTRL_C)
            stop = None


def report(out: str) -> dict[str, object]:
    """Return the report without what is another one's each time."""
    told = json.loads(out)
    return {name: value for name, value in told.items() if name not in ("run", "seconds", "timings")}


@pytest.mark.parametrize("both", [False, True])
def test_a_terminal_shows_a_bar_with_rate_and_time_left(tmp_path: Path, folder: Path, both: bool) -> None:
    """Of each stage, redrawn in place; the report comes after it, where stdout leads."""
    seen = typed(tmp_path / "home", folder, "--json", both=both)
    assert seen.code == 4
    for stage in ("select", "screen"):
        assert re.search(stage + r" +[━╸╺ ]+ +\d+% +[\d.]+(×10.)? it/s +\d:\d\d:\d\d", seen.terminal), seen.terminal
    assert "candor: screen" not in seen.terminal
    if both:
        assert '"funnel"' in seen.terminal.rpartition("100%")[2]
    else:
        assert report(seen.out)["screened"] == COPIES * 10
        assert '"funnel"' not in seen.terminal


def test_elsewhere_it_is_plain_lines(tmp_path: Path, folder: Path) -> None:
    """Nothing moves the cursor; stdout holds the report alone."""
    command: Sequence[str] = [sys.executable, "-m", "service", "discover", "--json", "--as-of", "2026-11-23"]
    environment = environment_of({"HOME": str(tmp_path / "home")})
    done = subprocess.run(
        [*command, "--source", str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert report(done.stdout)["screened"] == COPIES * 10
    lines = done.stderr.splitlines()
    assert {re.sub(r"\d+", "n", each) for each in lines} <= {
        f"candor: {stage}: n{of}" for stage in ("select", "collect", "screen", "report") for of in ("", " of n")
    }
    assert f"candor: screen: {COPIES * 11} of {COPIES * 11}" in lines


@pytest.mark.parametrize("stage", [b"select", b"screen"])
def test_ctrl_c_stops_it_and_it_is_resumed(tmp_path: Path, folder: Path, stage: bytes) -> None:
    """With a sentence and 130; what was asked for again is that run, with the report of an undisturbed one."""
    stopped = typed(tmp_path / "home", folder, "--json", "--resume", stop=stage)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.terminal.rstrip().endswith("candor: stopped; the same with --resume goes on where it was.")
    assert "Traceback" not in stopped.terminal
    resumed = typed(tmp_path / "home", folder, "--json", "--resume")
    assert "the run that broke off was resumed" in resumed.terminal
    undisturbed = typed(tmp_path / "other", folder, "--json")
    assert report(resumed.out) == report(undisturbed.out)
