"""Access tokens by SMART Backend Services, kept until they age."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from service.errors import Never, TryLater
from service.hospital.refusals import Unsent
from service.hospital.token_endpoint import Ask, Client, Granted, discover, request_token

_RENEWED_AT = 0.8  # of its life
_LONGEST_REST = 3_600.0  # seconds that a server may ask for


class BackendServices:
    """The ``Credentials`` of one client at one FHIR server: one token at a time, asked for once however many wait."""

    def __init__(self, client: Client, base: str, ask: Ask, clock: Callable[[], float] = time.time) -> None:
        """Send requests by ``ask``; ``clock`` gives seconds since 1970, by which assertions and tokens age."""
        self.client = client
        self._base, self._ask, self._clock = base, ask, clock
        self._url = client.token_url
        self._granted: Granted | None = None
        self._renewed_at = 0.0
        self._one_asks = asyncio.Lock()
        self._asked = 0  # how often
        self._failure: Unsent | Never | None = None  # of the last time
        self._resting_until = 0.0  # by the clock, where the server asked for a rest

    async def header(self) -> str:
        """Return ``Bearer …``. Raises as ``granted`` does."""
        return (await self.granted()).header

    async def rejected(self, header: str) -> bool:
        """Forget the token; another can always be asked for."""
        if self._granted is not None and self._granted.header == header:  # nobody has renewed it meanwhile
            self._granted = None
        return True

    async def granted(self) -> Granted:
        """Return a token of less than 80 % of its life, and what it allows.

        Raises ``Unsent`` where it cannot be had now, and ``Never`` where it is refused.
        """
        if (fresh := self._fresh()) is not None:
            return fresh
        before = self._asked
        async with self._one_asks:
            if self._failure is not None and (self._asked != before or self._clock() < self._resting_until):
                raise self._failure  # whoever waited shares the outcome, rather than ask a busy server again
            return self._fresh() or await self._renew()

    def _fresh(self) -> Granted | None:
        return self._granted if self._clock() < self._renewed_at else None

    async def _renew(self) -> Granted:
        self._failure = None
        begun = self._clock()
        try:
            self._url = self._url or await discover(self.client, self._base, self._ask)
            self._granted = await request_token(self.client, self._url, self._ask, begun)
        except Never as error:
            self._failure = error
            raise
        except TryLater as error:
            # Nothing has been sent to the FHIR server, so that even a write may be tried again.
            self._failure = Unsent(str(error), error.retry_after)
            self._resting_until = self._clock() + min(error.retry_after or 0.0, _LONGEST_REST)
            raise self._failure from None
        finally:
            self._asked += 1
        self._renewed_at = begun + _RENEWED_AT * self._granted.life
        return self._granted
