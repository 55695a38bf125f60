"""The room on the disk that downloads share, on the disk that there is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.errors import SettingError
from service.hospital.bulk_part import Room

SOME = 64 * 1024 * 1024  # bytes between two looks


def test_what_one_needs_is_nobody_elses(tmp_path: Path) -> None:
    """Until it has come, or is given up."""
    room, most = Room(tmp_path), int(shutil.disk_usage(tmp_path).free * 0.6)
    room.claim("first", most)
    with pytest.raises(SettingError, match="CANDOR_HOME"):
        room.claim("second", most)
    room.used("first", most - 1)
    room.claim("second", most)
    room.leave("second")

    room.claim("first", most)


def test_the_disk_is_looked_at_while_a_file_comes_whose_size_nobody_told(tmp_path: Path) -> None:
    """Others may fill it meanwhile."""
    room = Room(tmp_path)
    room.claim("first", 0)
    with pytest.raises(SettingError):
        room.claim("second", shutil.disk_usage(tmp_path).free)
    room.used("first", SOME - 1)

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        room.used("first", 1)
    room.leave("second")
    room.used("first", SOME)
