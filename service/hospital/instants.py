"""Moments as FHIR writes them: asked for in searches, told of resources and pages."""

from __future__ import annotations

from datetime import UTC, datetime

from service.hospital.ports import Resource


def instant(at: datetime) -> str:
    """Write a moment as every server reads it: in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_instant(written: object) -> datetime | None:
    """Return a moment that was written with its zone; ``None`` for anything else."""
    try:
        at = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def changed_at(resource: Resource) -> datetime | None:
    """Return ``meta.lastUpdated``: when a resource was changed, or when a page was made."""
    meta = resource.get("meta")
    return read_instant(meta.get("lastUpdated")) if isinstance(meta, dict) else None
