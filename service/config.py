"""The settings and their types; where they stand is ``given.py``'s to know.

Read with msgspec, which the charts need anyway: a settings library would double the time in which a command starts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from service.errors import SettingError
from service.fhir.write_kinds import KINDS
from service.given import PREFIX, read_given
from service.hospital.origins import Origin, is_loopback

_PLACE = re.compile(r" - at `\$\.?([\w.]*)`\Z")


class Url(str):
    """An absolute address of a web server, without a slash at its end."""

    __slots__ = ()


class Urls(tuple[Url, ...]):
    """Addresses, written one after another with commas between them."""

    __slots__ = ()


class Kinds(tuple[str, ...]):
    """Resource types that we write and a server may lack, written with commas between them."""

    __slots__ = ()
    DISPENSABLE = tuple(kind for kind, each in KINDS.items() if each.instead)


class Endpoint(str):
    """An absolute address that is used as it is written, its last slash included."""

    __slots__ = ()


class Token(str):
    """A secret of printable ASCII, such as a bearer token as it stands in a header."""

    __slots__ = ()


class Tokens(tuple[Token, ...]):
    """Secrets with commas between them, the newest first."""

    __slots__ = ()


Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


def _home() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "candor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What lets us in at one FHIR server, and how politely; the names stand after its own. PEM where it is a file."""

    token: Token | None = field(default=None, repr=False)  # a bearer's
    user: str | None = None  # with a password: HTTP Basic
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None  # with a key: SMART Backend Services
    key_file: Path | None = None
    next_key_file: Path | None = None  # published beside the one in use, before it takes its place
    token_url: Endpoint | None = None
    scope: str | None = None
    ca_file: Path | None = None  # whom to trust instead of the public authorities
    cert_file: Path | None = None  # our own certificate
    cert_key_file: Path | None = None
    connections: Positive | None = None  # at a time
    page_size: Positive | None = None
    seconds: Positive | None = None  # for one request, and all its repeats to begin in


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site may set, under the same names in capitals after ``CANDOR_``; docs/settings.md explains them."""

    secrets_dir: Path | None = None
    home: Path = field(default_factory=_home)
    mappings: Path | None = None
    site: Path | None = None

    fhir_url: Url | None = None
    fhir_write_url: Url | None = None
    fhir_write_patient_system: str | None = None
    fhir_write_without: Kinds = field(default_factory=Kinds)  # what the write server does not take
    fhir_allowed: Urls = field(default_factory=Urls)  # further servers that a CDS client may name
    fhir: Access = field(default_factory=Access)
    fhir_write: Access = field(default_factory=Access)

    service_token: Token | None = field(default=None, repr=False)  # of a service that judges for the command line

    terminology_url: Url | None = None
    terminology_token: Token | None = field(default=None, repr=False)

    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: Url | None = None  # under which callers reach the service
    oidc_issuer: Endpoint | None = None  # whose tokens let callers in, to the letter
    oidc_audience: str = "candor"
    oidc_roles_claim: str = "roles"
    oidc_ca_file: Path | None = None
    pseudonym_key: Token | None = field(default=None, repr=False)
    metrics_open: bool = False  # although callers need tokens
    cds_clients: Path | None = None  # the list of CDS clients
    cds_budget_ms: Positive = 500

    notification_secret: Tokens = field(default_factory=Tokens, repr=False)  # what servers show that tell of changes
    subscription_poll_seconds: Positive = 300

    bulk_group: str | None = None  # the Group that is exported; ``None``: everybody
    bulk_type_filter: str | None = None  # ``_typeFilter`` of exports; what it leaves out is not seen
    discovery_full_days: Positive = 7  # between runs that look through everybody

    smtp_host: str | None = None  # takes the mail that tells of a search of the whole hospital
    smtp_port: Port = 587
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: Path | None = None
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    smtp_from: str | None = None
    smtp_to: str | None = None  # addresses with commas between them
    webhook_url: Endpoint | None = None  # is told of it too
    webhook_token: Token | None = field(default=None, repr=False)
    report_language: Literal["en", "fr"] = "en"

    max_body_bytes: Positive = 32 * 1024 * 1024
    max_entries: Positive = 20_000
    max_screenings: Positive = 64

    store: str | None = field(default=None, repr=False)  # a database URL, which may hold a password
    workers: Positive = 4
    max_queue: Positive = 10_000
    lease_seconds: Positive = 30
    retention_days: Positive | None = None

    @property
    def public(self) -> str:
        """Under which address callers reach the service, as far as it can tell."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def near(self) -> bool:
        """Whether this machine alone reaches the service, a proxy before it included."""
        return is_loopback(self.host) and is_loopback(Origin.parse(self.public).host)


_SERVERS = ("fhir_write", "fhir")  # the longer name first: it begins with the other
# Name -> where it stands in ``Settings``, and whether it is a secret, which ``repr`` leaves out.
_KNOWN = {(each.name,): not each.repr for each in fields(Settings) if each.name not in _SERVERS} | {
    (server, each.name): not each.repr for server in _SERVERS for each in fields(Access)
}
NAMES = {"_".join(place): place for place in _KNOWN}
_SECRETS = frozenset("_".join(place) for place, secret in _KNOWN.items() if secret)


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings. Raises ``SettingError``, which names the setting and never its value."""
    known: dict[str, Any] = {server: {} for server in _SERVERS}
    for name, value in read_given(file, NAMES, _SECRETS).items():
        if name in NAMES:
            *server, last = NAMES[name]
            (known[server[0]] if server else known)[last] = value
    try:
        return msgspec.convert(known, Settings, strict=False, dec_hook=_special)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        name = f"{PREFIX}{place[1].replace('.', '_').upper()}" if place else "a setting"
        raise SettingError(f"{name}: {_PLACE.sub('', str(error))}.") from None


def unknown_names(file: Path | None = None) -> list[str]:
    """Return the names with our prefix, of environment and file, that are no setting of this version."""
    return sorted(f"{PREFIX}{name.upper()}" for name in read_given(file, NAMES, _SECRETS).keys() - NAMES.keys())


def _special(kind: type, value: Any) -> Any:
    """Convert what msgspec does not know; its messages must not repeat the value, which may hold a password."""
    if not isinstance(value, str):
        raise ValueError("Expected text")  # noqa: TRY004 - what msgspec reports with the setting's name
    if kind is Path:
        return Path(value).expanduser()
    if kind is Token:
        return _token(value.strip())
    if kind is Tokens:
        return Tokens(_token(part.strip()) for part in value.split(","))
    if kind is Urls:
        return Urls(read_url(part.strip()) for part in value.split(","))
    if kind is Kinds:
        return _kinds(value)
    url = read_url(value.strip())
    return Endpoint(value.strip()) if kind is Endpoint else url


def _kinds(value: str) -> Kinds:
    kinds = Kinds(part.strip() for part in value.split(","))
    if not set(kinds) <= set(Kinds.DISPENSABLE):
        raise ValueError(f"Expected some of {', '.join(Kinds.DISPENSABLE)}")
    return kinds


def _token(value: str) -> Token:
    if not value or not value.isascii() or not value.isprintable():
        raise ValueError("Expected a token of printable ASCII characters")
    return Token(value)


def read_url(value: str) -> Url:
    """Take an address as it is set. Raises ``ValueError``, without the value."""
    try:
        Origin.parse(value)
        known = "?" not in value and "#" not in value
    except ValueError:
        known = False
    if not known:
        raise ValueError("Expected an address such as https://fhir.hospital.example/fhir")
    return Url(value.rstrip("/"))
