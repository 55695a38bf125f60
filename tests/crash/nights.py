"""`candor discover` killed with `kill -9` at any moment and resumed: all has to be as after an undisturbed run.

The whole by command: `python -m tests.crash.nights [KILLS] [PLACE ...]`, 50 kills by default at each of all places
(`places.all_grounds`), three where starting takes long.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.places import Ground, Place, Posted, all_grounds
from tests.servers.running import environment_of

DAY = "2026-11-23"
SHARE = 1.2  # of the time of an undisturbed run: some kills come when it has just ended
SLOW = {"spark": 3}  # kills
EACH = 4  # kills of one run
STAGE = re.compile(rb"^candor: (\w+): \d", re.MULTILINE)
VERSION = re.compile(r"/_history/[^\"/]+")  # a server gives other ones each time


class Night(NamedTuple):
    """What a run leaves behind: its report, what is on the server, and files that should not be there any more."""

    report: dict[str, Any]
    posted: Posted
    files: list[str]


class Nights:
    """Runs at one place, each with a store of its own."""

    def __init__(self, ground: Ground, work: Path, seed: int) -> None:
        self._ground, self._work, self._random = ground, work, random.Random(seed)  # noqa: S311 - no secret
        self.killed_in: Counter[str] = Counter()
        with ground() as place:
            began = time.monotonic()
            report = self._finished(self.start(place, "undisturbed"))
            self.seconds = time.monotonic() - began
            self.undisturbed = self._night(place, "undisturbed", report)

    @property
    def kills(self) -> int:
        """How many runs were killed so far."""
        return self.killed_in.total()

    def disturbed(self, number: int, kills: int) -> Night:
        """Kill a run up to so many times, resume it each time, and return what it leaves behind."""
        home = f"night-{number}"
        with self._ground() as place:
            for _ in range(kills):
                process = self.start(place, home)
                time.sleep(self._random.uniform(0.2, self.seconds * SHARE))
                if process.poll() is not None:
                    break  # it ended: what was asked for the next time would be another run
                self._kill(process)
                time.sleep(place.lease)
                if (report := self._last(place, home)) is not None:  # it had ended, and was killed before it said so
                    shutil.rmtree(self._work / home / "runs", ignore_errors=True)  # the next run does that
                    return self._night(place, home, report)
            else:
                process = self.start(place, home)
            return self._night(place, home, self._finished(process))

    def start(self, place: Place, home: str, *more: str) -> subprocess.Popen[bytes]:
        """Start or resume a run."""
        return subprocess.Popen(
            [sys.executable, "-m", "service", "discover", "--as-of", DAY, "--resume", "--json", *place.options, *more],
            env=environment_of({"HOME": str(self._work / home)} | place.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        _, said = process.communicate()
        self.killed_in[(STAGE.findall(said) or [b"begin"])[-1].decode()] += 1

    def _last(self, place: Place, home: str) -> dict[str, Any] | None:
        process = self.start(place, home, "--last")
        printed, _ = process.communicate()
        return told(printed) if process.returncode in (0, 4) else None

    def _finished(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        printed, said = process.communicate()
        assert process.returncode in (0, 4), said.decode()
        return told(printed)

    def _night(self, place: Place, home: str, report: dict[str, Any]) -> Night:
        files = [
            str(each.relative_to(self._work / home)) for each in (self._work / home).glob("*/**/*") if each.is_file()
        ]
        with suppress(FileNotFoundError):
            shutil.rmtree(self._work / home)
        return Night(report, place.posted(), files)


def told(printed: bytes) -> dict[str, Any]:
    """Return a report without what is another one's each time."""
    report: dict[str, Any] = json.loads(VERSION.sub("", printed.decode()))
    return {name: value for name, value in report.items() if name not in ("run", "seconds", "timings")}


def main(kills: int, *names: str) -> bool:
    """Kill so many times at each place, and print what was found."""
    good = True
    with tempfile.TemporaryDirectory() as work, all_grounds(Path(work)) as grounds:
        for name in names or grounds:
            nights, rounds, wrong = Nights(grounds[name], Path(work), seed=kills), 0, 0
            while nights.kills < min(kills, SLOW.get(name, kills)):
                rounds += 1
                wrong += nights.disturbed(rounds, EACH) != nights.undisturbed
            where = ", ".join(f"{stage} {count}" for stage, count in sorted(nights.killed_in.items()))
            sys.stdout.write(
                f"{name}: {nights.kills} kills ({where}) in {rounds} runs, {wrong} unlike an undisturbed one\n"
            )
            sys.stdout.flush()
            good = good and not wrong
    return good


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, *sys.argv[2:]))
