"""The service under many callers, throughput, event loop and memory: ``python -m bench.service [SCREENINGS]``.

Aims: 32 callers at a time get at least 80 % of the best throughput, and p99 of their waiting is under 5 times p50; the
event loop's delay is under 20 ms beside that of an idle loop, at p99.9; memory after 20,000 screenings is at most 1.05
times that after 5,000. The service runs as ``candor serve`` does, in a process of its own, with a store on this disk.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import count, islice
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from bench.charts import AS_OF, synthea_like
from bench.looped import Looped, looped

CALLERS = (1, 2, 4, 8, 16, 32)
OBSERVATIONS = 60
SECONDS = 8.0  # of each measurement
EARLY, LATE = 5_000, 20_000  # screenings
_WHO = b"who-is-screened"


class Load(NamedTuple):
    """What a number of callers saw."""

    rate: float  # screenings a second
    p50: float  # seconds
    p99: float


class Caller:
    """One caller with a connection of its own, who asks for one screening after another."""

    def __init__(self, port: int) -> None:
        self.port, self.waits = port, list[float]()

    async def call(self, numbers: Iterator[int], until: float = float("inf")) -> None:
        """Have one patient after another screened."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for number in numbers:
            start = perf_counter()
            if start > until:
                break
            body = _BODY.replace(_WHO, b"p%d" % number)
            writer.write(_HEAD % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"the service answered: {head.decode()}{answer.decode()}")
            self.waits.append(perf_counter() - start)
        writer.close()


_HEAD = b"POST /api/v1/screenings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def _body() -> bytes:
    bundle = synthea_like(OBSERVATIONS)
    urn = json.loads(bundle)["entry"][0]["fullUrl"].encode()
    named = bundle.replace(urn.removeprefix(b"urn:uuid:"), _WHO)
    return b'{"as_of":"%s","bundle":%s}' % (AS_OF.isoformat().encode(), named)


_BODY = _body()


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as home, looped("serve", home) as served, looped("idle") as idle:
        loads(served, idle)
    with TemporaryDirectory() as home, looped("serve", home) as served:
        memory(served, int(sys.argv[1]) if len(sys.argv) > 1 else LATE)


def loads(served: Looped, idle: Looped) -> None:
    """Print what callers see, and how late the loops woke up while there were most of them."""
    port, numbers = int(served.ask("port")), count()
    asyncio.run(measure(port, CALLERS[-1], numbers, 2.0))
    seen = {}
    for callers in CALLERS:
        for each in (served, idle):
            each.ask("delay")
        seen[callers] = asyncio.run(measure(port, callers, numbers, SECONDS))
    held, beside = (float(each.ask("delay")) * 1e3 for each in (served, idle))
    best = max(load.rate for load in seen.values())
    print("callers   screenings a second   of the best (aim 0.80)   p50 ms   p99 ms   p99 / p50 (aim 5)")
    for callers, (rate, p50, p99) in seen.items():
        print(f"{callers:7}{rate:22.0f}{rate / best:25.2f}{p50 * 1e3:9.1f}{p99 * 1e3:9.1f}{p99 / p50:12.1f}")
    print(f"\nevent loop's delay with {CALLERS[-1]} callers, p99.9: {held:.1f} ms,"
          f" beside an idle loop's {beside:.1f} ms: {held - beside:.1f} ms more (aim 20)")  # fmt: skip


def memory(served: Looped, late: int) -> None:
    """Print how memory grows."""
    port, early, numbers = int(served.ask("port")), late * EARLY // LATE, iter(range(late))
    asyncio.run(screen(port, islice(numbers, early)))
    before = int(served.ask("rss"))
    asyncio.run(screen(port, numbers))
    after = int(served.ask("rss"))
    print(f"\nmemory after {early:,} screenings {before >> 10} MiB, after {late:,} {after >> 10} MiB:"
          f" {after / before:.3f} (aim 1.05)")  # fmt: skip


async def measure(port: int, callers: int, numbers: Iterator[int], seconds: float) -> Load:
    """Return what that many callers see in that many seconds."""
    start = perf_counter()
    ones = [Caller(port) for _ in range(callers)]
    await asyncio.gather(*(one.call(numbers, start + seconds) for one in ones))
    took = perf_counter() - start
    waits = [wait for one in ones for wait in one.waits]
    cuts = quantiles(waits, n=100, method="inclusive")
    return Load(len(waits) / took, cuts[49], cuts[98])


async def screen(port: int, numbers: Iterator[int]) -> None:
    """Have patients screened, as many as there are numbers."""
    await asyncio.gather(*(Caller(port).call(numbers) for _ in range(CALLERS[-1])))


if __name__ == "__main__":
    main()
