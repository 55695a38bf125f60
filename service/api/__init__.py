"""The HTTP doors, a few lines an endpoint: each translates a request into one use case, and its outcome back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service import __version__
from service.api import (
    cds,
    cds_models,
    discovery,
    discovery_models,
    fhir,
    listing,
    models,
    operations,
    problems,
    screenings,
    studies,
    subscriptions,
)
from service.api.access import describe_refusals
from service.api.service import Service
from service.api.watch import Watch

DESCRIPTION = "Pre-screens charts read over FHIR R4 against the eligibility criteria of a clinical trial."
TAGS = [
    {"name": "screenings", "description": "Judge one patient, and see what was judged."},
    {"name": "discovery", "description": "Search the whole hospital."},
    {"name": "studies", "description": "What is screened for."},
    {"name": "fhir", "description": "The same for callers who speak FHIR R4."},
    {"name": "cds-hooks", "description": "Cards for clinicians, by CDS Hooks 2.0.1."},
    {"name": "subscriptions", "description": "For FHIR servers that tell of changes."},
    {"name": "operations", "description": "For whoever keeps the service running."},
]


def create_api(opened: Callable[[], AbstractAsyncContextManager[Service]]) -> FastAPI:
    """Return the application over the service that ``opened`` opens at start and closes at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened() as service:
            app.state.service = service
            yield

    app = FastAPI(
        lifespan=lifespan,
        title="Candor",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        contact={"name": "The Candor contributors", "url": "https://trial-screening.example"},
        servers=[{"url": "http://127.0.0.1:8000", "description": "Where `candor serve` listens by default."}],
        # Its own spans would hold paths with ids, and queries; service.api.watch makes ours.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    problems.install(app)
    for room in (screenings, listing, discovery, studies, operations):
        app.include_router(room.router, responses=problems.ANY_OTHER)
    for router in (*fhir.routers, cds.router, subscriptions.router):
        app.include_router(router)
    app.add_middleware(Watch)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, with the shapes of what is read and written without FastAPI's models."""
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            servers=app.servers,
            contact=app.contact,
            license_info=app.license_info,
        )
        extra = [
            (models.ScreeningRequest, "validation"),
            (discovery_models.RunRequest, "validation"),
            (cds_models.HookRequest, "validation"),
            (cds_models.FeedbackRequest, "validation"),
            (cds_models.Outcome, "serialization"),
            (models.Problem, "serialization"),
        ]
        _, schemas = models_json_schema(extra, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
        app.openapi_schema["components"]["schemas"] |= schemas["$defs"]
        describe_refusals(app.openapi_schema)
    return app.openapi_schema
