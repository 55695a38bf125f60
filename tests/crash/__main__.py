"""The whole of the crash tests: `python -m tests.crash [KILLS]`, 200 by default, half on SQLite, half on PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from service.store.tables import jobs
from tests.crash.kills import KILLS, kill_all
from tests.crash.world import World, made
from tests.servers.fixtures import started_medplum
from tests.servers.postgres.cluster import cluster, new_database


async def run(hospital: str, postgres: str | None, each: int) -> bool:
    """Kill on one store, print what was found, and return whether it is as it must be."""
    with tempfile.TemporaryDirectory() as home:
        async with made(hospital, postgres, Path(home)) as world:
            counts = await kill_all(world, each, seed=len(postgres or ""))
            wrong = await world.settled() + world.wrong()
            again = _begun_again(world)
    said = [
        f"{'PostgreSQL, two services' if postgres else 'SQLite, one service'}: {_line(counts)}",
        f"  {len(world.requests)} requests accepted, {again} jobs begun again after a kill, {len(wrong)} faults",
        *(f"  {each}" for each in wrong),
    ]
    sys.stdout.write("".join(f"{line}\n" for line in said))
    sys.stdout.flush()
    return not wrong


def _line(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} kills inside {name}" for name in KILLS) + f", {counts['elsewhere']} elsewhere"


def _begun_again(world: World) -> int:
    with world.database() as database:
        again = select(func.count()).select_from(jobs).where(jobs.c.attempts > 1)
        return int(database.now(lambda connection: connection.execute(again).scalar_one()))


def main(kills: int) -> bool:
    """Run both halves."""
    each = -(-kills // (2 * len(KILLS)))
    good = []
    for store in ("sqlite", "postgresql"):
        with started_medplum() as hospital:  # a new one: patients are numbered from 0
            if store == "sqlite":
                good.append(asyncio.run(run(hospital, None, each)))
            else:
                with cluster() as url, new_database(url) as database:
                    good.append(asyncio.run(run(hospital, database, each)))
    return all(good)


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
