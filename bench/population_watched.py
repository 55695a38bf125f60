"""What a program costs, with all its processes: seconds, processor seconds, and memory at its highest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import BinaryIO, NamedTuple

EVERY = 0.05  # seconds between two looks at the memory


class Cost(NamedTuple):
    """Of one whole run."""

    seconds: float
    processor: float  # seconds, user and system
    peak: int  # bytes; memory that several processes share counts once


def watched(command: Sequence[str], out: BinaryIO, **environment: str) -> Cost:
    """Run a program to its end. Raises ``SystemExit`` where it fails."""
    ended, peak = Event(), [0]
    start = perf_counter()
    with subprocess.Popen(command, stdout=out, stdin=subprocess.DEVNULL, env=os.environ | environment) as process:  # noqa: S603 - our own programs
        watch = Thread(target=_watch, args=(process.pid, ended, peak))
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watch.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(seconds, used.ru_utime + used.ru_stime, peak[0])


def _watch(pid: int, ended: Event, peak: list[int]) -> None:
    while True:
        peak[0] = max(peak[0], sum(_memory(each) for each in _family(pid)))
        if ended.wait(EVERY):
            break


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):  # it has just ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _memory(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0
