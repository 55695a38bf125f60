"""Subscriptions put together by the settings: the hospital's server, what the studies need, where it tells us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.access import hospital_servers
from service.config import Settings
from service.errors import SettingError
from service.hospital.changes import HospitalChanges
from service.hospital.client import FhirClient
from service.hospital.plan import Plan, plan_for
from service.hospital.subscriptions import PATH, Channel, Subscriptions, criteria_for
from service.screeners import load, mappings
from service.store.store import SqlStore
from service.study.load import load_vocabulary, study_ids
from service.subscriptions.door import Notices
from service.subscriptions.look import Look
from service.subscriptions.patrol import Patrol
from service.subscriptions.secrets import NotificationSecrets


@dataclass(frozen=True, slots=True)
class Triggers:
    """What notifications of one hospital's server need; ``look`` runs jobs, ``patrol`` looks for what was not told."""

    look: Look
    patrol: Patrol | None  # ``None``: no address is set under which the server could reach us
    _settings: Settings
    _store: SqlStore

    def notices(self, wake: Callable[[], None]) -> Notices:
        """Return what takes notifications in; ``wake`` tells the worker."""
        return Notices(secrets_of(self._settings), self._store, self._settings.max_queue, wake)


def secrets_of(settings: Settings) -> NotificationSecrets:
    """Return who may notify us."""
    return NotificationSecrets(settings.notification_secret, settings.near)


def channel(settings: Settings, *, payload: bool) -> Channel:
    """Return how the hospital's server is to tell us. Raises ``SettingError``."""
    secret = next(iter(settings.notification_secret), None)
    if secret is None and not settings.near:
        raise SettingError("CANDOR_NOTIFICATION_SECRET: without it no notification is taken from another machine.")
    return Channel(_endpoint(settings), secret, payload)


@asynccontextmanager
async def registered(settings: Settings) -> AsyncIterator[Subscriptions]:
    """Give the Subscriptions on the hospital's server that lead to us. Raises ``SettingError``."""
    endpoint = _endpoint(settings)
    reads = hospital_servers(settings).reads
    if reads is None:
        raise SettingError("CANDOR_FHIR_URL: set the server that is to tell of changes.")
    async with FhirClient(reads) as client:
        yield Subscriptions(client, criteria_for(_plans(settings)), endpoint)


def triggers(settings: Settings, studies: Sequence[str], store: SqlStore, client: FhirClient) -> Triggers:
    """Return what a service needs for notifications of the hospital's server."""
    plans = _plans(settings)
    ours = Subscriptions(client, criteria_for(plans), f"{settings.public}{PATH}")
    watched = HospitalChanges(client, plans, ours)
    patrol = None
    if settings.public_url is not None:
        patrol = Patrol(watched, store, settings.subscription_poll_seconds)
    return Triggers(Look(watched, store, studies, client.base), patrol, settings, store)


def _endpoint(settings: Settings) -> str:
    if settings.public_url is None:
        raise SettingError("CANDOR_PUBLIC_URL: set the address under which the hospital's server reaches this service.")
    return f"{settings.public_url}{PATH}"


def _plans(settings: Settings) -> list[Plan]:
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    return [plan_for(load(settings, study), vocabulary) for study in study_ids(mappings(settings))]
