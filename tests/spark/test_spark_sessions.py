"""A Spark application of our own, and the folder of the run that it works in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.spark.sessions import session_for

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_the_application_ends_with_the_folder_of_its_run(tmp_path: Path) -> None:
    """The next run has one that writes into its own; as long as the first's is there they share it."""
    first = session_for(None, "local[1]", tmp_path / "1" / "spark")
    name = first.sparkContext.applicationId
    try:
        assert list((tmp_path / "1" / "spark").iterdir())
        assert session_for(None, "local[1]", tmp_path / "2" / "spark").sparkContext.applicationId == name
        shutil.rmtree(tmp_path / "1")

        second = session_for(None, "local[1]", tmp_path / "2" / "spark")

        assert second.sparkContext.applicationId != name
        assert second.range(100).repartition(3).count() == 100
        assert list((tmp_path / "2" / "spark").iterdir())
    finally:
        session_for(None, "local[1]", None).stop()
    assert not list((tmp_path / "2" / "spark").iterdir())
