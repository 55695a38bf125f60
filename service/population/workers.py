"""Processes of our own that share out the units of a source: light ones, which load no more than the work needs."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from traceback import extract_tb
from typing import TypeVar

from service.errors import FULL, SettingError, TryLater

T = TypeVar("T")
U = TypeVar("U")


class Workers:
    """Processes that do one job after the other; with one only, this very process does."""

    def __init__(self, count: int) -> None:
        """Start them."""
        self._workers = [_Worker() for _ in range(count)] if count > 1 else []

    def map(self, job: Callable[[U], T], units: Iterable[U]) -> Iterator[T]:
        """Yield what becomes of each unit, in order.

        Raises ``TryLater`` where a process is gone or the disk fails, ``SettingError`` where it is full,
        ``RuntimeError`` for a bug.
        """
        if not self._workers:
            for unit in units:
                yield _done(*_try(job, unit))
            return
        idle = SimpleQueue[_Worker]()
        packed = pickle.dumps(job)

        def work(unit: U) -> T:
            worker = idle.get()
            try:
                return _done(*worker.ask(unit))
            finally:
                idle.put(worker)

        with ThreadPoolExecutor(len(self._workers)) as pool:
            try:
                for worker, ready in [(each, pool.submit(each.begin, packed)) for each in self._workers]:
                    ready.result()
                    idle.put(worker)
                yield from pool.map(work, units)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End them, whatever they do."""
        for worker in self._workers:
            worker.close()


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Give processes for as long as the body runs."""
    those = Workers(count)
    try:
        yield those
    finally:
        those.close()


class _Worker:
    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.population.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": paths},
        )

    def begin(self, packed: bytes) -> None:
        """Give it a job, packed."""
        self._send((packed, None))

    def ask(self, unit: object) -> tuple[bool, object]:
        self._send((None, unit))
        try:
            assert self._process.stdout is not None  # noqa: S101 - a pipe
            return pickle.load(self._process.stdout)  # type: ignore[no-any-return]  # noqa: S301 - of our own process
        except (EOFError, pickle.UnpicklingError):
            raise TryLater("A process that reads the export was ended: was there memory enough?") from None

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            raise TryLater("A process that reads the export was ended: was there memory enough?") from None


def _try(job: Callable[[U], T], unit: U) -> tuple[bool, object]:
    """Return what becomes of a unit; of an error only what holds no patient data."""
    try:
        return True, job(unit)
    except OSError as error:
        if error.errno in FULL:
            return False, SettingError(f"CANDOR_HOME: the selected records do not fit on the disk ({error.strerror}).")
        return False, TryLater(f"The selected records cannot be kept: {error.strerror}.")
    except Exception as bug:  # noqa: BLE001 - its message could hold clinical values
        place = extract_tb(bug.__traceback__)[-1]
        return False, RuntimeError(f"{type(bug).__name__} at {place.filename}:{place.lineno}")


def _done(good: bool, result: object) -> T:  # type: ignore[type-var]
    if not good:
        assert isinstance(result, Exception)  # noqa: S101 - of ``_try``
        raise result
    return result  # type: ignore[return-value]


def serve() -> None:
    """Do what the process that has started this one asks for, until it asks no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends us
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    job: Callable[[object], object] = repr
    while True:
        try:
            packed, unit = pickle.load(asked)  # noqa: S301 - of the process that has started this one
        except EOFError:
            return
        if packed is not None:
            job = pickle.loads(packed)  # noqa: S301
            continue
        pickle.dump(_try(job, unit), answers)
        answers.flush()


if __name__ == "__main__":
    serve()
