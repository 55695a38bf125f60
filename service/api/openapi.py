"""Prints ``openapi.yaml``: ``make openapi`` writes it, a test holds it to the code."""

from __future__ import annotations

import sys

import yaml

from service.api import create_api
from service.api.service import Limits, Service


def openapi_yaml() -> str:
    """Return the OpenAPI document as YAML; it depends on the code alone, on no study and no setting."""
    app = create_api(Service(screeners={}, limits=Limits(body_bytes=0, entries=0, screenings=0)))
    return yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.stdout.write(openapi_yaml())
