"""Services killed with `kill -9` inside accept, screen, post and commit: nothing accepted is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.kills import KILLS, kill_all
from tests.crash.world import made
from tests.servers.postgres.cluster import new_database

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]
EACH = 2  # of each of the four, on each store; `make crash` kills 25 times


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the URL of an empty PostgreSQL database, which two services share, or none for one with SQLite."""
    if request.param == "sqlite":
        yield None
    else:
        with new_database(request.getfixturevalue("postgres")) as made_:
            yield made_


async def test_every_accepted_request_has_one_result_and_one_subject(
    medplum: str, database: str | None, tmp_path: Path
) -> None:
    """Whatever is killed when, what was answered 2xx is done once: one stored result, one ResearchSubject."""
    async with made(medplum, database, tmp_path) as world:
        counts = await kill_all(world, EACH, seed=1)
        wrong = await world.settled() + world.wrong()

    assert {name: counts[name] for name in KILLS} == dict.fromkeys(KILLS, EACH)
    assert wrong == []
