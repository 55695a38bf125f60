"""``/cds-services``: CDS Hooks 2.0.1, discovery, calls and feedback (https://cds-hooks.hl7.org/2.0/)."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from service.api import cds_models as models
from service.api.bodies import read_json
from service.api.cds_bodies import HookRequest, decode_call, decode_feedback
from service.api.problems import Problem
from service.api.service import Service, TheService
from service.cds.advise import Call
from service.cds.door import PATH, CdsHooks
from service.cds.phrases import language_of
from service.cds.ports import Access, Feedback
from service.screening.patient import reference_of

_OUTCOME = {"application/json": {"schema": {"$ref": "#/components/schemas/Outcome"}}}
router = APIRouter(
    prefix=PATH,
    tags=["cds-hooks"],
    responses={"default": {"description": "Any other error.", "content": _OUTCOME}},
)

_MEANING = {
    HTTPStatus.BAD_REQUEST: "Not JSON, or not in the specification's form, or for another hook than the service's.",
    HTTPStatus.UNAUTHORIZED: "No token of a client that is listed, or one that is not for this URL and moment.",
    HTTPStatus.NOT_FOUND: "There is no such service.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.PRECONDITION_FAILED: "The prefetch is not complete, and what it lacks cannot be fetched.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json in UTF-8.",
    HTTPStatus.TOO_MANY_REQUESTS: "As many screenings as allowed are under way; see `Retry-After`.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store or the client's keys cannot be reached; see `Retry-After`.",
}
_TAKES_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


def _described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    always = (HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
    return {int(each): {"description": _MEANING[each], "content": _OUTCOME} for each in (*always, *statuses)}


def _body(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}}


@router.get(
    "",
    operation_id="discoverCdsServices",
    summary="List the CDS services",
    response_class=Response,
    responses={200: {"model": models.CdsServices, "description": "A service a study and hook."}, **_described()},
)
async def discover(request: Request, service: TheService) -> Response:
    """List the services with the prefetch that each needs."""
    if service.cds is None:
        return _json({"services": []})
    await service.cds.admit(request.headers.get("authorization"))
    return _json({"services": service.cds.services(_language(request))})


@router.post(
    "/{id}",
    operation_id="callCdsService",
    summary="Ask for a card",
    response_class=Response,
    responses={
        200: {"model": models.CdsResponse, "description": "One card, or none."},
        **_described(*_TAKES_BODY, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.TOO_MANY_REQUESTS),
    },
    openapi_extra=_body("HookRequest"),
)
async def call(id: str, request: Request, service: TheService) -> Response:  # noqa: A002 - the specification's word
    """Judge the patient in context, and answer a card where it is worth one.

    There is none for whoever is no candidate, for an unchanged result that the same clinician has dismissed, and
    where the answer would come later than the budget allows.
    """
    hooks = _hooks(service)
    caller = await hooks.admit(request.headers.get("authorization"), id)
    found = hooks.find(id)
    if found is None:
        raise _unknown()
    hook, advisor = found
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    with service.places.one():
        arrived = asyncio.get_running_loop().time()
        said = await service.off_loop(decode_call, body)
        if said.hook != hook:
            raise Problem(HTTPStatus.BAD_REQUEST, "another-hook", "The service is for another hook: see discovery.")
        cards = await advisor.advise(_call(said, caller, _language(request), arrived))
    return _json({"cards": cards})


@router.post(
    "/{id}/feedback",
    operation_id="giveCdsFeedback",
    summary="Tell what became of cards",
    response_class=Response,
    responses={200: {"description": "It is kept; the same may be sent again."}, **_described(*_TAKES_BODY)},
    openapi_extra=_body("FeedbackRequest"),
)
async def feedback(id: str, request: Request, service: TheService) -> Response:  # noqa: A002 - as above
    """Keep which cards were accepted and which overridden; of an override no reason and no comment is kept."""
    hooks = _hooks(service)
    caller = await hooks.admit(request.headers.get("authorization"), id, "feedback")
    if hooks.find(id) is None:
        raise _unknown()
    body = await read_json(request, service.limits.body_bytes, service.limits.body_seconds)
    said = await service.off_loop(decode_feedback, body)
    told = [Feedback(str(each.card), each.outcome, each.outcomeTimestamp) for each in said.feedback]
    await hooks.cards.heard(caller, told)
    return Response()


def _hooks(service: Service) -> CdsHooks:
    if service.cds is None:
        raise _unknown()
    return service.cds


def _unknown() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-service", "There is no such service: see discovery.")


def _call(said: HookRequest, caller: str, language: str, arrived: float) -> Call:
    token = said.fhirAuthorization.access_token if said.fhirAuthorization else None
    return Call(
        caller=caller,
        patient=reference_of(said.context.patientId),
        user=said.context.userId,
        prefetch=said.prefetch or {},
        access=Access(said.fhirServer.rstrip("/"), token) if said.fhirServer else None,
        language=language,
        arrived=arrived,
    )


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
