"""Fixtures of the contract tests."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
import stamina

from service.hospital.breaker import Breaker


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Repeat once and without pauses; a server is left in peace for longer than a chart takes, no half minute."""
    sleep = asyncio.sleep
    monkeypatch.setattr("service.hospital.transport.Breaker", partial(Breaker, seconds=0.2))
    monkeypatch.setattr("service.hospital.pulse.sleep", lambda seconds: sleep(seconds / 50))
    with stamina.set_testing(True, attempts=2, cap=True):
        yield
