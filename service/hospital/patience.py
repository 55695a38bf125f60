"""Waits between askings of a server that is busy: as long as it says, or longer each time, and not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

_SHORTEST = 1.0  # seconds, whatever a server says
Sleep = Callable[[float], Awaitable[None]]


class Patience:
    """Waits ``longest`` seconds at a time, and no more than ``in_all``."""

    def __init__(self, sleep: Sleep, *, first: float = _SHORTEST, longest: float = inf, in_all: float) -> None:
        """``first``: how long is waited where the server says nothing; then twice as long, and so on."""
        self._sleep, self._pause, self._longest, self._in_all = sleep, first, longest, in_all
        self.waited = 0.0

    async def wait(self, asked: float | None) -> bool:
        """Wait as long as was ``asked``; or return False, without waiting, where that would be too long in all."""
        wait = min(self._pause if asked is None else max(asked, _SHORTEST), self._longest)
        if self.waited + wait > self._in_all:
            return False
        self._pause *= 2
        self.waited += wait
        await self._sleep(wait)
        return True
