"""The shapes of discovery runs, for OpenAPI."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from service.api.models import Model


class RunRequest(Model):
    """What to search; an empty object searches for the first study, as of today."""

    study: str | None = Field(None, description="The study's id; the first study that is loaded if absent.")
    as_of: date | None = Field(None, description="The screening date; today if absent.")
    source: Literal["rest", "bulk"] = Field("rest", description="By searches, or by a Bulk Data export.")
    full: bool = Field(default=False, description="Look through everybody, not only through what changed.")
    limit: int | None = Field(None, ge=1, description="Screen no more people than that.")
    dry_run: bool = Field(default=False, description="Post no result, and keep none.")


class RunProgress(Model):
    """How far a run is."""

    stage: str = Field(description="`export`, `download`, `select`, `collect`, `screen` or `report`.")
    done: int
    total: int | None = Field(description="Null where it is not known.")


class DiscoveryRun(Model):
    """A run, with its report when it is done."""

    id: str
    study: str
    as_of: date
    source: str
    engine: Literal["local", "spark"]
    dry_run: bool
    state: Literal["queued", "running", "done", "failed"]
    progress: RunProgress | None
    reason: str | None = Field(description="Why it failed, or waits (queued again): it is tried anew.")
    started: datetime
    report: dict[str, Any] | None = Field(description="docs/discovery.md tells its members.")
