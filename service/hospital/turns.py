"""Turns at writing: writers of one process wait for each other, those of several processes decide anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import stamina

from service.errors import TryLater
from service.hospital.refusals import Conflict

_TRIES = 20  # of reading again and deciding anew, when other writers are first
_turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

Done = TypeVar("Done")


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
