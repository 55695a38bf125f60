"""An SQLite file is for one service on one machine: a lock keeps a second one away, and network disks are refused."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import SettingError, TryLater

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "glusterfs", "9p", "davfs", "lustre", "gpfs", "ncpfs", "ocfs2", "gfs2")
NETWORK_FUSE = ("sshfs", "s3fs", "davfs", "gcsfuse", "goofys", "glusterfs", "ceph", "smb", "rclone", "nfs", "cifs")
_MOUNTS = Path("/proc/self/mountinfo")


def refuse_network_disk(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Raise ``SettingError`` where ``folder`` lies on a network disk: its locks do not hold, and files break."""
    kind = _file_system(folder.resolve(), mounts)
    shared = kind.startswith(NETWORK) or (kind.startswith("fuse.") and kind[5:].startswith(NETWORK_FUSE))
    if shared:
        raise SettingError(
            f"CANDOR_STORE: {folder} lies on a network disk ({kind}), where SQLite's locks do not hold: "
            "set CANDOR_HOME to a folder of a local disk, or CANDOR_STORE to a PostgreSQL database."
        )


def _file_system(folder: Path, mounts: Path) -> str:
    """Return the type of the file system that holds ``folder``; empty where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        # Of mounts one over another, the last one is seen.
        if len(point.parts) >= found and folder.is_relative_to(point):
            found, kind = len(point.parts), after.split()[0]
    return kind


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold the lock beside ``file`` while the body runs.

    Raises ``TryLater`` where another process has it, which ends some time, and ``SettingError`` where it cannot be.
    """
    path = file.with_name(f"{file.name}.lock")
    try:
        lock = path.open("a")
    except OSError as error:
        raise SettingError(f"CANDOR_STORE: {path} cannot be opened ({error.strerror}).") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TryLater(
                f"CANDOR_STORE: another service or run works with {file}: try again when it has ended, or give this "
                "one another CANDOR_HOME. For several at a time set CANDOR_STORE to a PostgreSQL database."
            ) from None
        yield  # the lock ends with the process, however that ends
