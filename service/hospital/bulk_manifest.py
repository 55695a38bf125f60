"""The manifest of an export: which files it names, and by what each is known again in a manifest told anew."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

_KIND = re.compile(r"[A-Z][A-Za-z]{0,63}\Z")


class File(NamedTuple):
    """A file of an export; ``name`` is the same here and in every manifest that surely names the same one."""

    url: str
    name: str


def named_files(manifest: Mapping[str, Any], member: str) -> list[File]:
    """Return the files of a member of the manifest, each once; what names none is left out.

    The same is what has the type, the export's moment and the URL; without its query, in which signatures stand that
    are new each time, where that tells it from all the others.
    """
    entries = dict.fromkeys(_readable(listed(manifest, member)))
    alike = Counter((kind, _bare(url)) for kind, url in entries)
    moment = manifest.get("transactionTime")
    files = []
    for kind, url in entries:
        same = _bare(url) if alike[kind, _bare(url)] == 1 else url
        files.append(File(url, f"{member}-{_digest(moment, kind, same)}.{kind}.ndjson"))
    return files


def names_all(manifest: Mapping[str, Any], member: str) -> bool:
    """Whether every entry of a member of the manifest can be read."""
    entries = listed(manifest, member)
    return len(list(_readable(entries))) == len(entries)


def listed(manifest: Mapping[str, Any], member: str) -> list[Any]:
    """Return a member that is a list; an empty one for any other."""
    value = manifest.get(member)
    return value if isinstance(value, list) else []


def _readable(entries: Iterable[object]) -> Iterable[tuple[str, str]]:
    for entry in entries:
        kind, url = (entry.get("type"), entry.get("url")) if isinstance(entry, dict) else (None, None)
        if isinstance(kind, str) and _KIND.match(kind) and isinstance(url, str):
            yield kind, url


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _digest(*parts: object) -> str:
    return sha256(msgspec.json.encode(parts)).hexdigest()[:16]
