"""A PostgreSQL cluster of this test run's own, on loopback and on disk under a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.servers.fixtures import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
OWNER = "postgres"  # the server refuses to run as root


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Give the URL of a PostgreSQL cluster, to which the name of a database is added."""
    with cluster() as url:
        yield url


@contextmanager
def new_database(cluster_url: str) -> Iterator[str]:
    """Make an empty database and give its URL; at the end it goes, whoever is still connected."""
    name = f"candor_{uuid4().hex}"
    with psycopg.connect(f"{cluster_url}postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{cluster_url}{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster and give its URL, without the name of a database: everybody may make one."""
    folder = Path(tempfile.mkdtemp(prefix="candor-postgres-"))  # its parents are open to the server's own user
    data, port = folder / "data", free_port()
    as_owner = []
    if os.getuid() == 0:
        os.chown(folder, *_ids(OWNER))
        as_owner = ["runuser", "-u", OWNER, "--"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"

    def run(program: str, *arguments: str | Path) -> None:
        command = [*as_owner, PROGRAMS / program, *arguments]
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    control = ["pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log")]
    try:
        run("initdb", "-D", data, "-U", "candor", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        run(*control, "-o", options, "start")
        try:
            yield f"postgresql://candor@127.0.0.1:{port}/"
        finally:
            run(*control, "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ids(name: str) -> tuple[int, int]:
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid
