"""What one patient and a night of patients cost over REST, against a server that pauses: ``python -m bench.online``.

Aims: one patient in at most two round trips where batches are taken, and in at most 1.2 times the slowest chain of
requests that it has to wait for; a night keeps at least 90 % of the permitted connections busy and never uses more;
the event loop is never held for more than 20 ms.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from math import ceil
from time import perf_counter, thread_time
from typing import NamedTuple
from urllib.request import urlopen

from bench.charts import AS_OF
from service.eligibility.results import Screening
from service.eligibility.screen import screen
from service.fhir.read import Reader
from service.hospital.client import FhirClient, Server
from service.hospital.plan import Plan, plan_for
from service.hospital.records import fetch_chart_resources
from service.study.load import default_mappings, load_study, load_vocabulary

ROUNDS, NIGHT = 15, 120  # patients
AT_A_TIME = 3  # patients for each permitted connection, so that none waits for a patient to be judged
WORKER = ThreadPoolExecutor(1)  # as in the service
STUDY = load_study(default_mappings())
VOCABULARY = load_vocabulary(default_mappings())


class Seen(NamedTuple):
    """What the server saw."""

    requests: int
    most: int  # at a time
    busy: float  # seconds of all requests, added up


class Screener(NamedTuple):
    """Screens patients of a server as the service does: asks on the event loop, judges beside it."""

    client: FhirClient
    plan: Plan
    reader: Reader

    async def screen(self, patient: int) -> None:
        """Fetch and judge one patient."""
        pulled = await fetch_chart_resources(self.client, f"p{patient}", self.plan)
        judge = partial(self._judge, pulled.resources, f"Patient/p{patient}", pulled.failed)
        await asyncio.get_running_loop().run_in_executor(WORKER, judge)

    def _judge(
        self, resources: list[tuple[dict[str, object], str | None]], patient: str, failed: frozenset[str]
    ) -> None:
        result = screen(STUDY, self.reader.read(resources, patient), (), AS_OF)
        if failed or not isinstance(result, Screening):
            raise SystemExit(f"the chart did not come whole: {sorted(failed)}")


def main() -> None:
    """Measure and print."""
    gc.collect()
    gc.freeze()  # as the service does before it serves
    plan = plan_for(STUDY, VOCABULARY)
    print("one patient        pause ms  requests  trips   whole ms   chain ms   whole / chain (aim 1.2)")
    for batches in (True, False):
        for pause in (0.05, 0.2):
            with hospital(pause, batches=batches) as base:
                whole, requests = asyncio.run(one(base, plan))
            connections = Server(base=base).connections
            trips = 2 if batches else ceil((requests - 1) / connections) + 1
            name = "batch" if batches else f"{connections} connections"
            print(f"{name:<18}{pause * 1e3:10.0f}{requests:10}{trips:7}{whole * 1e3:11.1f}{trips * pause * 1e3:11.1f}"
                  f"{whole / (trips * pause):11.2f}")  # fmt: skip
    print(
        "\na night            pause ms  patients a second  connections busy (aim 0.9)  at most  loop held ms (aim 20)"
    )
    for batches, pause in ((True, 0.2), (False, 0.05)):  # a batch is as much work as many searches
        with hospital(pause, batches=batches) as base:
            seconds, told, held = asyncio.run(night(base, plan))
            permitted = Server(base=base).connections
        name = "batch" if batches else "single searches"
        share = told.busy / (seconds * permitted)
        print(f"{name:<18}{pause * 1e3:9.0f}{NIGHT / seconds:19.1f}{share:28.2f}{told.most:5} of {permitted}"
              f"{held * 1e3:24.1f}")  # fmt: skip


async def one(base: str, plan: Plan) -> tuple[float, int]:
    """Return the best time of one patient, once the server's ways are known, and its number of requests."""
    async with FhirClient(Server(base=base)) as client:
        screener = Screener(client, plan, Reader(STUDY.lexicon, VOCABULARY, server=base))
        await screener.screen(0)
        seen(base)
        best = float("inf")
        for patient in range(ROUNDS):
            start = perf_counter()
            await screener.screen(patient)
            best = min(best, perf_counter() - start)
    return best, seen(base).requests // ROUNDS


async def night(base: str, plan: Plan) -> tuple[float, Seen, float]:
    """Return the seconds that all patients take, what the server saw, and how long the loop was held at most."""
    async with FhirClient(Server(base=base)) as client:
        screener = Screener(client, plan, Reader(STUDY.lexicon, VOCABULARY, server=base))
        await screener.screen(0)
        seen(base)
        waiting = iter(range(NIGHT))

        async def work(number: int) -> None:
            await asyncio.sleep(number / 100)  # jobs do not all begin at the same moment
            for patient in waiting:
                await screener.screen(patient)

        watch = asyncio.create_task(_longest_hold())
        await asyncio.sleep(0)
        start = perf_counter()
        await asyncio.gather(*(work(number) for number in range(client.server.connections * AT_A_TIME)))
        seconds = perf_counter() - start
        watch.cancel()
        [held] = await asyncio.gather(watch)
    return seconds, seen(base), held


async def _longest_hold() -> float:
    """Watch what the loop's own thread works between two turns, until cancelled; other processes do not count."""
    longest, before = 0.0, thread_time()
    try:
        while True:
            await asyncio.sleep(0.001)
            before, last = thread_time(), before
            longest = max(longest, before - last)
    except asyncio.CancelledError:
        return longest


@contextmanager
def hospital(pause: float, *, batches: bool) -> Iterator[str]:
    """Give the base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "bench.hospital", str(pause), "batch" if batches else "single"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        assert process.stdout is not None  # noqa: S101 - for the type
        yield process.stdout.readline().strip()
        process.terminate()


def seen(base: str) -> Seen:
    """Ask the server what it saw since this was asked last."""
    with urlopen(base.removesuffix("fhir") + "seen") as answer:  # noqa: S310 - our own server
        return Seen(**json.load(answer))


if __name__ == "__main__":
    main()
