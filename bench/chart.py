"""What one chart costs, side by side with a plain parser in one run: ``python -m bench.chart``.

Ratios hold from machine to machine, bare times do not. Aims: parse, 24 criteria with evidence and the result as JSON
in at most twice the time that orjson takes to parse; 2,000 charts of 60 Observations a second and core; one chart on
the command line, whole process, in 0.7 s.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import orjson

from bench.charts import AS_OF, every_notion, synthea_like
from service.eligibility.screen import screen
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.screening.document import document, encode
from service.study.load import default_mappings, load_study, load_vocabulary

LARGE, SMALL = 500, 60  # Observations
ROUNDS = 15


def main() -> None:
    """Measure and print."""
    study = load_study(default_mappings())
    reader = Reader(study.lexicon, load_vocabulary(default_mappings()))

    def answer(chart: bytes) -> bytes:
        return encode(document(screen(study, reader.read_bytes(chart), (), AS_OF), id="1"))

    kinds = {"Synthea-like": synthea_like, "every notion": lambda observations: every_notion(study, observations)}
    print(f"{LARGE} Observations       KB  orjson.loads ms   decode ms   whole ms   whole / orjson (aim 2.0)")
    for name, make in kinds.items():
        chart = make(LARGE)
        plain, decoded, whole = in_turn(partial(orjson.loads, chart), partial(decode, chart), partial(answer, chart))
        times = f"{plain * 1e3:16.2f}{decoded * 1e3:12.2f}{whole * 1e3:11.2f}"
        print(f"{name:<16}{len(chart) / 1e3:10.0f} {times}{whole / plain:11.2f}")
    print(f"\n{SMALL} Observations        KB   charts a second and core (aim 2,000)")
    for name, make in kinds.items():
        chart = make(SMALL)
        (whole,) = in_turn(partial(answer, chart))
        print(f"{name:<16}{len(chart) / 1e3:10.0f} {1 / whole:10,.0f}")
    print(f"\none chart on the command line, whole process: {command_line(synthea_like(SMALL)):.2f} s (aim 0.7)")


def in_turn(*calls: Callable[[], object]) -> list[float]:
    """Return the best time of each call in seconds; they take turns, so that all see the same machine."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            start = perf_counter()
            for _ in range(10):
                call()
            best[number] = min(best[number], (perf_counter() - start) / 10)
    return best


def command_line(chart: bytes) -> float:
    """Return the best time of ``screen FILE --json`` in a process of its own, in seconds."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "chart.json"
        file.write_bytes(chart)
        command = [sys.executable, "-m", "service", "screen", str(file), "--json", "--as-of", AS_OF.isoformat()]
        best = float("inf")
        for _ in range(5):
            start = perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
            best = min(best, perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
