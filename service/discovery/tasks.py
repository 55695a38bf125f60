"""Tasks of which several go on at a time, taken as they end."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def some_done(tasks: set[asyncio.Task[T]]) -> list[T]:
    """Wait for some of the tasks; return what they give, and take them out of the set. Raises what one of them does."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks -= done
    for error in [task.exception() for task in done]:  # all are asked, or the others' would be told of as lost
        if error is not None:
            raise error
    return [task.result() for task in done]


async def cancelled(tasks: set[asyncio.Task[T]]) -> None:
    """Cancel the tasks, and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
