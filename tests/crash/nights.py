"""`candor discover` killed with `kill -9` at any moment and resumed: the report has to be that of an undisturbed run.

The whole by command: `python -m tests.crash.nights [KILLS]`, 50 by default.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from service.demo import charts
from tests.verdicts import as_json

DAY = "2026-11-23"
SHARE = 1.2  # of the time of an undisturbed run: some kills come when it has just ended


def export(folder: Path, copies: int) -> None:
    """Write each sample chart so many times, as files of one type each."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for name, bundle in charts().items():
        if name.startswith("08"):  # it says that records are missing, of whoever is in the folder
            continue
        text = as_json(bundle).decode()
        (patient,) = (r["id"] for r in map(_resource, bundle["entry"]) if r["resourceType"] == "Patient")
        for number in range(copies):
            for entry in json.loads(text.replace(patient, f"{patient}-{number}"))["entry"]:
                resource = _resource(entry)
                files[resource["resourceType"]].append(json.dumps(resource))
    folder.mkdir()
    for kind, lines in files.items():
        (folder / f"{kind}.ndjson").write_text("".join(f"{line}\n" for line in dict.fromkeys(lines)))


def _resource(entry: dict[str, Any]) -> dict[str, Any]:
    resource: dict[str, Any] = entry["resource"]
    return resource


class Nights:
    """Runs over one folder, each with a store of its own."""

    def __init__(self, folder: Path, work: Path, seed: int) -> None:
        self._folder, self._work, self._random = folder, work, random.Random(seed)  # noqa: S311 - no secret
        self.kills = 0
        began = time.monotonic()
        self.undisturbed = self._finished(self._start("undisturbed"))
        self.seconds = time.monotonic() - began

    def disturbed(self, number: int, kills: int) -> dict[str, Any]:
        """Kill a run up to so many times, resume it each time, and return its report."""
        home = f"night-{number}"
        for _ in range(kills):
            process = self._start(home)
            time.sleep(self._random.uniform(0.2, self.seconds * SHARE))
            if process.poll() is None:
                process.kill()
                self.kills += 1
                process.communicate()
                if (report := self._last(home)) is None:
                    continue
                shutil.rmtree(self._work / home)  # it had ended, and was killed before it said so
                return report
            break  # it ended: what was asked for the next time would be another run
        else:
            process = self._start(home)
        report = self._finished(process)
        shutil.rmtree(self._work / home)
        return report

    def _last(self, home: str) -> dict[str, Any] | None:
        process = self._start(home, "--last")
        printed, _ = process.communicate()
        return _told(printed) if process.returncode in (0, 4) else None

    def _start(self, home: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service", "discover", "--source", str(self._folder), "--as-of", DAY]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CANDOR_")}
        return subprocess.Popen(
            [*command, "--resume", "--json", *more],
            env=environment | {"CANDOR_HOME": str(self._work / home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _finished(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        printed, _ = process.communicate()
        return _told(printed)


def _told(printed: bytes) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(printed)
    return {name: value for name, value in report.items() if name not in ("run", "seconds")}


def main(kills: int) -> bool:
    """Kill so many times, and print what was found."""
    wrong = rounds = 0
    with tempfile.TemporaryDirectory() as work:
        export(Path(work, "export"), copies=60)
        nights = Nights(Path(work, "export"), Path(work), seed=kills)
        while nights.kills < kills:
            rounds += 1
            wrong += nights.disturbed(rounds, 4) != nights.undisturbed
    sys.stdout.write(f"{nights.kills} kills in {rounds} runs, {wrong} reports unlike that of an undisturbed run\n")
    return wrong == 0


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
