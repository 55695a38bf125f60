"""The shapes of CDS Hooks that OpenAPI documents; the names are the specification's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from service.api.models import Shape


class CdsService(Shape):
    """A service as discovery lists it."""

    hook: Literal["patient-view", "order-sign"]
    title: str
    description: str
    id: str
    prefetch: dict[str, str] = Field(description="Prefetch templates by resource type.")
    usageRequirements: str  # noqa: N815 - the specification's names, here and below


class CdsServices(Shape):
    """The services that can be called."""

    services: list[CdsService]


class HookContext(Shape):
    """The chart that is open, and who looks at it; further members are passed over."""

    userId: str = Field(min_length=1, max_length=2_000)  # noqa: N815
    patientId: str = Field(pattern="^[A-Za-z0-9.-]{1,64}$")  # noqa: N815


class FhirAuthorization(Shape):
    """A token for `fhirServer`, used for this call alone and kept nowhere."""

    access_token: str = Field(pattern="^[!-~]+$")


class HookRequest(Shape):
    """A call of a service."""

    hook: str
    hookInstance: str = Field(min_length=1, max_length=2_000)  # noqa: N815
    context: HookContext
    fhirServer: str | None = Field(None, pattern="^[!-~]+$", max_length=2_000)  # noqa: N815
    fhirAuthorization: FhirAuthorization | None = None  # noqa: N815
    prefetch: dict[str, Any] | None = None


class CdsCoding(Shape):
    """A code of a system."""

    system: str
    code: str
    display: str


class Source(Shape):
    """Who says so."""

    label: str
    topic: CdsCoding


class Action(Shape):
    """What the client does when the suggestion is accepted."""

    type: Literal["create"]
    description: str
    resource: dict[str, Any] = Field(description="A FHIR R4 ResearchSubject.")


class Suggestion(Shape):
    """What a person may accept."""

    label: str
    uuid: str
    actions: list[Action]


class Link(Shape):
    """Where to read on."""

    label: str
    url: str
    type: Literal["absolute"]


class Card(Shape):
    """What a clinician sees."""

    uuid: str
    summary: str = Field(max_length=139)
    detail: str = Field(description="GitHub Flavored Markdown.")
    indicator: Literal["info"]
    source: Source
    suggestions: list[Suggestion] | None = None
    selectionBehavior: Literal["at-most-one"] | None = None  # noqa: N815
    overrideReasons: list[CdsCoding]  # noqa: N815
    links: list[Link]


class CdsResponse(Shape):
    """The answer to a call."""

    cards: list[Card] = Field(max_length=1)


class CardFeedback(Shape):
    """What became of one card; members that say why are passed over."""

    card: str = Field(description="The card's uuid.", json_schema_extra={"format": "uuid"})
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815


class FeedbackRequest(Shape):
    """What became of cards."""

    feedback: list[CardFeedback] = Field(max_length=1_000)


class Outcome(Shape):
    """A FHIR R4 OperationOutcome: what went wrong, in our own words alone."""

    resourceType: Literal["OperationOutcome"]  # noqa: N815
    issue: list[dict[str, Any]]
