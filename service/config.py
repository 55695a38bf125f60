"""The settings: environment first, then a TOML file with the same names, then the defaults."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.errors import SettingError

PREFIX = "CANDOR_"
MEBIBYTE = 1024 * 1024


def _home() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "candor"


class Settings(BaseSettings):
    """What a site may set; docs in README.md, section "Settings"."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(default_factory=_home)
    store: SecretStr | None = None
    mappings: Path | None = None
    site: Path | None = None

    fhir_url: AnyHttpUrl | None = None
    fhir_write_url: AnyHttpUrl | None = None
    fhir_write_patient_system: str | None = None
    fhir_token: SecretStr | None = None

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    oidc_issuer: AnyHttpUrl | None = None

    max_body_bytes: int = Field(default=32 * MEBIBYTE, ge=1024)
    max_entries: int = Field(default=20_000, ge=1)
    max_screenings: int = Field(default=64, ge=1)

    @property
    def loopback(self) -> bool:
        """Whether ``host`` is reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what ``load_settings`` read from the file."""
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings. Raises ``SettingError``, which names the setting and never its value."""
    try:
        return Settings(**_from_file(file) if file else {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SettingError(f"{PREFIX}{first['loc'][0]}".upper() + f": {first['msg']}.") from None


def unknown_names(file: Path | None = None) -> list[str]:
    """Return the names with our prefix, of environment and file, that are no setting of this version."""
    known = {f"{PREFIX}{field}".upper() for field in Settings.model_fields}
    given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    if file:
        given |= {f"{PREFIX}{field}".upper() for field in _from_file(file)}
    return sorted(given - known)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{file}: cannot be read ({error.strerror}).") from None
    except ValueError as error:  # TOML's and UTF-8's errors; their texts tell a line, not a value
        raise SettingError(f"{file}: is not TOML: {error}.") from None
    return {name.lower().removeprefix(PREFIX.lower()): value for name, value in content.items()}
