"""Prints ``openapi.yaml``: ``make openapi`` writes it, a test holds it to the code."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

import yaml

from service.api import create_api
from service.api.service import Service


def openapi_yaml() -> str:
    """Return the OpenAPI document as YAML; it depends on the code alone, on no study and no setting."""
    text: str = yaml.safe_dump(create_api(_never_opened).openapi(), sort_keys=False, allow_unicode=True, width=120)
    return text


def _never_opened() -> AbstractAsyncContextManager[Service]:
    raise AssertionError


if __name__ == "__main__":
    sys.stdout.write(openapi_yaml())
