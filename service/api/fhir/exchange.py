"""How FHIR resources travel over HTTP: media types, our own address, what OpenAPI says of it."""

from __future__ import annotations

from email.message import Message
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from service.api.problems import FHIR_MEDIA_TYPE, MEANING, Problem
from service.api.service import Service
from service.fhir.write import encode
from service.fhir.write_entries import Resource

MEDIA_TYPES = (FHIR_MEDIA_TYPE, "application/json")
_ACCEPTED = {*MEDIA_TYPES, "application/*", "*/*"}
_FORMATS = {*MEDIA_TYPES, "json"}
_VERSIONS = {"4.0", "4.0.1"}


def accepts_json(request: Request) -> None:
    """Raise a ``Problem`` (406) where the caller takes no JSON of FHIR R4; ``_format`` goes over Accept."""
    wanted = request.query_params.get("_format")
    if wanted is not None:
        ranges = [wanted.replace(" ", "+")]  # a plus sign that was not escaped
        accepted = _FORMATS
    else:
        ranges = ",".join(request.headers.getlist("accept")).split(",")
        accepted = _ACCEPTED
    if not any(_fits(each, accepted) for each in ranges):
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", f"FHIR R4 is sent as {FHIR_MEDIA_TYPE} alone.")


def _fits(media_range: str, accepted: set[str]) -> bool:
    if not media_range.strip():  # nothing said is everything taken
        return True
    parsed = Message()
    parsed["Content-Type"] = media_range
    kind = media_range.partition(";")[0].strip().lower()  # a Message would make text/plain of `json`
    version, weight = str(parsed.get_param("fhirVersion", "4.0")), str(parsed.get_param("q", "1"))
    return kind in accepted and version in _VERSIONS and weight.strip("0.") != ""


def answer(resource: Resource, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """Return the answer that is a resource; ``Retry_After`` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(encode(resource), status, named, FHIR_MEDIA_TYPE)


def own_base(request: Request) -> str:
    """Return the address of this FHIR server: as it was set, else as the caller named it."""
    service: Service = request.app.state.service
    return f"{(service.public_url or str(request.base_url)).rstrip('/')}/fhir"


def resource_of(*kinds: str) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is a resource of one of these types."""
    schema = {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string", "enum": list(kinds)}},
    }
    return {FHIR_MEDIA_TYPE: {"schema": schema}}


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these errors."""
    return {int(status): {"description": MEANING[status], "content": _OUTCOME} for status in statuses}


_OUTCOME = resource_of("OperationOutcome")
ANY_OTHER: dict[int | str, dict[str, Any]] = {
    406: {"description": "The caller takes no JSON.", "content": _OUTCOME},
    "default": {"description": "Any other error.", "content": _OUTCOME},
}


def fhir_router() -> APIRouter:
    """Return a router of the FHIR door."""
    # The prefix stands here: one that is given where routers are put together is not in a route's own path.
    return APIRouter(prefix="/fhir", tags=["fhir"], dependencies=[Depends(accepts_json)], responses=ANY_OTHER)
