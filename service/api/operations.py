"""For whoever keeps the service running: is it alive, may it be sent work, what was counted; and our public keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import product

from fastapi import APIRouter, Response

from service import metrics
from service.api import models
from service.api.access import MAY_SCRAPE
from service.api.service import RETRY_WHEN_BUSY, Service, TheService
from service.work.model import JobCount, JobState, Kind
from service.work.ports import StoreDown

router = APIRouter(tags=["operations"])

# Seconds for which servers may keep our keys: a next key is published at least this long before it is used.
KEYS_KEPT = 900


@router.head("/livez", include_in_schema=False)
@router.get("/livez", operation_id="live", summary="Is the process alive?")
async def live() -> models.Health:
    """Answer at once: restart the process when this fails."""
    return models.Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="ready",
    summary="May it be sent work now?",
    responses={
        503: {
            "model": models.Health,
            "description": "As many screenings as allowed are under way, it is about to stop, or its store is down.",
        }
    },
)
async def ready(service: TheService, response: Response) -> models.Health:
    """Answer whether a further screening is taken now; the definitions are loaded before the service listens.

    A hospital server that is down is no reason against: what is accepted waits for it.
    """
    health = await _health(service)
    if health.status != "ok":
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_WHEN_BUSY)
    return health


async def _health(service: Service) -> models.Health:
    if service.desk.closed:
        return models.Health(status="stopping")
    if service.places.full:
        return models.Health(status="busy")
    try:
        await service.desk.check()
    except StoreDown:
        return models.Health(status="store-down")
    return models.Health(status="ok")


@router.get("/.well-known/jwks.json", operation_id="keys", summary="By which keys do we sign?")
async def keys(service: TheService, response: Response) -> models.JwkSet:
    """Answer the public keys (RFC 7517) by which authorisation servers know us: those in use and those that come next.

    Empty where no key is set.
    """
    response.headers["Cache-Control"] = f"public, max-age={KEYS_KEPT}"
    return models.JwkSet(keys=[dict(key) for key in service.keys])


@router.get(
    "/metrics",
    dependencies=[MAY_SCRAPE],
    operation_id="metrics",
    summary="What was counted?",
    response_class=Response,
    responses={200: {"description": "Prometheus' text format.", "content": {"text/plain": {}}}},
)
async def exposition(service: TheService) -> Response:
    """Answer what this process counted, and how the jobs of the store stand; nothing tells of whom."""
    try:
        counts = await service.desk.counts()
        runs = await service.runs.last() if service.runs is not None else {}
    except StoreDown:
        metrics.store_is_down()
    else:
        metrics.jobs(_standing(counts, datetime.now(UTC)))
        for study, began in runs.items():
            metrics.discovered(study, began.timestamp())
    return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)


def _standing(counts: Iterable[JobCount], now: datetime) -> Iterator[tuple[str, str, int, float]]:
    """Give each kind and state but ``done``, those without jobs too."""
    found = {(each.kind, each.state): each for each in counts}
    for kind, state in product(Kind, (JobState.READY, JobState.RUNNING, JobState.PARKED)):
        count = found.get((kind, state))
        number, age = (count.number, (now - count.oldest).total_seconds()) if count else (0, 0.0)
        yield kind.value, state.value, number, max(age, 0.0)
