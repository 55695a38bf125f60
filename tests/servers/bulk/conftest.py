"""Two servers of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.servers.exporting import Exporting, exporting


@pytest.fixture
def server() -> Iterator[Exporting]:
    """Give the server."""
    with exporting() as played, stamina.set_testing(True, attempts=2, cap=True):
        yield played


@pytest.fixture
def other() -> Iterator[Exporting]:
    """Give another server, where no token belongs."""
    with exporting() as played:
        yield played
