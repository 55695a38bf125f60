"""What several unit tests work with."""

from __future__ import annotations

import pytest

from service.screening.patient import Screener
from tests.verdicts import shipped_reader, shipped_study


@pytest.fixture(scope="session")
def screener() -> Screener:
    """Return what screens for the study that is shipped."""
    return Screener(shipped_study(), shipped_reader())
