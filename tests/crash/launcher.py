"""Starts services fast: it has loaded everything, and forks a process for each line of settings that it reads.

Each process is `candor serve` as a user starts it; only the second that its imports take is saved.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import service.app  # noqa: F401 - loaded once, before any fork
from service.cli import main


def run() -> None:
    """Fork for each line, a JSON object of environment variables, and print the new process's id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are killed
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(0)
            os.dup2(2, 1)
            os.environ.update(json.loads(line))
            sys.argv = ["candor", "serve"]
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            main()
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run()
