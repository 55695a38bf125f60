"""The search without the run around it: ``python -m bench.population_people FOLDER WORK ENGINE`` (local or spark).

Prints the documents of whom the engine selects, as ``candor screen --json`` does of everybody.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.charts import AS_OF
from service.config import load_settings
from service.discovery.ports import People
from service.output import JsonLines
from service.screeners import screener


def main() -> None:
    """Select and screen."""
    folder, work, engine = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    asyncio.run(run(people(folder, work, engine)))


def people(folder: Path, work: Path, engine: str) -> People:
    """Return the engine over the folder."""
    screens = screener(load_settings(None))
    if engine == "spark":
        from service.spark.people import SparkPeople  # noqa: PLC0415 - of an extra

        return SparkPeople(screens, folder)
    from service.population.people import LocalPeople  # noqa: PLC0415 - Spark does without

    return LocalPeople(screens, folder, work)


async def run(engine: People) -> None:
    """Print the documents, and on stderr how many people were seen and selected."""
    selection = await engine.select(frozenset(), _told)
    print(f"seen {selection.seen}, selected {len(selection.patients)}", file=sys.stderr)
    out = JsonLines()
    async for found in engine.screened(selection.patients, AS_OF, _told):
        if found.judged is not None:
            out.put(found.judged.result)


def _told(stage: str, done: int, total: int | None) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    main()
