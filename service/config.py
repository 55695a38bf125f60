"""The settings: environment first, then a TOML file with the same names, then the defaults.

Read with msgspec, which the charts need anyway: a settings library would double the time in which a command starts.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import msgspec

from service.errors import SettingError
from service.hospital.origins import Origin

PREFIX = "CANDOR_"

_PLACE = re.compile(r" - at `\$\.?(\w*)`\Z")


class Url(str):
    """An absolute address of a web server, without a slash at its end."""

    __slots__ = ()


class Token(str):
    """A bearer token as it stands in a header."""

    __slots__ = ()


Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


def _home() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "candor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site may set, under the same names in capitals after ``CANDOR_``; README.md explains them."""

    home: Path = field(default_factory=_home)
    mappings: Path | None = None
    site: Path | None = None

    fhir_url: Url | None = None
    fhir_write_url: Url | None = None
    fhir_write_patient_system: str | None = None
    fhir_token: Token | None = field(default=None, repr=False)
    fhir_write_token: Token | None = field(default=None, repr=False)

    terminology_url: Url | None = None
    terminology_token: Token | None = field(default=None, repr=False)

    host: str = "127.0.0.1"
    port: Port = 8000
    oidc_issuer: Url | None = None

    max_body_bytes: Positive = 32 * 1024 * 1024
    max_entries: Positive = 20_000
    max_screenings: Positive = 64

    @property
    def loopback(self) -> bool:
        """Whether ``host`` is reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


NAMES = frozenset(each.name for each in fields(Settings))


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings. Raises ``SettingError``, which names the setting and never its value."""
    given = {name: value for name, value in _given(file).items() if name in NAMES}
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=_special)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        name = f"{PREFIX}{place[1].upper()}" if place else "a setting"
        raise SettingError(f"{name}: {_PLACE.sub('', str(error))}.") from None


def unknown_names(file: Path | None = None) -> list[str]:
    """Return the names with our prefix, of environment and file, that are no setting of this version."""
    return sorted(f"{PREFIX}{name.upper()}" for name in _given(file).keys() - NAMES)


def _given(file: Path | None) -> dict[str, Any]:
    prefix = PREFIX.lower()
    environment = {name: value for name, value in os.environ.items() if value}
    return {
        name.lower().removeprefix(prefix): value
        for source in (_from_file(file) if file else {}, environment)
        for name, value in source.items()
        if source is not environment or name.lower().startswith(prefix)
    }


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{file}: cannot be read ({error.strerror}).") from None
    except ValueError:  # not UTF-8, or not TOML: the parser's own words would repeat a value
        raise SettingError(f"{file}: is not TOML; write a line such as CANDOR_PORT = 8000 for each setting.") from None


def _special(kind: type, value: Any) -> Any:
    """Convert what msgspec does not know; its messages must not repeat the value, which may hold a password."""
    if not isinstance(value, str):
        raise ValueError("Expected text")  # noqa: TRY004 - what msgspec reports with the setting's name
    if kind is Path:
        return Path(value).expanduser()
    return _token(value.strip()) if kind is Token else read_url(value)


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
