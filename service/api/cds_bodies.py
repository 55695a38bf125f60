"""What CDS clients send: calls of a service and feedback on cards, with the decimals of the prefetch as written."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from service.api.bodies import in_utc
from service.api.problems import Problem
from service.fhir.decode import BYTE_ORDER_MARK

_MOST_FEEDBACK = 1_000  # entries of one request
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Server = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z", max_length=2_000)]  # results name it
Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]  # what may stand in a header
T = TypeVar("T")


class Context(msgspec.Struct):
    """What ``patient-view`` and ``order-sign`` tell in common; orders that are still drafts are no records."""

    userId: Text  # noqa: N815 - the specification's names
    patientId: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]{1,64}\Z")]  # noqa: N815


class FhirAuthorization(msgspec.Struct):
    """The token that the client lends; it has no ``repr``."""

    access_token: Token

    def __repr__(self) -> str:
        return "FhirAuthorization(…)"


class HookRequest(msgspec.Struct):
    """The body of a call; members that are not ours are passed over, as extensions are."""

    hook: str
    hookInstance: Text  # noqa: N815
    context: Context
    fhirServer: Server | None = None  # noqa: N815
    fhirAuthorization: FhirAuthorization | None = None  # noqa: N815
    prefetch: dict[str, Any] | None = None


class CardFeedback(msgspec.Struct):
    """What became of one card; a reason may hold free text, which is not read."""

    card: UUID
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: Annotated[datetime, msgspec.Meta(tz=True)]  # noqa: N815

    def __post_init__(self) -> None:
        self.outcomeTimestamp = in_utc(self.outcomeTimestamp)


class FeedbackRequest(msgspec.Struct):
    """The body of feedback."""

    feedback: Annotated[list[CardFeedback], msgspec.Meta(max_length=_MOST_FEEDBACK)]


_call = msgspec.json.Decoder(HookRequest, float_hook=Decimal)
_feedback = msgspec.json.Decoder(FeedbackRequest)


def decode_call(body: bytes) -> HookRequest:
    """Decode a call. Raises a ``Problem``: 400."""
    return _decode(_call, body)


def decode_feedback(body: bytes) -> FeedbackRequest:
    """Decode feedback. Raises a ``Problem``: 400."""
    return _decode(_feedback, body)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except msgspec.ValidationError:  # its words may repeat what was sent
        detail = "The body lacks a member that the specification requires, or one has another type."
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid-body", detail) from None
    except RecursionError:
        raise Problem(HTTPStatus.BAD_REQUEST, "nested-too-deeply", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body is not JSON (RFC 8259; NaN is none).") from None
