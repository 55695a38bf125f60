"""``ResearchStudy/{id}/$evaluate-eligibility``: one patient judged for one study, now or later."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from service.api.access import MayReadCharts, MayScreen, shown_to
from service.api.answers import RETRY_AFTER, is_id, settled
from service.api.fhir.exchange import answer, described, fhir_router, own_base, resource_of
from service.api.fhir.questions import ASKED, ERRORS, read_question
from service.api.problems import OF_A_RESULT, Problem
from service.api.service import Service, TheService
from service.api.wishes import WISHES, read_wish
from service.eligibility.results import Screening
from service.fhir.write_error import write_under_way
from service.fhir.write_evaluation import write_evaluation
from service.screening.stored import decode, read_document
from service.work.model import JobState, StoredScreening

router = fhir_router()

TRIGGER = "evaluate"

_EVALUATED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A collection of ResearchSubject and GuidanceResponse.",
        "content": resource_of("Bundle"),
    },
    202: {
        "description": "It is kept and under way: ask again at `Content-Location`, after `Retry-After` seconds.",
        "content": resource_of("OperationOutcome"),
        "headers": {
            "Content-Location": {"schema": {"type": "string"}, "description": "Where the result will be."},
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
        },
    },
}


@router.post(
    "/ResearchStudy/{id}/$evaluate-eligibility",
    operation_id="fhirEvaluate",
    summary="Judge one patient for one study",
    response_class=Response,
    responses={**_EVALUATED, **ERRORS},
    openapi_extra={**ASKED, "parameters": WISHES},
)
async def evaluate(id: str, request: Request, service: TheService, caller: MayScreen) -> Response:  # noqa: A002 - FHIR's
    """Judge every criterion; the result is kept, and nothing is written to the hospital's server."""
    screener, wish = service.screener(id), read_wish(request)
    question, body = await read_question(request, service)
    screener.needs(patient=question.patient is not None, write_back=False)
    key = await service.off_loop(wish.key_of, caller.name, f"{TRIGGER} {id}\n".encode() + body)
    with service.places.one():
        screening = await service.take(question.order(id, TRIGGER, caller.name), key, later=wish.later)
    if wish.later:
        return _under_way(request, screening)
    return await _answered(request, service, screening, *await service.desk.awaited(screening))


@router.get(
    "/evaluations/{id}",
    operation_id="fhirEvaluation",
    summary="Read what was judged later",
    response_class=Response,
    responses={**_EVALUATED, **described(*OF_A_RESULT)},
)
async def evaluation(id: str, request: Request, service: TheService, caller: MayReadCharts) -> Response:  # noqa: A002 - as above
    """Answer as the operation itself would have answered; 202 while it is under way."""
    result, standing = await service.desk.result(id) if is_id(id) else (None, None)
    if result is not None:
        (result,) = await shown_to(caller, service, result)
    return await _answered(request, service, id, result, standing)


async def _answered(
    request: Request, service: Service, id_: str, result: StoredScreening | None, standing: JobState | None
) -> Response:
    there = settled(result, standing)
    if there is None:
        return _under_way(request, id_)
    return answer(await service.off_loop(write_evaluation, read_kept(service, there), id_, datetime.now(UTC)))


def read_kept(service: Service, kept: StoredScreening) -> Screening:
    """Read back a result that is kept. Raises a ``Problem`` (404) where its study has other criteria by now."""
    study = service.screener(kept.study).study
    try:
        return read_document(decode(kept.document), study, without_disease=False)  # which nothing here asks
    except KeyError:
        detail = "The study has other criteria than when this was judged: judge anew."
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-screening", detail) from None


def _under_way(request: Request, id_: str) -> Response:
    return answer(
        write_under_way("It is kept and under way."),
        HTTPStatus.ACCEPTED,
        Content_Location=f"{own_base(request)}/evaluations/{id_}",
        Retry_After=str(RETRY_AFTER),
    )
