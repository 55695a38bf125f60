"""``openapi.yaml`` is what the code says."""

from pathlib import Path

import yaml

from service.api.openapi import openapi_yaml

FILE = Path(__file__).parents[2] / "openapi.yaml"


def test_the_document_is_fresh() -> None:
    """The committed document is the one that `make openapi` writes now."""
    assert FILE.read_text(encoding="utf-8") == openapi_yaml()


def test_every_operation_documents_its_errors() -> None:
    """Each operation has an id, a summary, a description, and problem details for its errors."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    operations = [operation for path in document["paths"].values() for operation in path.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations) == 8
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
