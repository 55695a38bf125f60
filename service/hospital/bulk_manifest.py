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
    place: str  # its name by where it stands in this manifest
    records: int | None = None  # how many it holds, where the manifest tells it


def named_files(manifest: Mapping[str, Any], member: str) -> list[File]:
    """Return the files of a member of the manifest, each once; what names none is left out.

    The same is what has the type, the export's moment and the URL; without its query, in which signatures stand that
    are new each time, where that tells it from all the others.
    """
    entries = {(kind, url): count for kind, url, count in _readable(listed(manifest, member))}
    alike = Counter((kind, _bare(url)) for kind, url in entries)
    moment = manifest.get("transactionTime")
    files = []
    for number, ((kind, url), count) in enumerate(entries.items()):
        same = _bare(url) if alike[kind, _bare(url)] == 1 else url
        name, place = (f"{member}-{which}.{kind}.ndjson" for which in (_digest(moment, kind, same), number))
        files.append(File(url, name, place, count))
    return files


def names_all(manifest: Mapping[str, Any], member: str) -> bool:
    """Whether every entry of a member of the manifest can be read; none need be there."""
    entries = manifest.get(member)
    if not isinstance(entries, list):
        return entries is None
    return len(list(_readable(entries))) == len(entries)


def listed(manifest: Mapping[str, Any], member: str) -> list[Any]:
    """Return a member that is a list; an empty one for any other."""
    value = manifest.get(member)
    return value if isinstance(value, list) else []


def _readable(entries: Iterable[object]) -> Iterable[tuple[str, str, int | None]]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        kind, url, count = entry.get("type"), entry.get("url"), entry.get("count")
        if isinstance(kind, str) and _KIND.match(kind) and isinstance(url, str):
            yield kind, url, count if isinstance(count, int) else None


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _digest(*parts: object) -> str:
    return sha256(msgspec.json.encode(parts)).hexdigest()[:16]
