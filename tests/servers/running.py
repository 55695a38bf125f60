"""The service as a process of its own, as `candor serve` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from tests.servers.fixtures import free_port


class Running(NamedTuple):
    """Where it listens, and where its log is."""

    url: str
    log: Path


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CANDOR_")}
    return kept | {f"CANDOR_{name}": value for name, value in settings.items()}


@contextmanager
def running(home: Path, **settings: str) -> Iterator[Running]:
    """Run the service with a state folder and settings (``FHIR_URL``) of its own, and end it gracefully."""
    port, log = settings.pop("PORT", None) or str(free_port()), home / "log"
    home.mkdir(exist_ok=True)
    environment = environment_of({"HOME": str(home), "PORT": port} | settings)
    with (
        log.open("wb") as err,
        subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], env=environment, stdout=err, stderr=err
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _await_ready(url, process, log)
            yield Running(url, log)
        finally:
            process.terminate()


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{url}/readyz", timeout=5).status_code == requests.codes.ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"the service did not start:\n{log.read_text()}")
