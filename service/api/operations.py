"""``/livez`` and ``/readyz``: is the process alive, and may it be sent work now?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from service.api import models
from service.api.service import RETRY_WHEN_BUSY, TheService

router = APIRouter(tags=["operations"])


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
    responses={503: {"model": models.Health, "description": "As many screenings as allowed are under way."}},
)
async def ready(service: TheService, response: Response) -> models.Health:
    """Answer whether a further screening is taken now; the definitions are loaded before the service listens."""
    if service.busy:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_WHEN_BUSY)
        return models.Health(status="busy")
    return models.Health(status="ok")
