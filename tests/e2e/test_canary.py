"""The canary goes through every door and every failure, and is heard of nowhere: log, metrics, traces, errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import respx
import stamina
import structlog

from service.config import Endpoint, Settings, Url
from service.logs import log_to_stderr
from tests.doors import OPERATIONS
from tests.e2e.canary import BASE, SECRET, SIGNS, World, nothing_heard
from tests.e2e.canary_doors import DOORS, Door
from tests.e2e.conftest import Run, served
from tests.issuer import AUDIENCE, ISSUER
from tests.telling import spans


@pytest.fixture
def guarded() -> bool:
    """Whether callers need tokens; doors say so."""
    return False


@pytest.fixture
def world(
    candor: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> Iterator[World]:
    """Give the service as it is served, over a hospital that is played, with the log as of the commands."""
    monkeypatch.setenv("CANDOR_FHIR_URL", BASE)
    monkeypatch.setenv("CANDOR_FHIR_TOKEN", SECRET)
    settings = Settings(home=tmp_path / "home", fhir_url=Url(BASE))
    if guarded:
        settings = replace(settings, oidc_issuer=Endpoint(ISSUER), oidc_audience=AUDIENCE)
    log_to_stderr()
    logging.root.setLevel(logging.DEBUG)  # also what libraries say only when asked to
    with (
        stamina.set_testing(True, attempts=2),
        respx.mock(assert_all_called=False) as router,
        served(settings) as http,
    ):
        world = World(http, candor, router, tmp_path)
        http.event_hooks["response"].append(world.listen)
        world.hospital()
        yield world
    logging.root.setLevel(logging.WARNING)
    logging.root.removeHandler(logging.root.handlers[-1])
    structlog.reset_defaults()


@pytest.mark.parametrize(("through", "operations", "guarded"), DOORS, ids=[each.__name__ for each, _, _ in DOORS])
def test_the_canary_is_heard_of_nowhere(
    world: World, through: Door, operations: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing in log, metrics, traces, errors and headers tells who it was, what was measured, or a secret."""
    with spans() as kept, nothing_heard(world, kept, capsys):
        through(world)

    assert 500 not in world.statuses
    assert operations <= world.called


def test_the_canary_goes_through_every_door() -> None:
    """A new operation fails here until the canary goes through it."""
    assert set().union(*(operations for _, operations, _ in DOORS)) == {each.id for each in OPERATIONS}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_would_be_heard(world: World, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The ears work: a sign of the canary in one event of the log fails the test."""
    with pytest.raises(AssertionError, match="in:"), nothing_heard(world, [], capsys):
        structlog.get_logger().info(f"about {sign}")
