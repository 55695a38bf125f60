"""An event loop that is watched, idle or with the service on it: ``python -m bench.looped idle`` or ``serve HOME``.

Each line on stdin is a question, answered by a line on stdout: ``port``, ``rss`` in KiB, and ``delay``, by how many
seconds the loop woke up too late at p99.9 since this was asked last.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from threading import Thread
from time import perf_counter
from typing import Any

import uvicorn
import uvloop

from service.app import Server, create_app
from service.config import Settings
from service.logs import log_to_stderr
from service.store.store import open_store

_NAP = 0.002  # seconds
_late: list[float] = []


class Looped:
    """Such a process, asked from another one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, question: str) -> str:
        """Return the answer."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None  # noqa: S101 - for the types
        assert answers is not None  # noqa: S101
        asked.write(f"{question}\n")
        asked.flush()
        return answers.readline().strip()


@contextmanager
def looped(*arguments: str) -> Iterator[Looped]:
    """Give a process of its own."""
    command = [sys.executable, "-m", "bench.looped", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, text=True) as process:  # noqa: S603 - our own program
        yield Looped(process)
        process.terminate()


def main() -> None:
    """Run until stopped."""
    log_to_stderr()  # stdout is for answers
    if sys.argv[1] == "idle":
        _run(asyncio.sleep(float("inf")), 0)
    home = Path(sys.argv[2])
    with open_store(None, home) as store, socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(Settings(home=home), store)
        server = Server(uvicorn.Config(app, access_log=False, log_config=None))
        _run(server.serve([listening]), listening.getsockname()[1])


def _run(what: Coroutine[Any, Any, None], port: int) -> None:
    async def both() -> None:
        watch = asyncio.create_task(_watch())
        await what
        watch.cancel()

    Thread(target=_answer, args=(port,), daemon=True).start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(both())


async def _watch() -> None:
    while True:
        before = perf_counter()
        await asyncio.sleep(_NAP)
        _late.append(perf_counter() - before - _NAP)


def _answer(port: int) -> None:
    for question in sys.stdin:
        match question.strip():
            case "port":
                told = str(port)
            case "rss":
                told = Path("/proc/self/status").read_text(encoding="ascii").partition("VmRSS:")[2].split()[0]
            case _:
                told = f"{quantiles((0.0, 0.0, *_late), n=1000)[998]:.6f}"
                _late.clear()
        print(told, flush=True)


if __name__ == "__main__":
    main()
