"""What a server answered to each entry of a transaction, of which much may be missing or odd."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from service.hospital.ports import Resource

_STATUS = re.compile(r"[1-5][0-9]{2}\b")  # a reason may follow


class Told(NamedTuple):
    """What became of one entry."""

    status: int
    place: str | None  # its location, or Type/id of the resource that came back
    version: str | None  # as an ETag, or bare
    outcome: object

    @property
    def done(self) -> bool:
        """Whether it was not refused."""
        return self.status < HTTPStatus.BAD_REQUEST


def read_answers(answer: Resource, count: int) -> list[Told] | None:
    """Read a transaction's answer; ``None`` where it does not tell the status of each of ``count`` entries."""
    entries = answer.get("entry")
    told = [_read(entry) for entry in entries] if isinstance(entries, list) else []
    known = [each for each in told if each is not None]
    return known if len(known) == len(told) == count else None


def _read(entry: object) -> Told | None:
    response, resource = _object(entry, "response"), _object(entry, "resource")
    status = _STATUS.match(str(response.get("status")))
    if status is None:
        return None
    kind, id_ = _text(resource, "resourceType"), _text(resource, "id")
    place = _text(response, "location") or (f"{kind}/{id_}" if kind and id_ else None)
    version = _text(response, "etag") or _text(_object(resource, "meta"), "versionId")
    return Told(int(status[0]), place, version, response.get("outcome"))


def _object(parent: object, name: str) -> Resource:
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def _text(parent: Resource, name: str) -> str | None:
    value = parent.get(name)
    return value if isinstance(value, str) else None
