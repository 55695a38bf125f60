"""What holds for every test: no network, repeatable Hypothesis runs, and the servers' fixtures within reach."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers.fixtures", "tests.servers.guarded", "tests.servers.postgres.cluster"]

# Repeatable, so that a change is judged by what it changed; `--hypothesis-profile=explore` looks for new examples.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests marked `servers` reach loopback, and nothing beyond; all others reach nothing."""
    for item in items:
        if item.get_closest_marker("servers"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture
def anyio_backend() -> str:
    """Run the async tests on asyncio, as uvicorn does."""
    return "asyncio"
