"""What the operations are asked: Parameters with a patient or records and a day, or the records alone."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from fastapi import Request

from service.api.bodies import check_entries, invalid, parse, read_json
from service.api.fhir.exchange import MEDIA_TYPES, described, resource_of
from service.api.problems import OF_A_SCREENING, Problem
from service.api.service import Service
from service.fhir.decode import BYTE_ORDER_MARK
from service.screening.patient import reference_of, screening_day, today
from service.work.orders import ScreenOrder

# ruff: noqa: N815 - the names are FHIR's

_NOTHING, _NULL = msgspec.Raw(), msgspec.Raw(b"null")
_EXPECTED = "Send Parameters with subject or data, and asOf if you like, each once; or a Bundle."

ASKED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "`subject` (Patient/id) or `data` (a Bundle about one patient), `asOf`; or the Bundle alone.",
        "content": resource_of("Parameters", "Bundle"),
    }
}
ERRORS = described(*OF_A_SCREENING)


class Question(NamedTuple):
    """Whom to judge, and for which day; exactly one of ``patient`` and ``bundle``."""

    patient: str | None  # Patient/id
    bundle: msgspec.Raw
    as_of: date

    def order(self, study: str, trigger: str, caller: str) -> ScreenOrder:
        """Return what is to be done for a study."""
        return ScreenOrder(
            study=study, as_of=self.as_of, patient=self.patient, bundle=self.bundle, trigger=trigger, caller=caller
        )


class _Reference(msgspec.Struct):
    reference: str


class _Parameter(msgspec.Struct):
    name: str
    resource: msgspec.Raw = _NOTHING
    valueReference: _Reference | None = None
    valueId: str | None = None
    valueString: str | None = None
    valueUri: str | None = None
    valueDate: date | None = None

    @property
    def subject(self) -> str | None:
        """The patient, in whichever way it is named."""
        reference = self.valueReference.reference if self.valueReference else None
        return reference or self.valueString or self.valueUri or self.valueId


class _Body(msgspec.Struct):
    resourceType: str
    parameter: list[_Parameter] | msgspec.UnsetType = msgspec.UNSET


class _Kind(msgspec.Struct):
    resourceType: str


_kind = msgspec.json.Decoder(_Kind)
_body = msgspec.json.Decoder(_Body)


async def read_question(request: Request, service: Service) -> tuple[Question, bytes]:
    """Read what is asked, and the body as it came. Raises a ``Problem``: 400, 408, 413, 415, 422."""
    limits = service.limits
    body = await read_json(request, limits.body_bytes, limits.body_seconds, MEDIA_TYPES)
    return await service.off_loop(_decode, body, limits.entries), body


def _decode(body: bytes, max_entries: int) -> Question:
    try:
        kind = parse(_kind, body).resourceType
        if kind == "Bundle":
            question = Question(None, msgspec.Raw(body.removeprefix(BYTE_ORDER_MARK).strip()), today())
        elif kind == "Parameters":
            question = _read(parse(_body, body))
        else:
            raise invalid(_EXPECTED)
    except msgspec.ValidationError:
        raise invalid(_EXPECTED) from None
    if question.patient is None:
        check_entries(bytes(question.bundle), max_entries)
    return question


def _read(body: _Body) -> Question:
    given = body.parameter or []
    named = {each.name: each for each in given}
    if len(named) < len(given) or not named.keys() <= {"subject", "data", "asOf"}:
        raise invalid(_EXPECTED)
    if ("subject" in named) is ("data" in named):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "patient-or-bundle", "Send either subject or data.")
    if "asOf" in named and named["asOf"].valueDate is None:
        raise invalid("The parameter asOf has a valueDate, such as 2026-11-23.")
    as_of = screening_day(named["asOf"].valueDate if "asOf" in named else None)
    if "data" in named:
        if not named["data"].resource:
            raise invalid("The parameter data has a resource, which is a Bundle.")
        return Question(None, named["data"].resource, as_of)
    subject = named["subject"].subject
    if subject is None:
        raise invalid("The parameter subject has a valueReference with a reference such as Patient/123.")
    return Question(reference_of(subject), _NULL, as_of)
