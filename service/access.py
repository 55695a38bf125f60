"""The hospital's servers with what lets us in, by the settings: a token, a password, SMART Backend Services, TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from service.config import Access, Settings
from service.errors import SettingError
from service.hospital.client import Server
from service.hospital.credentials import basic, bearer
from service.hospital.keys import SigningKey, load_key
from service.hospital.origins import Origin
from service.hospital.plan import plan_for
from service.hospital.ports import Credentials
from service.hospital.scopes import FOLLOWED, V1, V2, scopes_for
from service.hospital.token_endpoint import Ask, Client
from service.hospital.tokens import BackendServices
from service.hospital.transport import Reply, Tls, Transport
from service.screeners import load, mappings
from service.study.load import load_vocabulary, study_ids

_READ, _WRITE = "CANDOR_FHIR", "CANDOR_FHIR_WRITE"  # how the names of their settings begin
_SECONDS = 30.0  # for a token to come
_WAYS = ("token", "user", "client_id")  # the setting that tells each way in
_POLITE = ("connections", "page_size", "seconds")
_NEEDS = {
    "user": "password",
    "password": "user",
    "client_id": "key_file",
    "key_file": "client_id",
    "next_key_file": "client_id",
    "token_url": "client_id",
    "scope": "client_id",
    "cert_key_file": "cert_file",
}


class Servers(NamedTuple):
    """The hospital's servers, of which there may be none: one that charts are read from, one that results go to."""

    reads: Server | None
    writes: Server | None  # the very same object where it is the same server


def hospital_servers(settings: Settings) -> Servers:
    """Return the servers that the settings name.

    Raises ``SettingError`` where two ways in are set together, or half of one, or a file cannot be used.
    """
    reads, writes = settings.fhir_url, settings.fhir_write_url or settings.fhir_url
    if writes is None:
        return Servers(None, None)
    if reads is None:
        return Servers(None, _server(settings, *_to_write(settings, writes), writes, writes=True))
    if Origin.parse(reads) == Origin.parse(writes) and settings.fhir_write == Access():
        one = _server(settings, _READ, settings.fhir, reads, reads=True, writes=True)
        return Servers(one, one)
    return Servers(
        _server(settings, _READ, settings.fhir, reads, reads=True),
        _server(settings, *_to_write(settings, writes), writes, writes=True),
    )


def signing_keys(settings: Settings) -> Iterator[SigningKey]:
    """Give the keys that are in use and those that come next, of both servers. Raises ``SettingError``."""
    for access in (settings.fhir, settings.fhir_write):
        for file in (access.key_file, access.next_key_file):
            if file is not None:
                yield load_key(file)


def _to_write(settings: Settings, url: str) -> tuple[str, Access]:
    """Return what lets us in at the write server: its own, else on the same host that of the other."""
    own, other = settings.fhir_write, settings.fhir
    if settings.fhir_url is None or Origin.parse(url)[:3] != Origin.parse(settings.fhir_url)[:3]:
        return _WRITE, own  # what was given for one host is not shown to another
    setting, shown = (_WRITE, own) if any(_is_set(own, way) for way in _WAYS) else (_READ, other)
    trust = own if own.ca_file or own.cert_file else other
    return setting, replace(
        shown,
        ca_file=trust.ca_file,
        cert_file=trust.cert_file,
        cert_key_file=trust.cert_key_file,
        connections=own.connections or other.connections,
        page_size=own.page_size or other.page_size,
        seconds=own.seconds or other.seconds,
    )


def _server(
    settings: Settings, setting: str, access: Access, url: str, *, reads: bool = False, writes: bool = False
) -> Server:
    _only_one_way(access, setting)
    tls = None
    if access.ca_file is not None or access.cert_file is not None:
        tls = Tls(authorities=access.ca_file, certificate=access.cert_file, key=access.cert_key_file)
    shown: Credentials | None = bearer(access.token)
    if access.user is not None:
        shown = basic(access.user, access.password or "")
    elif access.client_id is not None and access.key_file is not None:
        client = Client(
            id=access.client_id,
            key=load_key(access.key_file),
            scope=_scope(settings, access.scope, reads=reads, writes=writes),
            token_url=access.token_url,
            setting=setting,
        )
        shown = BackendServices(client, url, _asking(tls))
    polite = {name: value for name in _POLITE if (value := getattr(access, name)) is not None}
    return Server(base=url, credentials=shown, tls=tls, **polite)


def _only_one_way(access: Access, setting: str) -> None:
    names = {name: f"{setting}_{name.upper()}" for name in Access.__slots__}
    for one, other in _NEEDS.items():
        if _is_set(access, one) and not _is_set(access, other):
            raise SettingError(f"{names[one]} is of no use alone: set {names[other]} too.")
    ways = [names[way] for way in _WAYS if _is_set(access, way)]
    if len(ways) > 1:
        raise SettingError(f"{' and '.join(ways)} are different ways to be let in: keep one of them.")
    if access.user is not None and ":" in access.user:
        raise SettingError(f"{names['user']}: HTTP Basic allows no colon in it.")


def _is_set(access: Access, name: str) -> bool:
    return getattr(access, name) is not None


def _scope(settings: Settings, given: str | None, *, reads: bool, writes: bool) -> str:
    """Return the scopes to ask for: those given, else the smallest set for every study that is loaded."""
    if given is not None and given not in (V1, V2):
        return given
    kinds: set[str] = set()
    if reads:
        vocabulary = load_vocabulary(mappings(settings), settings.site)
        for study in study_ids(mappings(settings)):
            kinds.update(plan_for(load(settings, study), vocabulary).kinds, FOLLOWED)
    return scopes_for(kinds, writes=writes, form=given or V2)


def _asking(tls: Tls | None) -> Ask:
    """Return a way to ask for tokens: they are few, so that each has a connection of its own, which is then closed."""

    async def ask(method: str, url: str, what: str, headers: Mapping[str, str], content: bytes | None = None) -> Reply:
        async with Transport(connections=1, seconds=_SECONDS, tls=tls) as transport:
            return await transport.send(method, url, what, headers, content)

    return ask
