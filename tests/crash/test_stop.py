"""A service that is asked to stop: it gives back what it holds, in time, and the next one does it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from service.store.tables import jobs
from tests.crash.kills import READ
from tests.crash.world import Hold, made

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]
LONGEST = 30.0  # seconds


async def test_a_stop_gives_back_what_is_running(medplum: str, tmp_path: Path) -> None:
    """On SIGTERM a job that hangs at the hospital's server is given back within 30 seconds, without a strike."""
    async with made(medplum, None, tmp_path) as world:
        [service] = world.services
        async with Hold(world, READ, done=True) as hold:
            await world.ask_until_accepted(service, await world.new_request())
            await hold.reached()
            began = time.monotonic()
            os.kill(service.pid, signal.SIGTERM)
            await service.ended()
            took = time.monotonic() - began
        with world.database() as database:
            held = database.now(lambda connection: connection.execute(select(jobs.c.state, jobs.c.strikes)).one())
        await service.start()
        wrong = await world.settled() + world.wrong()

    assert took < LONGEST
    assert tuple(held) == ("ready", 0)
    assert wrong == []
