"""Reads a notification: which resources it names, and nothing else of what it brings.

R4's rest-hook brings a resource or nothing. A topic's notification (R5 backport) is a Bundle that begins with its
status: Parameters in R4, a SubscriptionStatus in R4B and R5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.errors import NotFhirError
from service.fhir.references import reference_in

TYPE, ID = r"[A-Z][A-Za-z]{1,63}", r"[A-Za-z0-9.\-]{1,64}"
_REFERENCE = re.compile(rf"(?:.*/)?({TYPE}/{ID})(?:/_history/{ID})?\Z")
_DIGITS = re.compile(r"\d{1,18}\Z")
_WHOSE = ("subject", "patient", "individual", "beneficiary")  # elements that say whose a record is

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A resource that changed, as far as the notification tells; ``patient``: whose it says that it is."""

    reference: str | None = None
    patient: str | None = None


@dataclass(frozen=True, slots=True)
class TopicEvent:
    """One event of a topic; ``number`` counts those of its Subscription."""

    number: int | None
    timestamp: str
    named: Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A notification of a topic's Subscription."""

    subscription: str
    type: str  # handshake, heartbeat, event-notification …
    status: str | None  # the Subscription's own
    counted: int | None  # events since the Subscription started
    events: tuple[TopicEvent, ...] = ()


Notification = Named | Topic


def read_notification(body: Resource) -> Notification:
    """Return what a body tells. Raises ``NotFhirError`` for what is no resource."""
    if not isinstance(body.get("resourceType"), str):
        raise NotFhirError("The body is no FHIR resource.", "not-fhir")
    if body["resourceType"] != "Bundle":
        return named_by(body)
    entries = [entry for entry in _list(body.get("entry")) if isinstance(entry, Mapping)]
    first = entries[0].get("resource") if entries else None
    kind = first.get("resourceType") if isinstance(first, Mapping) else None
    if isinstance(first, Mapping) and isinstance(kind, str) and kind in _STATUSES:
        return _topic(_STATUSES[kind](first), entries[1:])
    raise NotFhirError("The Bundle does not begin with the status of a Subscription.", "not-a-notification")


def relative(reference: str) -> str | None:
    """Return ``Type/id`` of a reference, wherever it leads; ``None`` where it is none."""
    match = _REFERENCE.match(reference)
    return match[1] if match else None


def named_by(resource: Resource, own: Callable[[str], str | None] = relative) -> Named:
    """Return which resource this is, and whose it says that it is; ``own``: which references count, as ``Type/id``."""
    kind, id_ = resource.get("resourceType"), resource.get("id")
    reference = relative(f"{kind}/{id_}") if isinstance(id_, str) else None
    written = filter(None, (reference_in(resource.get(element)) for element in _WHOSE))
    patients = (each for each in map(own, written) if each is not None and each.startswith("Patient/"))
    return named(reference, next(patients, None))


def named(reference: str | None, patient: str | None = None) -> Named:
    """Return the resource of that name: a Patient is its own, another is the ``patient``'s."""
    return Named(reference, reference if reference is not None and reference.startswith("Patient/") else patient)


class _Parameters:
    """The status as R4's Parameters: each value under the name of its type."""

    def __init__(self, resource: Resource) -> None:
        self._parameters = _list(resource.get("parameter"))

    def text(self, name: str) -> str | None:
        return next(_texts(self._parameters, name), None)

    def events(self) -> Iterator[TopicEvent]:
        for each in self._parameters:
            if isinstance(each, Mapping) and each.get("name") == "notification-event":
                parts = _list(each.get("part"))
                number, timestamp, focus = (
                    next(_texts(parts, name), None) for name in ("event-number", "timestamp", "focus")
                )
                yield TopicEvent(_number(number), timestamp or "", named(relative(focus or "")))


class _Status:
    """The status as R4B's and R5's own resource."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def text(self, name: str) -> str | None:
        key = re.sub(r"-(\w)", lambda match: match[1].upper(), name)
        return _text(self._resource.get(key))

    def events(self) -> Iterator[TopicEvent]:
        for each in _list(self._resource.get("notificationEvent")):
            if isinstance(each, Mapping):
                focus, timestamp = relative(reference_in(each.get("focus")) or ""), _text(each.get("timestamp"))
                yield TopicEvent(_number(_text(each.get("eventNumber"))), timestamp or "", named(focus))


_STATUSES: Mapping[str, type[_Parameters | _Status]] = {"Parameters": _Parameters, "SubscriptionStatus": _Status}


def _topic(status: _Parameters | _Status, entries: list[Resource]) -> Topic:
    subscription, kind = status.text("subscription"), status.text("type")
    if subscription is None or kind is None:
        raise NotFhirError("The notification does not say of which Subscription and type it is.", "not-a-notification")
    brought = {each.reference: each for each in _brought(entries)}
    events = [replace(each, named=brought.get(each.named.reference, each.named)) for each in status.events()]
    counted = _number(status.text("events-since-subscription-start"))
    return Topic(
        subscription=subscription, type=kind, status=status.text("status"), counted=counted, events=tuple(events)
    )


def _brought(entries: list[Resource]) -> Iterator[Named]:
    for entry in entries:
        if isinstance(resource := entry.get("resource"), Mapping):
            yield named_by(resource)


def _texts(parameters: list[Any], name: str) -> Iterator[str]:
    """Give the values of a parameter as text, whatever their type."""
    for each in parameters:
        if isinstance(each, Mapping) and each.get("name") == name:
            values = (value for key, value in each.items() if key.startswith("value"))
            yield from filter(None, map(_text, values))


def _text(value: object) -> str | None:
    if isinstance(value, Mapping):
        return reference_in(value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _DIGITS.match(text) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
