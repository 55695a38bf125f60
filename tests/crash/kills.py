"""Kills inside accept, screen, post and commit, and how it is known that they were inside.

No fault is built into the service. Where a kill falls is arranged from outside: the hospital's proxy stops at a
request, a lock in the store stops a transaction, or the kill comes at a random moment and counts only where the
caller's missing answer or the job's row shows that it was inside.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy import select

from service.store.tables import jobs
from tests.crash.world import Hold, World

READ, WRITE = " batch$", " transaction$"
AT_A_LOCK = 0.004  # seconds in which a small transaction is written once its lock is free


async def in_accept(world: World, turn: int, chance: random.Random) -> bool:
    """Kill between the sending of a request and its answer: at a lock that accepting waits for, or at random."""
    service, request = chance.choice(world.services), await world.new_request()
    if turn % 2 == 0:
        with world.locked("jobs"):
            asked = asyncio.create_task(world.ask(service, request))
            await asyncio.sleep(chance.uniform(0.05, 0.2))
            if turn % 4 == 0:
                service.kill()
        await asyncio.sleep(chance.uniform(0, AT_A_LOCK))
    else:
        asked = asyncio.create_task(world.ask(service, request))
        await asyncio.sleep(chance.uniform(0.001, 0.03))
    service.kill()
    unanswered = not await asked
    await service.start()
    await world.ask_until_accepted(service, request)
    return unanswered


async def in_screen(world: World, turn: int, chance: random.Random) -> bool:
    """Kill while the chart is read, or while it is judged: then the job's row still says that it runs."""
    reading = turn % 2 == 0
    async with Hold(world, READ, done=True) as hold:
        request = await world.new_request()
        await world.ask_until_accepted(chance.choice(world.services), request)
        service = await hold.reached()
        if not reading:
            hold.go_on()
            await asyncio.sleep(chance.uniform(0, 0.02))
        service.kill()
        inside = reading or _stands(world, "screen") == "running"
    await service.start()
    return inside


async def in_post(world: World, turn: int, chance: random.Random) -> bool:
    """Kill while a result is posted: before the hospital's server has it, or after and before we know."""
    async with Hold(world, WRITE, done=turn % 2 == 0) as hold:
        await world.ask_until_accepted(chance.choice(world.services), await world.new_request())
        service = await hold.reached()
        service.kill()
    await service.start()
    return True


async def in_commit(world: World, turn: int, chance: random.Random) -> bool:
    """Kill inside the transaction that keeps a result, or what became of posting it: at its lock, or just after."""
    async with Hold(world, (READ, WRITE)[turn % 2], done=True) as hold:
        await world.ask_until_accepted(chance.choice(world.services), await world.new_request())
        service = await hold.reached()
        with world.locked("screenings"):
            hold.go_on()
            service = await world.waiting_for_lock()
            if turn % 4 < 2:
                service.kill()
        await asyncio.sleep(chance.uniform(0, AT_A_LOCK))
        service.kill()
    await service.start()
    return True


Kill = Callable[[World, int, random.Random], Awaitable[bool]]
KILLS: dict[str, Kill] = {"accept": in_accept, "screen": in_screen, "post": in_post, "commit": in_commit}


async def kill_all(world: World, each: int, seed: int) -> Counter[str]:
    """Kill ``each`` times inside each of the four, in random order; return the counts, of kills elsewhere too."""
    chance, counts = random.Random(seed), Counter[str]()  # noqa: S311 - repeatable
    while left := [name for name in KILLS if counts[name] < each]:
        name = chance.choice(left)
        counts[name if await KILLS[name](world, counts[name], chance) else "elsewhere"] += 1
    return counts


def _stands(world: World, kind: str) -> str:
    """Return how the newest job of a kind stands."""
    newest = select(jobs.c.state).where(jobs.c.kind == kind).order_by(jobs.c.created.desc()).limit(1)
    with world.database() as database:
        return str(database.now(lambda connection: connection.execute(newest).scalar_one()))
