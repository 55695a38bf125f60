"""``ResearchStudy/$match``: every study that is loaded, for one patient."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus

from fastapi import Request, Response

from service.api.access import MayScreen
from service.api.answers import RETRY_AFTER, settled
from service.api.fhir.evaluation import read_kept
from service.api.fhir.exchange import answer, fhir_router, own_base, resource_of
from service.api.fhir.questions import ASKED, ERRORS, read_question
from service.api.problems import Problem
from service.api.service import TheService
from service.fhir.write_evaluation import write_match

router = fhir_router()

TRIGGER = "match"


@router.post(
    "/ResearchStudy/$match",
    operation_id="fhirMatch",
    summary="Find the studies for one patient",
    response_class=Response,
    responses={
        200: {"description": "A searchset of ResearchStudy, the best match first.", "content": resource_of("Bundle")},
        **ERRORS,
    },
    openapi_extra=ASKED,
)
async def match(request: Request, service: TheService, caller: MayScreen) -> Response:
    """Judge one patient for every study; `search.score` is the share of criteria that pass, 0 where one fails."""
    question, _ = await read_question(request, service)
    screenings = []
    with service.places.one():
        for study, screener in service.screeners.items():
            screener.needs(patient=question.patient is not None, write_back=False)
            id_ = await service.take(question.order(study, TRIGGER, caller.name), None, later=False)
            kept = settled(*await service.desk.awaited(id_))
            if kept is None:  # another process took it over, and is at it
                detail = "It is still under way: ask again."
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "under-way", detail, retry_after=RETRY_AFTER)
            screenings.append(read_kept(service, kept))
    write = partial(write_match, screenings, own_base(request), "ResearchStudy/$match")
    return answer(await asyncio.get_running_loop().run_in_executor(service.worker, write))
