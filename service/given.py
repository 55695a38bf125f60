"""What was set, by name: in the environment, else in a TOML file, else in a folder of secrets.

A secret may stand in a file of its own, as orchestrators mount it: that of ``CANDOR_FHIR_TOKEN`` is named by
``CANDOR_FHIR_TOKEN_FILE``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from service.errors import SettingError

PREFIX = "CANDOR_"
_FOLDER = "secrets_dir"


def read_given(file: Path | None, names: Collection[str], secrets: Collection[str]) -> dict[str, Any]:
    """Return what is set by name, in lower case and without our prefix, known or not.

    ``names`` are the settings there are, ``secrets`` those of them that may stand in a file. Raises ``SettingError``.
    """
    environment = _ours({name: value for name, value in os.environ.items() if value})
    from_file = _from_file(file) if file else {}
    folder = environment.get(_FOLDER, from_file.get(_FOLDER))
    mounted = _from_folder(Path(str(folder)), names) if folder else {}
    sources = (mounted, from_file, environment)
    return {name: value for source in sources for name, value in _opened(source, secrets).items()}


def _ours(given: dict[str, Any]) -> dict[str, Any]:
    prefix = PREFIX.lower()
    return {
        name.lower().removeprefix(prefix): value for name, value in given.items() if name.lower().startswith(prefix)
    }


def _from_file(file: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{file}: cannot be read ({error.strerror}).") from None
    except ValueError:  # not UTF-8, or not TOML: the parser's own words would repeat a value
        raise SettingError(f"{file}: is not TOML; write a line such as CANDOR_PORT = 8000 for each setting.") from None
    return {name.lower().removeprefix(PREFIX.lower()): value for name, value in given.items()}


def _from_folder(folder: Path, names: Collection[str]) -> dict[str, Any]:
    """Return what the files of a folder hold whose names are those of settings; a key's file is that setting itself."""
    try:
        files = [file for file in folder.iterdir() if file.is_file()]
    except OSError as error:
        raise SettingError(f"CANDOR_SECRETS_DIR: {folder} cannot be read ({error.strerror}).") from None
    found = _ours({file.name: file for file in files})
    texts = {name: _text(file, PREFIX + name.upper()) for name, file in found.items() if name in names}
    return texts | {f"{name}_file": str(file) for name, file in found.items() if f"{name}_file" in names}


def _opened(source: dict[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """Put the content of its file in the place of each secret that is set by one."""
    given = dict(source)
    for name in secrets:
        file = given.pop(f"{name}_file", None)
        if file is None:
            continue
        setting = f"{PREFIX}{name.upper()}"
        if name in given:
            raise SettingError(f"{setting} and {setting}_FILE are both set: remove one of them.")
        given[name] = _text(Path(str(file)), f"{setting}_FILE")
    return given


def _text(file: Path, setting: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{setting}: {file} cannot be read ({error.strerror}).") from None
    except ValueError:
        raise SettingError(f"{setting}: {file} is not text in UTF-8.") from None
