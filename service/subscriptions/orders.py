"""The jobs that notifications ask for: look at resources that were named, or at all that changed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import msgspec

from service.subscriptions.notification import Named
from service.work.model import Kind, NewJob

_CHANGES = "look at changes"
_TOGETHER = timedelta(seconds=2)  # a server that tells nothing tells it once for each change


class LookOrder(msgspec.Struct, frozen=True):
    """Look at a resource; without one, at whatever changed since the last time."""

    reference: str | None = None
    patient: str | None = None  # whose it was said to be: looked at where the resource is gone


_encode = msgspec.json.Encoder().encode
read_look_order = msgspec.json.Decoder(LookOrder).decode


def look_at(named: Named) -> NewJob:
    """Return the job that looks at a resource; of one resource one waits."""
    if named.reference is None:
        return look_at_changes()
    order = LookOrder(named.reference, named.patient)
    return _job(order, patient=named.patient, dedup=f"look {named.reference} {named.patient}")


def look_at_changes(wait: timedelta = _TOGETHER) -> NewJob:
    """Return the job that looks for what changed; one waits, and one runs."""
    return _job(LookOrder(), lane=_CHANGES, dedup=_CHANGES, wait=wait)


def _job(order: LookOrder, **more: object) -> NewJob:
    id_ = str(uuid4())
    return NewJob(id_, Kind.LOOK, id_, _encode(order))._replace(**more)  # type: ignore[arg-type]
