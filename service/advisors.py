"""CDS Hooks put together by the settings: the clients that are trusted, their servers, and one advisor a study."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from service.cds.advise import Advisor
from service.cds.clients import Client, Gate, load_clients, load_keys
from service.cds.door import CdsHooks
from service.cds.prefetch import PATIENT_ID, templates
from service.config import Settings
from service.errors import SettingError
from service.hospital.audit import AuditTrail
from service.hospital.client import FhirClient, Server
from service.hospital.lent import LentServers
from service.hospital.origins import Origin, in_the_open
from service.hospital.plan import plan_for
from service.hospital.published_keys import PublishedKeys, may_be_asked
from service.hospital.transport import Tls
from service.screeners import mappings
from service.screening.patient import Screener
from service.store.store import SqlStore
from service.study.load import load_vocabulary
from service.trust.key_sets import Jwk, KeySets

_SECONDS, _ATTEMPTS = 5.0, 2  # for one request: a clinician waits


class Trusted(NamedTuple):
    """The clients by issuer (``None``: none are listed, and nobody is told apart), and keys that came in files."""

    clients: Mapping[str, Client] | None
    own_keys: Mapping[str, Mapping[str, Jwk]]


def trusted(settings: Settings) -> Trusted:
    """Return whom the settings trust. Raises ``SettingError``."""
    if any(map(in_the_open, settings.fhir_allowed)):
        raise SettingError("CANDOR_FHIR_ALLOWED: a token that a client lends needs an https address of a server.")
    if settings.cds_clients is None:
        return Trusted(None, {})
    clients = load_clients(settings.cds_clients)
    for client in clients.values():
        if client.jku is not None and not may_be_asked(client.jku):
            raise SettingError(f"CANDOR_CDS_CLIENTS: {settings.cds_clients}: a jku is no https address of a server.")
    return Trusted(clients, load_keys(clients, settings.cds_clients))


@asynccontextmanager
async def cds_hooks(
    settings: Settings, screeners: Mapping[str, Screener], store: SqlStore, listed: Trusted, ours: FhirClient | None
) -> AsyncIterator[CdsHooks]:
    """Give the CDS services of the studies; ``ours`` is the hospital's own server, which clients may name too."""
    async with AsyncExitStack() as stack:
        tls = Tls(authorities=settings.fhir.ca_file) if settings.fhir.ca_file else None
        keys = await stack.enter_async_context(PublishedKeys(tls))
        clients, trails = await _clients(settings, stack, tls, ours), {}
        for origin, client in clients.items():
            # Not on the server itself: the token that a client lends is for reading.
            trail = AuditTrail(client.base, None, settings.home / "reads.ndjson")
            trails[origin] = await stack.enter_async_context(trail)
        own = Origin.parse(ours.base) if ours is not None else None
        vocabulary = load_vocabulary(mappings(settings), settings.site)
        advisors = {}
        for name, screener in screeners.items():
            plan = plan_for(screener.study, vocabulary)
            advisors[name] = Advisor(
                screener=screener,
                templates=templates(plan.by_patient(PATIENT_ID)),
                servers=LentServers(clients, trails, own, screener.study, plan),
                cards=store,
                budget=settings.cds_budget_ms / 1000,
                worklist=f"{settings.public}/worklist",
            )
        gate = Gate(
            clients=listed.clients,
            loopback=settings.near,
            keys=KeySets(keys.fetch),
            own_keys=listed.own_keys,
            seen=store,
        )
        yield CdsHooks(advisors=advisors, gate=gate, cards=store, public_url=settings.public)


async def _clients(
    settings: Settings, stack: AsyncExitStack, tls: Tls | None, ours: FhirClient | None
) -> dict[Origin, FhirClient]:
    """Return the servers that a client may name; none has credentials of ours: a client lends its own."""
    clients = {}
    for url in settings.fhir_allowed:
        server = Server(base=url, tls=tls, seconds=_SECONDS, attempts=_ATTEMPTS)
        clients[Origin.parse(url)] = await stack.enter_async_context(FhirClient(server))
    if ours is not None and not in_the_open(ours.base):
        clients[Origin.parse(ours.base)] = ours.lent(None, seconds=_SECONDS, attempts=_ATTEMPTS)
    return clients
