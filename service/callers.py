"""Who may call the service from elsewhere, by the settings: the issuer whose tokens are believed, and pseudonyms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from service.config import Settings
from service.errors import SettingError
from service.hospital.published_keys import PublishedKeys, may_be_asked
from service.hospital.transport import Tls
from service.screening.research import Pseudonyms
from service.trust.bearers import Bearers, fetch_keys
from service.trust.key_sets import KeySets

_LEAST_KEY = 32  # characters: fewer can be tried out


def check_callers(settings: Settings) -> None:
    """Raise ``SettingError`` where a setting about callers cannot be used."""
    if settings.oidc_issuer is not None and not may_be_asked(settings.oidc_issuer):
        raise SettingError("CANDOR_OIDC_ISSUER: its keys would come from another machine in plain text: set https.")
    if settings.pseudonym_key is not None and len(settings.pseudonym_key) < _LEAST_KEY:
        raise SettingError(
            f"CANDOR_PSEUDONYM_KEY: give at least {_LEAST_KEY} random characters (openssl rand -hex 32)."
        )


async def issuer_keys(settings: Settings) -> None:
    """Fetch the issuer's keys, as the first token will have us do. Raises ``SettingError``, ``TryLater``, ``Never``."""
    check_callers(settings)
    async with bearers(settings) as believed:
        if believed is not None:
            await believed.keys.key(believed.issuer, "")


@asynccontextmanager
async def bearers(settings: Settings) -> AsyncIterator[Bearers | None]:
    """Give whose tokens are believed; ``None`` where no issuer is set. Raises ``SettingError``."""
    issuer = settings.oidc_issuer
    if issuer is None:
        yield None
        return
    tls = Tls(authorities=settings.oidc_ca_file) if settings.oidc_ca_file else None
    async with PublishedKeys(tls) as published:
        yield Bearers(
            issuer=issuer,
            audience=settings.oidc_audience,
            roles_claim=settings.oidc_roles_claim,
            keys=KeySets(partial(fetch_keys, fetch=published.fetch)),
        )


def pseudonyms(settings: Settings) -> Pseudonyms | None:
    """Return how researchers see people named; ``None``: not at all."""
    return None if settings.pseudonym_key is None else Pseudonyms(settings.pseudonym_key.encode())
