"""A search that a service was asked for, and the service killed with `kill -9`: the next one goes on with it."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest

from service.client import Candor
from tests.crash.kills import READ, WRITE
from tests.crash.nights import DAY, Nights, told
from tests.crash.places import by_searches, hospital, posted
from tests.crash.world import Hold, made

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.servers]
SEARCH = "_search$"


async def test_a_run_goes_on_over_kills_of_the_service(tmp_path: Path) -> None:
    """Killed while it searches, reads and posts, the run ends with the report of an undisturbed command."""
    nights = await asyncio.to_thread(Nights, by_searches(copies=1), tmp_path, 1)
    with hospital(copies=1) as server:
        async with made(server, None, tmp_path / "service") as world:
            [service] = world.services
            async with Hold(world, SEARCH, done=True) as hold:
                run = await asyncio.to_thread(begun, service.url)
                await hold.reached()
                service.kill()
            for pattern, done in ((READ, True), (WRITE, False), (WRITE, True)):
                async with Hold(world, pattern, done=done) as hold:
                    await service.start()
                    await hold.reached()
                    service.kill()
            await service.start()
            report = await asyncio.to_thread(followed, service.url, run)
        assert report == nights.undisturbed.report
        assert posted(server) == nights.undisturbed.posted


def begun(url: str) -> str:
    """Ask for a run; return its id."""
    with Candor(url) as candor:
        return candor.start_run(as_of=date.fromisoformat(DAY))


def followed(url: str, run: str) -> dict[str, object]:
    """Wait for its report."""
    with Candor(url) as candor:
        return told(json.dumps(candor.follow_run(run)["report"]).encode())
