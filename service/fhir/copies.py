"""The same record seen twice is one: the copy of the later update, then of the higher version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

import msgspec

from service.eligibility.moment import read_when
from service.fhir.references import Located, Resource, local_name
from service.fhir.statuses import is_void

_NO_CONTENT = ("id", "meta", "text")  # what may differ between copies that say the same


class Copy(NamedTuple):
    """The copy that stands for a record; ``contested`` where others differ and cannot be ordered."""

    resource: dict[str, Any]
    full_url: str | None
    contested: bool


def content(resource: Resource) -> bytes:
    """What a resource says, in one spelling: keys in order, without identity, metadata and narrative."""
    said = {key: value for key, value in resource.items() if key not in _NO_CONTENT}
    return msgspec.json.encode(said, order="deterministic")


def source_of(resource: Resource, full_url: object) -> str:
    """How the record is named as evidence: ``Type/id``, with ``/_history/…`` where it has a version.

    A record without any identity is named by its content, so that the order of the input does not matter.
    """
    name = local_name(resource, full_url)
    if name is None:
        return f"{resource.get('resourceType')}/sha256-{hashlib.sha256(content(resource)).hexdigest()[:16]}"
    version = version_of(resource)
    return f"{name}/_history/{version}" if version else name


def version_of(resource: Resource) -> str | None:
    """``meta.versionId``."""
    version = _meta(resource).get("versionId")
    return version if isinstance(version, str) and version else None


def one_of_each(located: list[Located]) -> Iterable[Copy]:
    """Leave one copy of every record of one type; the usual source holds no copies and is passed through."""
    names = {resource.get("id") if type(resource.get("id")) is str else None for resource, _ in located}
    if len(names) == len(located):
        return [Copy(resource, full_url, False) for resource, full_url in located]
    copies: dict[str, list[Located]] = {}
    for resource, full_url in located:
        name = local_name(resource, full_url) or source_of(resource, full_url)
        copies.setdefault(name, []).append((resource, full_url))
    return [choose(same) for same in copies.values()]


def choose(copies: list[Located]) -> Copy:
    """The copy that stands for all of them, whatever their order."""
    if len(copies) == 1:
        return Copy(*copies[0], False)
    by_content: dict[bytes, list[Located]] = {}
    for copy in copies:
        by_content.setdefault(content(copy[0]), []).append(copy)
    distinct = {said: reduce(_later, sorted(same, key=_name)) for said, same in by_content.items()}
    newest = [
        said for said, copy in distinct.items() if not any(_order(copy[0], other[0]) < 0 for other in distinct.values())
    ] or list(distinct)
    # A copy that was taken back does not hide one that was not, unless it is the later one.
    winner = min(newest, key=lambda said: (is_void(distinct[said][0]), said))
    return Copy(*distinct[winner], len(newest) > 1)


def _later(first: Located, second: Located) -> Located:
    return second if _order(second[0], first[0]) > 0 else first


def _name(located: Located) -> str:
    return source_of(*located)


def _order(first: Resource, second: Resource) -> int:
    """Above zero when ``first`` is the later copy, below when ``second`` is, zero when nobody can tell."""
    updated, other = _updated(first), _updated(second)
    if updated is not None and other is not None and updated != other:
        return 1 if updated > other else -1
    version, other_version = version_of(first) or "", version_of(second) or ""
    if version.isdecimal() and other_version.isdecimal():
        return int(version) - int(other_version)
    return 0


def _updated(resource: Resource) -> float | None:
    when = read_when(_meta(resource).get("lastUpdated"))
    return when.instant.timestamp() if when is not None and when.instant is not None else None


def _meta(resource: Resource) -> dict[str, Any]:
    meta = resource.get("meta")
    return meta if isinstance(meta, dict) else {}
