"""A night's search through an export, side by side with other tools: ``python -m bench.population [N ...]``.

Makes an export of N patients, one in a thousand with systemic sclerosis (``--data FOLDER``: by drawing from the NDJSON
of that folder, such as one of Synthea's; else from made-up charts), and has it read by ``cat``, by ``candor discover``
with both engines and by DuckDB: whole processes, warm cache, by turns. Ratios hold from machine to machine, bare times
do not. Aims: at most 2.5 times the time of ``cat``, under 300 MB whatever the size, time linear in bytes.

First it is shown, with one in ten ill, that both engines give the documents that screening everybody gives, byte for
byte, and that DuckDB's smaller rule names the people whose documents say the same.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from time import perf_counter

from bench.charts import AS_OF
from bench.population_compared import by_patient, check_named, check_same
from bench.population_made import make_export
from bench.population_watched import Cost, watched

NUMBERS = (2_000, 20_000, 100_000)
RARE, OFTEN = 1_000, 10  # one person in so many is ill
SHOWN = 2_000  # people compared
ROUNDS = 2
SPARK_UP_TO = 20_000
CAT, EVERYBODY, LOCAL, SPARK, DUCKDB = "cat", "candor screen", "candor discover", "the same on Spark", "DuckDB"


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(prog="python -m bench.population")
    parser.add_argument("numbers", metavar="N", nargs="*", type=int, default=NUMBERS, help="patients")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="NDJSON whose records are drawn from")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where the exports are made; default: a temporary one")
    parser.add_argument("--keep", action="store_true", help="leave the exports there")
    parser.add_argument("--spark", type=int, default=SPARK_UP_TO, metavar="N", help="up to how many patients; 0: not")
    given = parser.parse_args()
    work = Path(mkdtemp(prefix="population-", dir=given.work))
    costs, sizes = {}, {}
    try:
        folder = made(work / "compared", SHOWN, OFTEN, given.data)
        compare(folder, [LOCAL, DUCKDB, EVERYBODY, *([SPARK] if given.spark else [])])
        for number in given.numbers:
            folder = made(work / f"{number}", number, RARE, given.data)
            tools = [CAT, LOCAL, DUCKDB, *([SPARK] if number <= given.spark else [])]
            costs[number] = measure(folder, tools)
            sizes[number] = sum(file.stat().st_size for file in folder.iterdir())
            show(costs[number], number, sizes[number])
            if not given.keep:
                rmtree(folder)
    finally:
        if given.keep:
            print(f"\nkept: {work}")
        else:
            rmtree(work)
    if len(costs) > 1:
        few, many = min(costs), max(costs)
        seconds, cats = (costs[many][tool].seconds - costs[few][tool].seconds for tool in (LOCAL, CAT))
        times = costs[many][LOCAL].seconds / costs[few][LOCAL].seconds
        print(f"\n{many / few:.0f} times the patients: {times:.1f} times the seconds")
        print(f"each further GB: {seconds / (sizes[many] - sizes[few]) * 1e9:.2f} s, {seconds / cats:.1f} x cat")


def made(folder: Path, number: int, rare: int, data: Path | None) -> Path:
    """Make an export, and say so."""
    start = perf_counter()
    size = make_export(folder, number, rare, data)
    print(f"\n{number:,} patients, one in {rare:,} ill: {size / 1e6:,.0f} MB, made in {perf_counter() - start:.0f} s")
    return folder


def compare(folder: Path, tools: list[str]) -> None:
    """Raise ``SystemExit`` where tools do not agree about people of whom many are ill."""
    answers = {tool: run(tool, folder)[1] for tool in tools}
    everybody = by_patient(answers[EVERYBODY])
    for tool in (LOCAL, SPARK):
        if tool in answers:
            check_same(by_patient(answers[tool]), everybody, tool)
    check_named(json.loads(answers[DUCKDB]), everybody, DUCKDB)
    found = by_patient(answers[LOCAL])
    statuses = Counter(document["status"] for document in found.values())
    print(f"{', '.join(tools)} agree; {len(found)} people selected: {dict(statuses)}")


def measure(folder: Path, tools: list[str]) -> dict[str, Cost]:
    """Return what each tool costs at its best; they take turns, so that all see the same machine."""
    run(CAT, folder)
    best: dict[str, Cost] = {}
    for turn in range(ROUNDS):
        for tool in tools:
            if turn and tool == SPARK:
                continue
            cost, _ = run(tool, folder)
            best[tool] = min(best.get(tool, cost), cost)
    return best


def show(costs: dict[str, Cost], number: int, size: int) -> None:
    """Print a table."""
    print("                    seconds  processor s  patients/s   GB/s   x cat  x DuckDB  x Spark  peak MB")
    for tool, cost in costs.items():
        ratios = [
            f"{cost.seconds / costs[other].seconds:.2f}" if other in costs else "" for other in (CAT, DUCKDB, SPARK)
        ]
        print(
            f"{tool:<18}{cost.seconds:9.2f}{cost.processor:13.2f}{number / cost.seconds:12,.0f}"
            f"{size / cost.seconds / 1e9:7.2f}{ratios[0]:>8}{ratios[1]:>10}{ratios[2]:>9}{cost.peak / 1e6:9.0f}"
        )


def run(tool: str, folder: Path) -> tuple[Cost, bytes]:
    """Run a tool over an export, as on any night but the first; return what it costs, and its documents or people."""
    home = folder.parent / "home"  # in which the comparison, which comes first, makes the store
    home.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        out, results = Path(scratch) / "out", Path(scratch) / "results"
        # Installed programs are compiled; the comparison compiles ours.
        compiled = {"PYTHONPYCACHEPREFIX": str(folder.parent / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
        with out.open("wb") as file:
            cost = watched(command(tool, str(folder), str(results)), file, CANDOR_HOME=str(home), **compiled)
        return cost, (results if results.exists() else out).read_bytes()


def command(tool: str, folder: str, results: str) -> list[str]:
    """Return how a tool is called."""
    if tool == CAT:
        return ["sh", "-c", 'cat "$0"/*.ndjson > /dev/null', folder]
    if tool == DUCKDB:
        return [sys.executable, "-m", "bench.population_duckdb", folder]
    candor = [sys.executable, "-m", "service"]
    for_day = ["--json", "--as-of", AS_OF.isoformat()]
    if tool == EVERYBODY:
        return [*candor, "screen", folder, *for_day]
    engine = "spark" if tool == SPARK else "local"
    return [*candor, "discover", "--source", folder, "--engine", engine, "--dry-run", "--results", results, *for_day]


if __name__ == "__main__":
    main()
