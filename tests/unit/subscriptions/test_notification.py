"""What a notification names, in the forms in which servers send it."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import NotFhirError
from service.subscriptions.notification import Named, Topic, TopicEvent, named_by, read_notification

Json = dict[str, Any]
CRP = {"resourceType": "Observation", "id": "crp", "subject": {"reference": "Patient/1"}}
SUBSCRIPTION = "https://fhir.hospital.example/r4/Subscription/s"


def parameter(name: str, **value: Any) -> Json:
    """Return a parameter."""
    return {"name": name} | value


def event(number: str, focus: str | None) -> Json:
    """Return an event as R4 writes it, its number as text."""
    parts = [parameter("event-number", valueString=number), parameter("timestamp", valueInstant="2026-11-23T10:00:00Z")]
    if focus is not None:
        parts.append(parameter("focus", valueReference={"reference": focus}))
    return parameter("notification-event", part=parts)


def parameters(type_: str, *events: Json, counted: str = "7") -> Json:
    """Return R4's status."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            parameter("subscription", valueReference={"reference": SUBSCRIPTION}),
            parameter("topic", valueCanonical="https://hospital.example/topic/results"),
            parameter("status", valueCode="active"),
            parameter("type", valueCode=type_),
            parameter("events-since-subscription-start", valueString=counted),
            *events,
        ],
    }


def status(type_: str, *events: Json, counted: Any = "7") -> Json:
    """Return the status of R4B and R5."""
    return {
        "resourceType": "SubscriptionStatus",
        "status": "active",
        "type": type_,
        "eventsSinceSubscriptionStart": counted,
        "notificationEvent": list(events),
        "subscription": {"reference": SUBSCRIPTION},
    }


def bundle(*resources: Json) -> Json:
    """Return a notification."""
    return {"resourceType": "Bundle", "type": "history", "entry": [{"resource": each} for each in resources]}


def topic(type_: str, *events: TopicEvent, counted: int | None = 7) -> Topic:
    """Return what is read of it."""
    return Topic(subscription=SUBSCRIPTION, type=type_, status="active", counted=counted, events=events)


AT = "2026-11-23T10:00:00Z"


@pytest.mark.parametrize("type_", ["handshake", "heartbeat"])
def test_what_has_no_events(type_: str) -> None:
    """A handshake and a heartbeat tell how far the Subscription counted."""
    expected = topic(type_)

    assert read_notification(bundle(parameters(type_))) == expected
    assert read_notification(bundle(status(type_))) == expected


def test_events_with_their_ids() -> None:
    """Id-only: each event names its focus, whose it is stays unknown; R4B's and R5's form tells the same."""
    r4 = parameters("event-notification", event("6", "Observation/a"), event("7", f"{SUBSCRIPTION}/../x"))
    r5 = status(
        "event-notification",
        {"eventNumber": 6, "timestamp": AT, "focus": {"reference": "https://fhir.hospital.example/Observation/a"}},
        {"eventNumber": "7", "timestamp": AT, "focus": {"reference": "no reference"}},
        counted=7,
    )
    expected = topic("event-notification", TopicEvent(6, AT, Named("Observation/a")), TopicEvent(7, AT, Named()))

    assert (read_notification(bundle(r4)), read_notification(bundle(r5))) == (expected, expected)


@pytest.mark.parametrize(
    "told",
    [
        parameters("event-notification", event("7", "Patient/1")),
        status("event-notification", {"eventNumber": 7, "timestamp": AT, "focus": {"reference": "Patient/1"}}),
    ],
)
def test_a_patient_is_its_own(told: Json) -> None:
    """What is kept of an event about a Patient is known to be theirs, though only the id came."""
    read = read_notification(bundle(told))

    assert read == topic("event-notification", TopicEvent(7, AT, Named("Patient/1", "Patient/1")))


def test_an_empty_notification() -> None:
    """Empty: there was an event, and that is all."""
    told = read_notification(bundle(parameters("event-notification", event("7", None))))

    assert told == topic("event-notification", TopicEvent(7, AT, Named()))


def test_resources_that_come_along() -> None:
    """Full-resource: whose the focus is, is known from what comes with it."""
    told = read_notification(bundle(parameters("event-notification", event("7", "Observation/crp")), CRP))

    assert told == topic("event-notification", TopicEvent(7, AT, Named("Observation/crp", "Patient/1")))


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (CRP, Named("Observation/crp", "Patient/1")),
        ({"resourceType": "Patient", "id": "1"}, Named("Patient/1", "Patient/1")),
        (
            {
                "resourceType": "Consent",
                "id": "c",
                "patient": {"reference": "https://x.example/fhir/Patient/1/_history/3"},
            },
            Named("Consent/c", "Patient/1"),
        ),
        (
            {"resourceType": "Coverage", "id": "c", "beneficiary": {"reference": "Patient/1"}},
            Named("Coverage/c", "Patient/1"),
        ),
        (
            {"resourceType": "ResearchSubject", "id": "r", "individual": {"reference": "Patient/1"}},
            Named("ResearchSubject/r", "Patient/1"),
        ),
        ({"resourceType": "Observation", "id": "g", "subject": {"reference": "Group/1"}}, Named("Observation/g")),
        ({"resourceType": "Observation", "id": "d", "subject": {"display": "Patient/1"}}, Named("Observation/d")),
        ({"resourceType": "Observation", "subject": 3}, Named(None)),
        ({"resourceType": "Observation", "id": "a b"}, Named(None)),
    ],
)
def test_whose_a_resource_is(resource: Json, expected: Named) -> None:
    """The patient stands in one of four elements; what is no reference to a Patient is none."""
    told = named_by(resource)

    assert (told.reference, told.patient) == (expected.reference, expected.patient)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resourceType": 3},
        {"resourceType": "Bundle", "type": "history"},
        bundle(CRP),
        {"resourceType": "Bundle", "entry": [3, None]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": ["Parameters"]}}]},
        bundle({"resourceType": "Parameters", "parameter": [None, {"name": "type", "valueCode": "heartbeat"}]}),
        bundle({"resourceType": "SubscriptionStatus", "type": "heartbeat"}),
    ],
)
def test_what_is_no_notification(body: Json) -> None:
    """What is no resource, and a Bundle without the status of a Subscription, is refused."""
    with pytest.raises(NotFhirError):
        read_notification(body)


def test_odd_numbers_are_none() -> None:
    """What is no number counts nothing."""
    told = read_notification(bundle(parameters("event-notification", event("9" * 30, "Observation/a"), counted="-1")))

    assert isinstance(told, Topic)
    assert (told.counted, told.events[0].number) == (None, None)
