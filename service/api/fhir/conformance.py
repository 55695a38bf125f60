"""What the FHIR door offers: the CapabilityStatement, the operations' definitions, the studies."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from service.api.access import MayRead
from service.api.fhir.exchange import answer, described, fhir_router, own_base, resource_of
from service.api.problems import Problem
from service.api.service import Service, TheService
from service.fhir.write_conformance import OPERATIONS, write_capabilities, write_operation, write_operations
from service.fhir.write_study import write_study

router = fhir_router()

_SINCE = datetime.now(UTC)  # what is offered does not change while the process runs


def _resource(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": f"A {kind}.", "content": resource_of(kind)}}


@router.get(
    "/metadata",
    operation_id="fhirCapabilities",
    summary="What does this FHIR server do?",
    response_class=Response,
    responses=_resource("CapabilityStatement"),
)
async def capabilities(request: Request, service: TheService) -> Response:
    """Answer the CapabilityStatement."""
    return answer(write_capabilities(_canonical(service), own_base(request), _SINCE))


@router.get(
    "/OperationDefinition",
    operation_id="fhirOperations",
    summary="Which operations are there?",
    response_class=Response,
    responses=_resource("Bundle"),
)
async def operations(request: Request, service: TheService, _: MayRead) -> Response:
    """Answer a searchset of every OperationDefinition."""
    return answer(write_operations(_canonical(service), own_base(request)))


@router.get(
    "/OperationDefinition/{id}",
    operation_id="fhirOperation",
    summary="How is an operation called?",
    response_class=Response,
    responses={**_resource("OperationDefinition"), **described(HTTPStatus.NOT_FOUND)},
)
async def operation(id: str, service: TheService, _: MayRead) -> Response:  # noqa: A002 - FHIR's word
    """Answer one OperationDefinition."""
    for each in OPERATIONS:
        if each.id == id:
            return answer(write_operation(each, _canonical(service)))
    raise Problem(HTTPStatus.NOT_FOUND, "not-found", "There is no operation of this id.")


@router.get(
    "/ResearchStudy/{id}",
    operation_id="fhirStudy",
    summary="Read one study as FHIR",
    response_class=Response,
    responses={**_resource("ResearchStudy"), **described(HTTPStatus.NOT_FOUND)},
)
async def study(id: str, service: TheService, _: MayRead) -> Response:  # noqa: A002 - FHIR's word
    """Answer the ResearchStudy of a study that is loaded, by its id."""
    return answer(write_study(service.screener(id).study) | {"id": id})


def _canonical(service: Service) -> str:
    """Return the base of our own canonical addresses, which is the same for every study."""
    return service.screener(None).study.base
