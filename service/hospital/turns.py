"""Turns at writing: writers of one process wait for each other, those of several processes decide anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar
from weakref import WeakValueDictionary

import stamina

from service.errors import Never, TryLater
from service.hospital.refusals import Conflict

_TRIES = 20  # of reading again and deciding anew, when other writers are first
_CONTRADICTIONS = 3
_turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

Done = TypeVar("Done")


class Hidden:
    """Tells what no search shows, though the server says that it is there, from what another writer has just made."""

    def __init__(self) -> None:
        self._absent: tuple[str, ...] = ()
        self._times = 0

    @contextmanager
    def watch(self, absent: tuple[str, ...]) -> Iterator[None]:
        """Watch a write after a look that did not find ``absent``, resource types.

        Raises ``Never`` when look and write contradict each other once more than other writers explain.
        """
        try:
            yield
        except Conflict as error:
            if not absent or error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            self._times = self._times + 1 if absent == self._absent else 1
            self._absent = absent
            if self._times < _CONTRADICTIONS:
                raise
            raise Never(
                f"The server makes no {' or '.join(absent)} because one with our identifier is there, or several are, "
                "and its searches show none: nothing more is written. Let us see them, or delete what is too many."
            ) from None


async def in_turn(place: object, thing: str, decide: Callable[[], Awaitable[Done]]) -> Done:
    """Do ``decide``, which reads ``thing`` at ``place`` and writes it, until nobody else was first.

    Raises ``TryLater`` when others are first every time, and what ``decide`` raises but ``Conflict``.
    """
    turn = _turns.setdefault((id(place), thing), asyncio.Lock())
    try:
        async for attempt in stamina.retry_context(
            on=Conflict, attempts=_TRIES, timeout=None, wait_initial=0.05, wait_max=2, wait_jitter=0.5
        ):
            with attempt:
                async with turn:
                    return await decide()
    except Conflict as error:
        raise TryLater(f"Other writers were first every time: {error}") from None
    raise AssertionError  # pragma: no cover - the loop above returns or raises
